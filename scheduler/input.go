package scheduler

import "runtime"

// input is one thing that the loop decides.
type input struct {
	kind    inputKind
	request *request
	report  report
	orphan  orphan
}

type inputKind uint8

const (
	nothing     inputKind = iota
	fromOutside           // request
	fromAttempt           // report
	fromBefore            // orphan
)

// takeInputs decides what waits, up to a bound. first is what woke the loop.
func (l *loop) takeInputs(t *turn, first *input) {
	l.expireOrphans(t)
	l.takeHeld(t)
	l.takeAgain(t)
	if first.kind == fromAttempt {
		l.receive(t, &first.report)
	}
	for more := true; more; {
		select {
		case r := <-l.s.reports:
			l.receive(t, &r)
		default:
			more = false
		}
	}
	if first.kind == fromOutside {
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
	for i := range again {
		l.command(t, again[i])
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

// remember keeps the input, to be decided again if what the turn rests on comes to nothing.
func (t *turn) remember(in input) {
	if t.under != nil {
		t.inputs = append(t.inputs, in)
	}
}

// decideAgain opens a turn on the views alone for what the turn has decided, none of which
// is in the log, because what it rested on is not there as it was decided.
func (l *loop) decideAgain(void *turn) *turn {
	for _, a := range void.settled {
		a.settled = false
	}
	l.used -= len(void.starts)
	for i := range void.starts {
		delete(l.trials.on, void.starts[i].started.ID)
	}
	t := l.newTurn()
	for i := range void.inputs {
		switch in := &void.inputs[i]; in.kind {
		case fromOutside:
			l.command(t, in.request)
		case fromAttempt:
			l.take(t, in.report)
		case fromBefore:
			l.expire(t, in.orphan)
		}
	}
	l.recycle(void)
	return t
}
