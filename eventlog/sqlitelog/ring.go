package sqlitelog

import (
	"slices"
	"sync"

	"daybook/eventlog"
)

// ring keeps the most recent events in memory, so that readers close to the head do not
// ask SQLite. Readers share the events.
type ring struct {
	limit    int
	maxBytes int64

	mu     sync.RWMutex
	events []*eventlog.Event // guarded by mu; oldest first, without gaps
	first  int               // guarded by mu; index of the oldest in events
	bytes  int64             // guarded by mu
}

// eventCost is what an event costs in memory beside its data: the struct, its strings,
// and the JSON that the first reader makes of it.
const eventCost = 900

func cost(e *eventlog.Event) int64 { return eventCost + 2*int64(len(e.Data)) }

func newRing(limit int, maxBytes int64) *ring {
	return &ring{limit: limit, maxBytes: maxBytes}
}

// add adds events that follow those it has, and drops the oldest.
func (r *ring) add(events []*eventlog.Event) {
	if len(events) > r.limit {
		events = events[len(events)-r.limit:]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.events); n > 0 && r.events[n-1].Seq+1 != events[0].Seq {
		r.events, r.first, r.bytes = nil, 0, 0 // more came at once than it holds
	}
	var slab []eventlog.Event // copies lie together, so that there is one allocation for many
	for i, e := range events {
		if e.Payload != nil {
			if len(slab) == 0 {
				slab = make([]eventlog.Event, min(slabEvents, len(events)-i))
			}
			e, slab = withoutPayload(&slab[0], e), slab[1:]
		}
		r.events = append(r.events, e)
		r.bytes += cost(e)
	}
	for r.bytes > r.maxBytes || len(r.events)-r.first > r.limit {
		r.bytes -= cost(r.events[r.first])
		r.events[r.first] = nil
		r.first++
	}
	if r.first > len(r.events)/2 {
		r.events = slices.Delete(r.events, 0, r.first)
		r.first = 0
	}
}

// slabEvents is how many copies share one allocation: a reference to one keeps all of them.
const slabEvents = 32

// withoutPayload sets to to the event as Read returns it: without the body, which may be
// large and may be erased.
func withoutPayload(to, e *eventlog.Event) *eventlog.Event {
	to.Seq, to.At, to.Stream, to.Version, to.Type, to.V, to.Actor = e.Seq, e.At, e.Stream, e.Version, e.Type, e.V, e.Actor
	to.Data, to.HasPayload, to.PayloadHash, to.Hash = e.Data, true, e.PayloadHash, e.Hash
	return to
}

// read fills page with matching events after a seq and up to the page's head. False
// means that the ring does not go back that far.
func (r *ring) read(page *eventlog.Page, after int64, f *eventlog.Filter, limit int) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	kept := r.events[r.first:]
	if len(kept) == 0 || after < kept[0].Seq-1 {
		return false
	}
	upTo := min(page.Head, after+readBound)
	rest := kept[min(after-kept[0].Seq+1, int64(len(kept))):]
	rest = rest[:max(0, min(upTo-after, int64(len(rest))))]
	all := len(f.Streams) == 0 && len(f.Types) == 0 && len(f.Actors) == 0
	if all {
		page.Events = slices.Clone(rest[:min(limit, len(rest))])
		page.Scanned = after + int64(len(page.Events))
		return true
	}
	page.Scanned = max(after, upTo)
	for _, e := range rest {
		if !matches(f, e) {
			continue
		}
		page.Events = append(page.Events, e)
		if len(page.Events) == limit {
			page.Scanned = e.Seq
			break
		}
	}
	return true
}

// get returns event seq, nil when the ring does not have it.
func (r *ring) get(seq int64) *eventlog.Event {
	r.mu.RLock()
	defer r.mu.RUnlock()
	kept := r.events[r.first:]
	if len(kept) == 0 || seq < kept[0].Seq || seq > kept[len(kept)-1].Seq {
		return nil
	}
	return kept[seq-kept[0].Seq]
}

func (r *ring) size() (events int, bytes int64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.events) - r.first, r.bytes
}

func matches(f *eventlog.Filter, e *eventlog.Event) bool {
	return has(f.Streams, e.Stream) && has(f.Types, e.Type) && has(f.Actors, e.Actor)
}

func has(list []string, s string) bool {
	return len(list) == 0 || slices.Contains(list, s)
}
