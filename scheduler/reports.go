package scheduler

import (
	"errors"

	"daybook/task"
)

// take decides what a report of an attempt leads to.
func (l *loop) take(t *turn, r report) {
	switch {
	case r.attempt.settled:
	case r.kind == progressed:
		l.progress(t, r)
	default:
		l.settle(t, r)
	}
}

// progress decides what the attempt says of how far it is. What finds no room is
// dropped: the next report or the end says more.
func (l *loop) progress(t *turn, r report) {
	if !r.news || l.shut() {
		return
	}
	t.remember(input{kind: fromAttempt, report: r})
	state := t.peek(r.attempt.id)
	decided, refusal := t.decideOn(state, r.progress)
	if refusal != nil {
		return // it is being cancelled: its word counts no more
	}
	t.join(reports, false)
	t.addOf(r.attempt, state, decided)
}

// addOf takes what was decided on the task of an attempt into the latest entry, and
// returns the task as it then stands.
func (t *turn) addOf(a *attempt, state *task.Task, decided []task.Event) *task.Task {
	n := t.own(a.id, state)
	n.stream = a.stream
	t.add(n, a.id, decided)
	return &n.task
}

// settle decides the end of an attempt: its last progress, then its outcome.
func (l *loop) settle(t *turn, r report) {
	a := r.attempt
	a.settled = true
	if l.s.damage() != nil || l.full() && len(l.held) > 0 {
		l.hold(r)
		return
	}
	if t.under != nil {
		t.settled = append(t.settled, a)
		t.remember(input{kind: fromAttempt, report: r})
	}
	state, begun := t.peek(a.id), false
	put := func(decided []task.Event) {
		if !begun {
			t.join(reports, !t.soft(a.id))
		}
		state, begun = t.addOf(a, state, decided), true
	}
	if r.news && !l.s.full.Load() {
		if decided, refusal := t.decideOn(state, r.progress); refusal == nil {
			put(decided)
		}
	}
	if fail, failed := r.command.(task.Fail); failed {
		fail.Seed = l.seeds.Uint64()
		r.command = fail
	}
	decided, refusal := t.decideOn(state, r.command)
	if errors.Is(refusal, task.ErrStopping) {
		decided, refusal = t.decideOn(state, task.Stop{Fence: a.fence})
	}
	if refusal != nil && len(decided) == 0 {
		l.s.o.Logger.Warn("outcome of an attempt is refused", "task", a.task.Name(), "attempt", a.task.Attempt, "reason", refusal)
	}
	if len(decided) > 0 {
		put(decided)
	}
	if begun {
		t.ending(r)
		return
	}
	t.replies = append(t.replies, func(err error) {
		if err == nil {
			l.letGo(a)
		}
	})
}

// settledBy lets go of the attempts whose ends are on disk, and keeps those that found no room.
func (l *loop) settledBy(ends []report, err error) {
	for i := range ends {
		if noRoom(err) {
			l.hold(ends[i])
		} else {
			l.letGo(ends[i].attempt)
		}
	}
}

// letGo forgets that the attempt holds its task, if it still does.
func (l *loop) letGo(a *attempt) {
	if l.holders[a.id] == a {
		delete(l.holders, a.id)
	}
}

// hold keeps an outcome that found no room; it holds a slot until it is written.
func (l *loop) hold(r report) {
	l.held = append(l.held, r)
	if r.kind == returned {
		l.used++
	}
}

// takeHeld tries again to write what found no room.
func (l *loop) takeHeld(t *turn) {
	if len(l.held) == 0 || l.shut() {
		return
	}
	held := l.held
	l.held = nil
	for _, r := range held {
		if r.kind == returned {
			l.used--
		}
		l.settle(t, r)
	}
}
