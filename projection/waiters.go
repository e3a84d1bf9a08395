package projection

import (
	"hash/maphash"
	"iter"
)

// waiters is who waits for a signal of a name. Most signals have one waiter, and many wait: a name is not kept, only its hash, so those
// who wait for a name with the same hash come with it.
type waiters struct {
	seed  maphash.Seed
	first map[uint64]*record
	more  map[uint64][]*record // where there are several
}

func newWaiters() waiters {
	return waiters{seed: maphash.MakeSeed(), first: make(map[uint64]*record), more: make(map[uint64][]*record)}
}

func (w *waiters) add(name string, rec *record) {
	hash := maphash.String(w.seed, name)
	if w.first[hash] == nil {
		w.first[hash] = rec
		return
	}
	w.more[hash] = append(w.more[hash], rec)
}

// remove removes one that was added for the name.
func (w *waiters) remove(name string, rec *record) {
	hash := maphash.String(w.seed, name)
	more := w.more[hash]
	switch {
	case w.first[hash] != rec:
		more = without(more, rec)
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

// of goes through those who wait for the name, and perhaps others.
func (w *waiters) of(name string) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		hash := maphash.String(w.seed, name)
		first := w.first[hash]
		if first == nil || !yield(first) {
			return
		}
		for _, rec := range w.more[hash] {
			if !yield(rec) {
				return
			}
		}
	}
}
