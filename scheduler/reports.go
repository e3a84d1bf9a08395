package scheduler

import (
	"errors"

	"daybook/eventlog"
	"daybook/task"
)

// decideReport decides what a report of an attempt leads to.
func (l *loop) decideReport(rd *round, r report) {
	switch {
	case r.attempt.endDecided:
	case r.kind == progressed:
		l.progress(rd, r)
	case r.kind == survived:
		l.endTrial(rd, r)
	default:
		l.decideEnd(rd, r)
	}
}

// progress decides what the attempt says of how far it is.
func (l *loop) progress(rd *round, r report) {
	if !r.news {
		return
	}
	if l.takesNoWork() {
		r.attempt.keep(r.progress)
		return
	}
	state := rd.get(r.attempt.id)
	decided, refusal := rd.decideOn(state, r.progress)
	if refusal != nil {
		return // it is being cancelled: its word counts no more
	}
	rd.join(reports, false, false)
	rd.addOf(r.attempt, state, decided)
	rd.addReport(r)
}

// addOf takes what was decided on the task of an attempt into the latest entry, and
// returns the task as it then stands.
func (rd *round) addOf(a *attempt, state *task.Task, decided []task.Event) *task.Task {
	n := rd.own(a.id, state)
	n.stream = a.stream
	rd.add(n, a.id, decided)
	return &n.task
}

// decideEnd decides the end of an attempt: its last progress, then its outcome.
func (l *loop) decideEnd(rd *round, r report) {
	a := r.attempt
	a.endDecided = true
	delete(l.trials.on, a.id)
	if l.s.damage() != nil || l.full() && len(l.backlog.held) > 0 {
		l.holdBack(r)
		return
	}
	state, begun := rd.get(a.id), false
	put := func(decided []task.Event) {
		if !begun {
			rd.join(reports, rd.mayUseReserve(a.id), r.tried != triedNot)
		}
		state, begun = rd.addOf(a, state, decided), true
	}
	if r.news && !l.s.full.Load() {
		if decided, refusal := rd.decideOn(state, r.progress); refusal == nil {
			put(decided)
		}
	}
	if fail, failed := r.command.(task.Fail); failed {
		fail.Seed = l.seeds.Uint64()
		r.command = fail
	}
	decided, refusal := rd.decideOn(state, r.command)
	if errors.Is(refusal, task.ErrStopping) {
		decided, refusal = rd.decideOn(state, task.Stop{Fence: a.fence})
	}
	if errors.Is(refusal, task.ErrStepsFull) {
		decided, refusal = rd.decideOn(state, task.Fail{Fence: a.fence, Code: task.CodePermanent, Error: refusal.Error()})
	}
	if refusal != nil && len(decided) == 0 {
		l.s.o.Logger.Warn("outcome of an attempt is refused", "task", a.task.Name(), "attempt", a.task.Attempt, "reason", refusal)
	}
	if len(decided) > 0 {
		put(decided)
	}
	if begun {
		rd.addReport(r)
		return
	}
	rd.replies = append(rd.replies, func(err error) { l.reportDecided(r, err) })
}

// reportDecided handles the result of the append of what was decided on a report. An attempt whose
// end is on disk no longer holds its task.
func (l *loop) reportDecided(r report, err error) {
	end := r.kind == returned || r.kind == overdue
	switch {
	case decideAgain(err):
		if end {
			r.attempt.endDecided = false
		}
		again := r // or each report would be allocated
		l.backlog.again = append(l.backlog.again, input{report: &again})
	case !end && noRoom(err):
		r.attempt.keep(r.progress)
	case !end: // it was refused as invalid: a later report may be better
	case errors.Is(err, eventlog.ErrInvalid):
		l.endRefused(r)
	case noRoom(err):
		l.holdBack(r)
	default:
		l.freeTask(r.attempt)
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

// endRefused handles the end of an attempt that the log refused as invalid.
func (l *loop) endRefused(r report) {
	a := r.attempt
	switch r.tried++; r.tried {
	case triedApart:
		r.news, r.command = false, task.Fail{Fence: a.fence, Code: task.CodePermanent, Error: errorRefused}
	case triedFailure:
		l.s.o.Logger.Error("the log refuses every end of an attempt; its task is RUNNING until the next start of the server",
			"task", a.task.Name(), "attempt", a.task.Attempt)
		l.freeTask(a)
		return
	}
	l.holdBack(r)
}

// errorRefused is the error of a task whose end the log does not take.
const errorRefused = "the log refused what the attempt ended with; the server's log says why"

// freeTask forgets that the attempt holds its task, if it still does.
func (l *loop) freeTask(a *attempt) {
	if l.slots.holders[a.id] == a {
		delete(l.slots.holders, a.id)
	}
}

// holdBack keeps an outcome that found no room; it holds a slot until it is written.
func (l *loop) holdBack(r report) {
	l.backlog.held = append(l.backlog.held, r)
	if r.kind == returned {
		l.slots.hold(r.attempt.slot, 1)
	}
}

// decideHeld tries again to write what found no room.
func (l *loop) decideHeld(rd *round) {
	if len(l.backlog.held) == 0 || l.takesNoWork() {
		return
	}
	held := l.backlog.held
	l.backlog.held = nil
	for _, r := range held {
		if r.kind == returned {
			l.slots.hold(r.attempt.slot, -1)
		}
		l.decideEnd(rd, r)
	}
}
