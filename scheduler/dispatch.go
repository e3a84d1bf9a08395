package scheduler

import (
	"context"
	"errors"

	"daybook/eventlog"
	"daybook/task"
)

// dispatch gives free slots to ready tasks, in order.
func (l *loop) dispatch(rd *round) {
	l.promote(rd)
	if l.s.draining.Load() || l.takesNoWork() {
		return
	}
	l.lookAtGates(rd)
	for l.anySlot() || l.offers.count > 0 {
		state := l.next(rd)
		if state == nil {
			return
		}
		l.startTask(rd, state)
	}
}

// promote makes ready the tasks whose time has come, also while nothing starts: lists and counts say what is due.
func (l *loop) promote(rd *round) {
	if due := l.s.o.Views.NextDue(); due != 0 && due <= rd.wall {
		rd.stored.close()
		l.s.o.Views.Promote(rd.wall)
	}
	if opens := l.s.o.Views.NextKeyOpens(); opens != 0 && opens <= rd.wall {
		rd.stored.close()
		l.s.o.Views.OpenKeys(rd.wall)
	}
	if l.clock.setBack {
		rd.stored.close()
		l.s.o.Views.PromoteStale(rd.wall)
		l.clock.setBack = false
	}
}

// nextReady returns the task that is to start next, nil if there is none: the first of
// those that the round made ready, those that the round being appended did, and those of
// the views that neither of them has touched.
func (l *loop) nextReady(rd *round) *task.Task {
	next := rd.ready.first(rd.mayStartNow)
	if below := rd.below; below != nil {
		other := below.ready.first(func(s *task.Task) bool { return rd.tasks[s.ID] == nil && rd.mayStartNow(s) })
		if next == nil || other != nil && other.ReadyKey().Less(next.ReadyKey()) {
			next = other
		}
	}
	if l.s.o.Views.ReadyCount() > 0 {
		other := rd.stored.first(rd)
		if next == nil || other != nil && other.ReadyKey().Less(next.ReadyKey()) {
			next = other
		}
	}
	return next
}

// mayStart reports whether a task that is pending and due can start now, here or with a worker.
func (rd *round) mayStart(s *task.Task) bool {
	l := rd.l
	_, taken := l.takerOf(s)
	return taken && !l.refusals.final[s.ID] && !l.s.lingering.has(s.ID) && (!s.HasDependencies() || !rd.waitsAgain(s))
}

// mayStartNow is mayStart for a task that a round made ready and that depends on no other. In a queue with rules for keys, or while queues take
// turns by weight, tasks start from the views alone, which order them.
func (rd *round) mayStartNow(s *task.Task) bool {
	return !rd.l.s.o.Views.StartsFromViews(s.Queue) && rd.mayStart(s)
}

// startTask decides that the task starts; its handler runs once that is on disk.
func (l *loop) startTask(rd *round, state *task.Task) {
	offer, _ := l.takerOf(state)
	s, command := start{offer: offer}, l.start
	charge := l.s.o.Views.Charge(state)
	switch {
	case offer != nil:
		s.lease, command = l.newLease(offer, state, charge)
	case charge > 0:
		command = task.Start{Boot: l.s.boot, Charge: charge}
	}
	decided, err := rd.decideOn(state, command)
	if err != nil {
		panic("scheduler: a ready task cannot start: " + err.Error())
	}
	rd.join(starts, false, l.refusals.apart[state.ID])
	n := rd.own(state.ID, state)
	rd.add(n, n.task.ID, decided)
	if offer == nil {
		s.slot = l.slotFor(state.Type)
	}
	s.node, s.started, s.event = n, n.task, &decided[0]
	rd.addStart(s)
	rd.stored.started(&n.task)
	l.countStart(rd, state.Queue)
	if offer == nil {
		l.putOnTrial(state)
		l.slots.hold(s.slot, 1)
		return
	}
	if len(offer.granted) == 0 {
		rd.served = append(rd.served, offer)
	}
	l.offers.grant(offer, s.lease)
}

// startsAppended runs the handlers of the entry's starts, or gives their slots back. What
// the round did not submit itself waits for its parameters.
func (l *loop) startsAppended(rd *round, e *entry, err error) {
	if err != nil {
		for i := e.first; i < e.last; i++ {
			l.slots.hold(rd.starts[i].slot, -1)
		}
		l.undoTrials(rd.starts[e.first:e.last])
		if errors.Is(err, eventlog.ErrInvalid) {
			l.startsRefused(rd.starts[e.first:e.last], e.apart)
		}
		return
	}
	for i := e.first; i < e.last; i++ {
		s := &rd.starts[i]
		if first := s.node.submitted; first != nil {
			s.started.SubmitSeq = first.Seq
		}
		s.started.LastSeq = s.event.Seq
		if s.offer != nil {
			l.leaseStarted(s)
			delete(l.refusals.apart, s.started.ID)
			continue
		}
		a := l.s.newAttempt(&s.started, s.node.stream)
		a.parameters, a.slot = s.node.parameters, s.slot
		l.slots.holders[a.id] = a
		l.slots.handlers++
		delete(l.refusals.apart, a.id)
		if a.task.OnTrial() {
			a.watchTrial(trialOf(&a.task))
		}
		if a.parameters == nil && rd.fetch.bodies != nil {
			if rd.fetch.attempts == nil {
				rd.fetch.attempts = make([]*attempt, len(rd.starts))
			}
			rd.fetch.attempts[i] = a
			continue
		}
		go a.run()
	}
}

// startsRefused handles starts that the log refused as invalid: each is tried
// by itself, and what is refused then does not start until the server is started again.
func (l *loop) startsRefused(starts []start, apart bool) {
	for i := range starts {
		id := starts[i].started.ID
		l.refusals.apart[id] = true
		if apart {
			l.refusals.final[id] = true
			l.s.o.Logger.Error("the log refuses the start of a task; it waits for the next start of the server", "task", id.String())
		}
	}
}

// fetch is the parameters of starts while they are read.
type fetch struct {
	bodies   <-chan fetched // nil: none are read
	attempts []*attempt     // that wait for them, by their places in the starts; nil if none does
}

// fetched is the parameters of a task, nil if they could not be read.
type fetched struct {
	place int // in the starts of the round
	body  []byte
}

// fetch returns the parameters of those starts that were submitted earlier, as they are
// read; nil if there are none. If a start is not appended, its parameters are read for nothing.
func (s *Scheduler) fetch(starts []start) <-chan fetched {
	var places []int
	var seqs []int64
	for i := range starts {
		if starts[i].node.parameters == nil && starts[i].offer == nil {
			places, seqs = append(places, i), append(seqs, starts[i].started.SubmitSeq)
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	bodies := make(chan fetched, len(seqs)) // so that the sender never waits
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
	if a := l.slots.holders[id]; a != nil {
		a.stop(task.ErrAttemptCancelled)
	}
	l.s.leases.cancel(id)
}
