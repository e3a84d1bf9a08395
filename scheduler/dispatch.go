package scheduler

import (
	"context"
	"errors"

	"daybook/eventlog"
	"daybook/task"
)

// dispatch gives free slots to ready tasks, in order.
func (l *loop) dispatch(t *turn) {
	if l.s.draining.Load() || l.shut() {
		return
	}
	if due := l.s.o.Views.NextDue(); due != 0 && due <= t.wall {
		t.stored.close()
		l.s.o.Views.Promote(t.wall)
	}
	if l.stepped {
		t.stored.close()
		l.s.o.Views.PromoteStale(t.wall)
		l.stepped = false
	}
	for l.used < l.s.o.Concurrency {
		state := l.next(t)
		if state == nil {
			return
		}
		l.launch(t, state)
	}
}

// nextReady returns the task that is to start next, nil if there is none: the first of
// those that the turn made ready, those that the turn in flight did, and those of
// the views that neither of them has touched.
func (l *loop) nextReady(t *turn) *task.Task {
	next := t.fresh.first(t.mayStart)
	if under := t.under; under != nil {
		other := under.fresh.first(func(s *task.Task) bool { return t.overlay[s.ID] == nil && t.mayStart(s) })
		if next == nil || other != nil && other.ReadyKey().Less(next.ReadyKey()) {
			next = other
		}
	}
	if l.s.o.Views.ReadyCount() > 0 {
		t.stored.open(l.s.o.Views, l.s.o.Runner.Knows)
		other := t.stored.first(func(s *task.Task) bool { return t.over(s.ID) == nil && t.mayStart(s) })
		if next == nil || other != nil && other.ReadyKey().Less(next.ReadyKey()) {
			next = other
		}
	}
	return next
}

// mayStart tells whether a task that is pending and due can be run here and now.
func (t *turn) mayStart(s *task.Task) bool {
	l := t.l
	return l.s.o.Runner.Knows(s.Type) && !l.refused[s.ID] && !l.s.lingering.has(s.ID) && (s.Links == nil || !t.isBehind(s))
}

// launch decides that the task starts; its handler runs once that is on disk.
func (l *loop) launch(t *turn, state *task.Task) {
	decided, err := t.decideOn(state, l.start)
	if err != nil {
		panic("scheduler: a ready task cannot start: " + err.Error())
	}
	l.try(state)
	t.join(started, false, l.apart[state.ID])
	n := t.own(state.ID, state)
	t.add(n, n.task.ID, decided)
	t.starting(start{node: n, started: n.task, event: &decided[0]})
	l.used++
}

// launched runs the handlers of the entry's starts, or gives their slots back. What
// the turn did not submit itself waits for its parameters.
func (l *loop) launched(t *turn, e *entry, err error) {
	if err != nil {
		l.used -= e.last - e.first
		l.untry(t.starts[e.first:e.last])
		if errors.Is(err, eventlog.ErrInvalid) {
			l.startsRefused(t.starts[e.first:e.last], e.apart)
		}
		return
	}
	for i := e.first; i < e.last; i++ {
		s := &t.starts[i]
		if first := s.node.submitted; first != nil {
			s.started.SubmitSeq = first.Seq
		}
		s.started.LastSeq = s.event.Seq
		a := l.s.newAttempt(&s.started, s.node.stream)
		a.parameters = s.node.parameters
		l.holders[a.id] = a
		l.live++
		delete(l.apart, a.id)
		if a.task.OnTrial() {
			a.expectTrust(trialOf(&a.task))
		}
		if a.parameters == nil && t.cold != nil {
			if t.waiting == nil {
				t.waiting = make([]*attempt, len(t.starts))
			}
			t.waiting[i] = a
			continue
		}
		go a.run()
	}
}

// startsRefused takes in that the log takes none of these starts as they are: each is tried
// by itself, and what is refused then does not start until the server is started again.
func (l *loop) startsRefused(starts []start, apart bool) {
	for i := range starts {
		id := starts[i].started.ID
		l.apart[id] = true
		if apart {
			l.refused[id] = true
			l.s.o.Logger.Error("the log refuses the start of a task; it waits for the next start of the server", "task", id.String())
		}
	}
}

// fetched is the parameters of a task, nil if they could not be read.
type fetched struct {
	place int // in the starts of the turn
	body  []byte
}

// fetch returns the parameters of those starts that were submitted earlier, as they are
// read; nil if there are none. Those of a start that does not come about are read in vain.
func (s *Scheduler) fetch(starts []start) <-chan fetched {
	var places []int
	var seqs []int64
	for i := range starts {
		if starts[i].node.parameters == nil {
			places, seqs = append(places, i), append(seqs, starts[i].started.SubmitSeq)
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	bodies := make(chan fetched, len(seqs)) // so that nobody has to take them
	go func() {
		defer close(bodies)
		// What ends the call ends the reading of each attempt too, which says it.
		_ = s.o.Payloads.GetMany(context.Background(), seqs, func(i int, body []byte, _ error) error {
			bodies <- fetched{places[i], body}
			return nil
		})
	}()
	return bodies
}

// runFetched runs each attempt as soon as it has its parameters; their places are those of
// the starts, with nil for those that need none. One whose parameters could not be fetched
// tries once more, and reports why.
func runFetched(attempts []*attempt, bodies <-chan fetched) {
	for b := range bodies {
		if a := attempts[b.place]; a != nil {
			attempts[b.place], a.parameters = nil, b.body
			go a.run()
		}
	}
	for _, a := range attempts {
		if a != nil {
			go a.run()
		}
	}
}

// stopHolder ends the context of the attempt that holds the task, because it is
// being cancelled.
func (l *loop) stopHolder(id [16]byte) {
	if a := l.holders[id]; a != nil {
		a.stop(task.ErrAttemptCancelled)
	}
}
