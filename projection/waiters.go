package projection

import (
	"hash/maphash"
	"iter"
	"slices"
)

// waiters is who waits for a signal of a name. Most signals have one waiter, and many wait: a name is not kept, only 32 bits of its hash,
// so those who wait for a name with the same bits come with it.
type waiters struct {
	seed  maphash.Seed
	first map[uint32]uint32   // the slot of the first
	more  map[uint32][]uint32 // of the others, where there are several
}

func newWaiters() waiters {
	return waiters{seed: maphash.MakeSeed(), first: make(map[uint32]uint32), more: make(map[uint32][]uint32)}
}

func (w *waiters) hash(name string) uint32 { return uint32(maphash.String(w.seed, name)) }

// add adds the record in a slot.
func (w *waiters) add(name string, slot uint32) {
	hash := w.hash(name)
	if _, some := w.first[hash]; !some {
		w.first[hash] = slot
		return
	}
	w.more[hash] = append(w.more[hash], slot)
}

// remove removes one that was added for the name.
func (w *waiters) remove(name string, slot uint32) {
	hash := w.hash(name)
	more := w.more[hash]
	switch {
	case w.first[hash] != slot:
		if i := slices.Index(more, slot); i >= 0 {
			more = slices.Delete(more, i, i+1)
		}
	case len(more) > 0:
		w.first[hash], more = more[0], more[1:]
	default:
		delete(w.first, hash)
	}
	if len(more) > 0 {
		w.more[hash] = more
	} else {
		delete(w.more, hash)
	}
}

// of goes through the slots of those who wait for the name, and perhaps others.
func (w *waiters) of(name string) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		hash := w.hash(name)
		first, some := w.first[hash]
		if !some || !yield(first) {
			return
		}
		for _, slot := range w.more[hash] {
			if !yield(slot) {
				return
			}
		}
	}
}
