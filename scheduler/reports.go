package scheduler

import (
	"errors"

	"daybook/eventlog"
	"daybook/task"
)

// take decides what a report of an attempt leads to.
func (l *loop) take(t *turn, r report) {
	switch {
	case r.attempt.settled:
	case r.kind == progressed:
		l.progress(t, r)
	case r.kind == survived:
		l.trust(t, r)
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
	state := t.peek(r.attempt.id)
	decided, refusal := t.decideOn(state, r.progress)
	if refusal != nil {
		return // it is being cancelled: its word counts no more
	}
	t.join(reports, false, false)
	t.addOf(r.attempt, state, decided)
	t.ending(r)
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
	delete(l.trials.on, a.id)
	if l.s.damage() != nil || l.full() && len(l.held) > 0 {
		l.hold(r)
		return
	}
	state, begun := t.peek(a.id), false
	put := func(decided []task.Event) {
		if !begun {
			t.join(reports, !t.soft(a.id), r.tried != triedNot)
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
	t.replies = append(t.replies, func(err error) { l.reported(r, err) })
}

// reported takes in what became of what was decided on a report: an attempt whose end is on
// disk no longer holds its task.
func (l *loop) reported(r report, err error) {
	end := r.kind == returned || r.kind == overdue
	switch {
	case decideAgain(err):
		if end {
			r.attempt.settled = false
		}
		again := r // or each report would be allocated
		l.again = append(l.again, input{report: &again})
	case !end: // what is lost of its progress the next report says, or the end
	case errors.Is(err, eventlog.ErrInvalid):
		l.endRefused(r)
	case noRoom(err):
		l.hold(r)
	default:
		l.letGo(r.attempt)
	}
}

// tries is how often, and as what, the log has refused the end of an attempt as invalid.
type tries uint8

const (
	triedNot     tries = iota
	triedWith          // together with others: it is tried apart from now on
	triedApart         // it is now a permanent failure without a word of the handler's
	triedFailure       // this too was refused
)

// endRefused takes in that the log does not take the end of an attempt as it is.
func (l *loop) endRefused(r report) {
	a := r.attempt
	switch r.tried++; r.tried {
	case triedApart:
		r.news, r.command = false, task.Fail{Fence: a.fence, Code: task.CodePermanent, Error: errorRefused}
	case triedFailure:
		l.s.o.Logger.Error("the log refuses every end of an attempt; its task is RUNNING until the next start of the server",
			"task", a.task.Name(), "attempt", a.task.Attempt)
		l.letGo(a)
		return
	}
	l.hold(r)
}

// errorRefused is the error of a task whose end the log does not take.
const errorRefused = "the log refused what the attempt ended with; the server's log says why"

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
