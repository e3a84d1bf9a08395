package table

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/axiomhq/hyperloglog"
)

// frequencies counts how often each value comes, and how many there are.
//
// While every value has its place both are exact. (A 64-bit hash stands for a value; that
// two of 100,000 values share one has a chance of 3 in 10 billion.) Once its size is
// restricted it throws out the rarest values when it is full, as lossy counting does (Manku
// and Motwani, "Approximate Frequency Counts over Data Streams", 2002): a value that is
// not in it came at most floor times, and a count is too low by at most what floor was
// when its value came in. The number of values then comes from a HyperLogLog that all of
// them have gone through.
type frequencies struct {
	slots  []slot // open addressing by the high bits of the hash; a power of two
	used   int
	shift  int
	texts  []string // of slots that may be shown
	shown  int      // bytes of a text
	weight int      // bytes of texts

	most      int   // slots; 0 = no limit
	precision uint8 // of the sketch
	floor     uint32
	missed    []uint32 // for each slot, what floor was when its value came in
	sketch    *hyperloglog.Sketch
}

// slot is a value and its count; hash 0 is a free one.
type slot struct {
	hash  uint64
	count uint32
	text  uint32 // place in texts, from 1; 0 = not kept
}

const (
	slotBytes  = 16
	firstSlots = 64
	firstTexts = 64   // values whose text is kept at once; others when they come again
	probes     = 1024 // values that the rarest are told from
)

func newFrequencies(s sizes) frequencies {
	return frequencies{slots: make([]slot, firstSlots), shift: shiftFor(firstSlots), shown: s.shown, precision: s.precision}
}

func shiftFor(slots int) int { return 64 - bits.Len(uint(slots-1)) }

// room is how many values a table of that many slots takes.
func room(slots int) int { return slots - slots/5 }

func (f *frequencies) add(hash uint64, b []byte) {
	mask := len(f.slots) - 1
	for i := int(hash >> f.shift); ; i++ {
		s := &f.slots[i&mask]
		if s.hash == hash {
			if s.count < math.MaxUint32 {
				s.count++
			}
			if s.count == 2 && s.text == 0 {
				f.keepText(s, b)
			}
			return
		}
		if s.hash == 0 {
			f.insert(hash, b)
			return
		}
	}
}

func (f *frequencies) insert(hash uint64, b []byte) {
	if f.used >= room(len(f.slots)) {
		if f.most == 0 || len(f.slots) < f.most {
			f.rebuild(2*len(f.slots), 0)
		} else {
			f.throwOut(f.most)
		}
	}
	if f.sketch != nil {
		f.sketch.InsertHash(hash)
	}
	i := f.free(hash)
	f.slots[i] = slot{hash: hash, count: 1}
	if f.missed != nil {
		f.missed[i] = f.floor
	}
	f.used++
	if len(f.texts) < firstTexts {
		f.keepText(&f.slots[i], b)
	}
}

// free returns the free slot where the hash belongs.
func (f *frequencies) free(hash uint64) int {
	mask := len(f.slots) - 1
	i := int(hash>>f.shift) & mask
	for f.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	return i
}

func (f *frequencies) keepText(s *slot, b []byte) {
	s.text = f.text(shown(b, f.shown))
}

func (f *frequencies) text(text string) uint32 {
	f.texts = append(f.texts, text)
	f.weight += len(text) + 16
	return uint32(len(f.texts))
}

// restrict limits the table to that many slots from now on.
func (f *frequencies) restrict(slots int) {
	f.most = slots
	switch {
	case len(f.slots) <= slots:
	case f.used <= room(slots):
		f.rebuild(slots, 0)
	default:
		f.throwOut(slots)
	}
}

// atMost is the most times that the value in slot i can have come; 0 for a free slot.
func (f *frequencies) atMost(i int) uint32 {
	if f.missed == nil {
		return f.slots[i].count
	}
	return f.slots[i].count + f.missed[i]
}

// throwOut removes the rarest values, so that a table of that many slots is half full.
func (f *frequencies) throwOut(slots int) {
	if f.sketch == nil {
		f.startSketch()
	}
	keep := room(slots) / 2
	var sample []uint32
	for i, step := 0, max(1, len(f.slots)/probes); i < len(f.slots); i += step {
		if f.slots[i].hash != 0 {
			sample = append(sample, f.atMost(i))
		}
	}
	slices.Sort(sample)
	at := min(len(sample)-1, len(sample)*(f.used-keep)/f.used)
	for ; at < len(sample); at++ {
		if f.moreThan(sample[at]) <= room(slots)*3/4 {
			break
		}
	}
	threshold := uint32(math.MaxUint32)
	if at < len(sample) {
		threshold = sample[at]
	} else {
		threshold = f.largest()
	}
	f.floor = max(f.floor, threshold)
	f.rebuild(slots, threshold)
}

// startSketch sends the values so far, all of which are in the table, through the sketch.
func (f *frequencies) startSketch() {
	f.sketch, _ = hyperloglog.NewSketch(f.precision, false) // the precision is in range
	for _, s := range f.slots {
		if s.hash != 0 {
			f.sketch.InsertHash(s.hash)
		}
	}
	f.missed = make([]uint32, len(f.slots))
}

// moreThan counts the values that may have come more often than that.
func (f *frequencies) moreThan(threshold uint32) (n int) {
	for i := range f.slots {
		if f.atMost(i) > threshold {
			n++
		}
	}
	return n
}

func (f *frequencies) largest() (most uint32) {
	for i := range f.slots {
		most = max(most, f.atMost(i))
	}
	return most
}

// rebuild moves the values that may have come more often than above into a table of that
// many slots.
func (f *frequencies) rebuild(slots int, above uint32) {
	old, missed, texts := *f, f.missed, f.texts
	f.slots, f.shift, f.used = make([]slot, slots), shiftFor(slots), 0
	f.texts, f.weight = make([]string, 0, len(texts)), 0
	if missed != nil {
		f.missed = make([]uint32, slots)
	}
	for i, s := range old.slots {
		if s.hash == 0 || old.atMost(i) <= above {
			continue
		}
		if s.text > 0 {
			s.text = f.text(texts[s.text-1])
		}
		at := f.free(s.hash)
		f.slots[at] = s
		if missed != nil {
			f.missed[at] = missed[i]
		}
		f.used++
	}
}

func (f *frequencies) bytes() int { return slotBytes*len(f.slots) + f.weight }

// exact reports whether no value was dropped.
func (f *frequencies) exact() bool { return f.sketch == nil }

// numbers returns the values as numbers in order, if every one is still there with its
// text. They are keys of integers if whole.
func (f *frequencies) numbers(format numberFormat, whole bool) (list []weighted, ok bool) {
	if !f.exact() {
		return nil, false
	}
	for _, s := range f.slots {
		if s.hash == 0 {
			continue
		}
		if s.text == 0 || s.count == math.MaxUint32 {
			return nil, false
		}
		text := []byte(f.texts[s.text-1])
		if isInfinite(text) {
			continue
		}
		n, _, ok := format.read(text)
		switch {
		case ok && whole && n.whole:
			list = append(list, weighted{wholeKey(n.i), int64(s.count)})
		case ok && !whole:
			list = append(list, weighted{floatKey(n.f), int64(s.count)})
		default:
			return nil, false
		}
	}
	sortWeighted(list)
	return list, true
}

func (f *frequencies) distinct() int64 {
	if f.sketch == nil {
		return int64(f.used)
	}
	return int64(f.sketch.Estimate())
}

// top returns the values that certainly came more often than any not listed here could
// have without being in the table: most frequent first, then in the order of text.
func (f *frequencies) top(most int) []Value {
	list := []Value{}
	for _, s := range f.slots {
		if s.text > 0 && s.count > f.floor {
			list = append(list, Value{f.texts[s.text-1], int64(s.count)})
		}
	}
	slices.SortFunc(list, func(a, b Value) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return strings.Compare(a.Value, b.Value)
	})
	return slices.Clone(list[:min(len(list), most)])
}
