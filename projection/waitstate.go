package projection

import (
	"cmp"
	"slices"

	"daybook/task"
)

// WaitState is what a pending task waits for, in one word.
type WaitState uint8

const (
	WaitReady     WaitState = iota // it is due, and held by nothing but a free slot or worker
	WaitScheduled                  // its time (run_at, a delay) is to come
	WaitBackoff                    // the time of its retry is to come
	WaitBlocked                    // it is due, but held by a pause, a limit, or a task on which it depends
	WaitSuspended                  // its attempt has suspended it until something comes
	waitStates
)

var waitNames = [waitStates]string{"ready", "scheduled", "backoff", "blocked", "suspended"}

// String returns the name in a request: "ready".
func (s WaitState) String() string { return waitNames[s] }

// ParseWaitState returns the state of that name.
func ParseWaitState(name string) (WaitState, bool) {
	i := slices.Index(waitNames[:], name)
	return WaitState(max(i, 0)), i >= 0
}

// WaitStates lists all states.
func WaitStates() []WaitState {
	return []WaitState{WaitReady, WaitScheduled, WaitBackoff, WaitBlocked, WaitSuspended}
}

// Holds reports whether the pause or a limit of the queue holds all its tasks that are due, while so many run.
func (s *QueueState) Holds(running int64, wall task.Micros) bool {
	l := &s.Limits
	return s.Paused || l.Concurrency > 0 && running >= int64(l.Concurrency) || l.Rate > 0 && l.Pace().StartsAt(s.Due) > wall
}

// holds reports the same of a queue as it is. mu is held.
func (v *Views) holds(u *queueUse, wall task.Micros) bool {
	s, some := foldIn[*queueStates](v.streams).States[u.name]
	if !some {
		return false
	}
	var running int64
	for _, g := range u.groups {
		running += v.counts.n[g*statusSpan+uint32(task.Running)]
	}
	return s.Holds(running, wall)
}

// waitState is what the task waits for; held says that its queue holds it, as all others. False if it is not pending.
func (o *order) waitState(rec *record, held bool) (WaitState, bool) {
	switch rec.place {
	case inReady:
		if held || o.keyHolds(rec) {
			return WaitBlocked, true
		}
		return WaitReady, true
	case inHeld:
		return WaitBlocked, true
	case inScheduled:
		return WaitScheduled, true
	case inBackoff:
		return WaitBackoff, true
	case inSuspended:
		return WaitSuspended, true
	}
	return 0, false
}

// waits counts the pending tasks of a group by what they wait for; held says that their queue holds them.
func (o *order) waits(group uint32, held bool) (n [waitStates]int64) {
	if int(group) >= len(o.in) {
		return n
	}
	in := &o.in[group]
	n[WaitScheduled], n[WaitBackoff], n[WaitBlocked], n[WaitSuspended] = in[inScheduled], in[inBackoff], in[inHeld], in[inSuspended]
	if held {
		n[WaitBlocked] += in[inReady]
	} else {
		byKeys := o.ready.heldIn(group)
		n[WaitBlocked] += byKeys
		n[WaitReady] = in[inReady] - byKeys
	}
	return n
}

// WaitCount is how many pending tasks of one type and queue wait for one thing.
type WaitCount struct {
	State       WaitState
	Type, Queue string
	N           int64
}

// WaitCounts counts the pending tasks by what they wait for: those that are not zero, by state, type and
// queue. next is when the first of those that wait for their time is due, 0 if none does. It costs as much
// as there are types and queues with tasks that have not ended.
func (v *Views) WaitCounts(wall task.Micros) (list []WaitCount, next task.Micros) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, u := range v.counts.queues.shown {
		if u.live == 0 {
			continue
		}
		held := v.holds(u, wall)
		for _, g := range u.groups {
			for state, n := range v.order.waits(g, held) {
				if n != 0 {
					name := v.counts.names[g]
					list = append(list, WaitCount{WaitState(state), name.taskType, name.queue, n})
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b WaitCount) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Queue, b.Queue))
	})
	return list, v.NextDue()
}

// waiting is the part of a filter that asks what tasks wait for.
type waiting struct {
	wanted [waitStates]bool
	held   []bool // by group: its queue holds it
}

// filterWaiting narrows a filter to the pending tasks that wait for what is asked. mu is held.
func (v *Views) filterWaiting(f *filter, q Query) {
	w := &waiting{held: make([]bool, len(v.counts.names))}
	for _, state := range q.Waiting {
		w.wanted[state] = true
	}
	f.waiting, f.total = w, 0
	for _, u := range v.counts.queues.inOrder {
		held := u.live > 0 && v.holds(u, q.Wall)
		for _, g := range u.groups {
			pending := g*statusSpan + uint32(task.Pending)
			if !f.facets[pending] {
				continue
			}
			w.held[g] = held
			for state, n := range v.order.waits(g, held) {
				if w.wanted[state] {
					f.total += n
				}
			}
		}
	}
}

// matches reports whether the task waits for what is asked.
func (w *waiting) matches(o *order, rec *record) bool {
	if w == nil {
		return true
	}
	state, waits := o.waitState(rec, w.held[rec.group])
	return waits && w.wanted[state]
}
