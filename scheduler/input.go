package scheduler

import "runtime"

// input is one thing that the loop decides: a request from outside, or a report of an
// attempt. The zero value is nothing.
type input struct {
	request *request
	report  *report
}

// takeInputs decides what waits, up to a bound. first is what woke the loop.
func (l *loop) takeInputs(t *turn, first *input) {
	l.expireOrphans(t)
	l.takeHeld(t)
	l.takeAgain(t)
	if first.report != nil {
		l.receive(t, first.report)
	}
	for more := true; more; {
		select {
		case r := <-l.s.reports:
			l.receive(t, &r)
		default:
			more = false
		}
	}
	if first.request != nil {
		l.command(t, first.request)
	}
	// Whoever is ready to ask gets to do so first: the round grows, and with it the number
	// that share one sync. On an idle machine this costs nothing.
	if l.appending == nil {
		runtime.Gosched()
	}
	for more := true; more && t.size < l.enough(); {
		select {
		case c := <-l.s.commands:
			l.command(t, c)
		default:
			more = false
		}
	}
}

// takeAgain decides what has to be decided again.
func (l *loop) takeAgain(t *turn) {
	again := l.again
	l.again = nil
	for _, in := range again {
		if in.request != nil {
			l.command(t, in.request)
		} else {
			l.take(t, *in.report)
		}
	}
}

// enough is how many events commands may add to the turn before it is handed over, or
// waits to be.
func (l *loop) enough() int {
	if l.appending == nil {
		return l.s.early
	}
	return turnEvents
}

// receive takes from a report what is true whatever becomes of the turn, that the handler
// has returned and how far it was, and decides what follows.
func (l *loop) receive(t *turn, r *report) {
	a := r.attempt
	switch r.kind {
	case returned:
		l.live--
		l.used--
		l.s.lingering.remove(a.id)
	case overdue:
		if !a.settled {
			l.s.o.Logger.Warn("handler ignores the end of its context; it keeps its slot until it returns",
				"task", a.task.Name(), "type", a.task.Type, "attempt", a.task.Attempt)
			l.s.lingering.add(a.id)
		}
		r.command = a.withoutHandler()
	}
	r.progress, r.news = a.takeNews()
	l.take(t, *r)
}
