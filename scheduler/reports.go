package scheduler

import (
	"errors"

	"daybook/eventlog"
	"daybook/task"
)

// take decides what a report of an attempt leads to.
func (l *loop) take(t *turn, r report) {
	a := r.attempt
	switch r.kind {
	case progressed:
		l.progress(t, a)
	case overdue:
		if !a.settled {
			l.s.o.Logger.Warn("handler ignores the end of its context; it keeps its slot until it returns",
				"task", a.task.Name(), "type", a.task.Type, "attempt", a.task.Attempt)
			r.err = errDisobedient
			l.settle(t, r)
		}
	case returned:
		l.live--
		l.used--
		if !a.settled {
			l.settle(t, r)
		}
	}
}

// errDisobedient stands for the error of a handler that did not return in time; the
// cause of the end of its context says what it means.
var errDisobedient = errors.New("the handler did not return when it was told to stop")

func (l *loop) progress(t *turn, a *attempt) {
	p, news := a.takeNews()
	if !news || a.settled || l.full() {
		return
	}
	decided, refusal := t.decide(a.id, p)
	if refusal != nil {
		return // it is being cancelled: its word counts no more
	}
	e := t.begin(ActorScheduler, false)
	e.add(a.id, decided)
	e.close(func(error) {}) // no room: the next report or the end says more
}

// settle decides the end of an attempt: its last progress, then its outcome.
func (l *loop) settle(t *turn, r report) {
	a := r.attempt
	a.settled = true
	if l.full() && len(l.held) > 0 {
		l.hold(r)
		return
	}
	e := t.begin(ActorScheduler, true)
	if p, news := a.takeNews(); news && !l.s.full.Load() {
		if decided, refusal := t.decide(a.id, p); refusal == nil {
			e.add(a.id, decided)
		}
	}
	decided, refusal := t.decide(a.id, a.conclude(r, l.seeds.Uint64()))
	if errors.Is(refusal, task.ErrStopping) {
		decided, refusal = t.decide(a.id, task.Stop{Fence: a.fence})
	}
	if refusal != nil && len(decided) == 0 {
		l.s.o.Logger.Warn("outcome of an attempt is refused", "task", a.task.Name(), "attempt", a.task.Attempt, "reason", refusal)
	}
	if len(decided) > 0 {
		e.add(a.id, decided)
	}
	if len(e.events) == 0 {
		l.letGo(a)
		return
	}
	e.close(func(err error) {
		if errors.Is(err, eventlog.ErrFull) {
			l.hold(r)
			return
		}
		l.letGo(a)
	})
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
	if len(l.held) == 0 || l.full() {
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
