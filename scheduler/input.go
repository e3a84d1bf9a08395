package scheduler

import "runtime"

// input is one thing that the loop decides: a request from outside, or a report of an
// attempt. The zero value is nothing.
type input struct {
	request *request
	report  *report
}

// decideInputs decides what waits, up to a bound. first is what woke the loop.
func (l *loop) decideInputs(rd *round, first *input) {
	l.expireLeases(rd)
	l.expireOrphans(rd)
	l.fireSchedules(rd)
	l.endWaits(rd)
	l.cancelStranded(rd)
	l.startWorkflows(rd)
	l.tendFamilies(rd)
	l.decideHeld(rd)
	l.redecide(rd)
	l.decideProgress(rd)
	if first.report != nil {
		l.receive(rd, first.report)
	}
	for more := true; more; {
		select {
		case r := <-l.s.reports:
			l.receive(rd, &r)
		default:
			more = false
		}
	}
	if first.request != nil {
		l.command(rd, first.request)
	}
	// Whoever is ready to ask gets to do so first: the round grows, and with it the number
	// that share one sync. On an idle machine this costs nothing.
	if l.appending == nil {
		runtime.Gosched()
	}
	for more := true; more && rd.size < l.enough(); {
		select {
		case c := <-l.s.commands:
			l.command(rd, c)
		default:
			more = false
		}
	}
}

// redecide decides what has to be decided again.
func (l *loop) redecide(rd *round) {
	again := l.backlog.again
	l.backlog.again = nil
	for _, in := range again {
		if in.request != nil {
			l.command(rd, in.request)
		} else {
			l.decideReport(rd, *in.report)
		}
	}
}

// enough is how many events commands may add to the round before it is handed over, or
// waits to be.
func (l *loop) enough() int {
	if l.appending == nil {
		return l.s.early
	}
	return roundEvents
}

// receive takes from a report what holds whether or not the round is appended, that the handler
// has returned and how far it was, and decides what follows.
func (l *loop) receive(rd *round, r *report) {
	a := r.attempt
	switch r.kind {
	case returned:
		l.slots.handlers--
		l.slots.hold(a.slot, -1)
		l.s.lingering.remove(a.id)
	case overdue:
		if !a.endDecided {
			l.s.o.Logger.Warn("the attempt has ended, but its handler has not returned yet; it keeps its slot until it returns (the program of a COMMAND has grace_seconds for that)",
				"task", a.task.Name(), "type", a.task.Type, "attempt", a.task.Attempt)
			l.s.lingering.add(a.id)
		}
		r.command = a.withoutHandler()
	}
	r.progress, r.news = a.latestProgress()
	l.decideReport(rd, *r)
}
