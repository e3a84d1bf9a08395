package projection

import (
	"encoding/binary"
	"errors"
)

// errWindows: the bytes are not what append has written.
var errWindows = errors.New("the windows cannot be read")

// windowsVersion is the first byte of the encoding.
const windowsVersion = 1

// append encodes the windows. Seconds without events take no bytes.
func (w *windows) append(b []byte) []byte {
	b = append(b, windowsVersion)
	for i := range w.tallies {
		t := &w.tallies[i]
		if t.second == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(t.second))
		for _, n := range t.counts() {
			b = binary.AppendUvarint(b, uint64(*n))
		}
	}
	b = binary.AppendUvarint(b, 0) // no second: the end of the tallies
	for _, s := range w.slices {
		if s != nil {
			b = binary.AppendUvarint(b, uint64(s.number))
			b = s.run.append(s.wait.append(b))
		}
	}
	return b
}

// counts lists the counters in the order of the encoding.
func (t *tally) counts() [5]*uint32 {
	return [5]*uint32{&t.submitted, &t.succeeded, &t.failed, &t.cancelled, &t.attemptsFailed}
}

func (h *histogram) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(h.count))
	if h.count == 0 {
		return b
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(h.first)), uint64(h.last))
	for _, n := range h.n[h.first : h.last+1] {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// decodeWindows reads what append has written. Error: errWindows.
func decodeWindows(b []byte) (*windows, error) {
	w := new(windows)
	r := varints{b: b}
	if len(b) == 0 || b[0] != windowsVersion {
		return nil, errWindows
	}
	r.b = b[1:]
	for second := r.next(); second != 0 && !r.bad; second = r.next() {
		t := &w.tallies[second%tallyCount]
		t.second = int64(second)
		for _, n := range t.counts() {
			*n = uint32(r.next())
		}
	}
	for len(r.b) > 0 && !r.bad {
		s := &slice{number: int64(r.next())}
		s.wait.read(&r)
		s.run.read(&r)
		if !r.bad {
			w.slices[uint64(s.number)%sliceCount] = s
		}
	}
	if r.bad {
		return nil, errWindows
	}
	return w, nil
}

func (h *histogram) read(r *varints) {
	h.count = int64(r.next())
	if h.count == 0 {
		return
	}
	first, last := r.next(), r.next()
	if first > last || last >= bucketCount {
		r.bad = true
		return
	}
	h.first, h.last = int(first), int(last)
	for i := h.first; i <= h.last; i++ {
		h.n[i] = uint32(r.next())
	}
}

// varints reads numbers one after the other; bad once there was none to read.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) next() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return x
}
