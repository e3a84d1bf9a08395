package scheduler

import (
	"context"
	"fmt"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

// appendRounds appends what is handed over, one round after the other.
func (l *loop) appendRounds() {
	for entries := range l.rounds {
		l.landed <- l.s.o.Log.Append(context.Background(), entries)
	}
}

// handOver gives the open turn to the log. Nothing may be in flight.
func (l *loop) handOver() error {
	t := l.opened
	l.opened = nil
	t.stored.close()
	if l.broken != nil {
		return l.fail(t, l.broken)
	}
	if len(t.entries) == 0 {
		return l.land(t, nil)
	}
	l.flight = t
	l.rounds <- t.sealed(l.head)
	t.fetch()
	return nil
}

// commit appends a turn while nothing else goes on, and lands it.
func (l *loop) commit(t *turn) error {
	if l.broken != nil {
		return l.fail(t, l.broken)
	}
	var results []eventlog.Result
	if len(t.entries) > 0 {
		results = l.s.o.Log.Append(context.Background(), t.sealed(l.head))
	}
	return l.land(t, results)
}

// land folds the turn into the views, publishes them and lets everybody know. What was
// decided on top of the turn stands, or is decided again. Its error ends the scheduler.
func (l *loop) land(t *turn, results []eventlog.Result) error {
	l.flight = nil
	if err := t.check(results); err != nil {
		return l.fail(t, err)
	}
	changes, exact := t.applied(results)
	if err := l.s.o.Views.ApplyChanges(changes); err != nil {
		return l.fail(t, fmt.Errorf("%w: fold what was appended: %w", eventlog.ErrUnknown, err))
	}
	if len(changes) > 0 {
		n := l.s.o.Log.Head()
		l.head, l.lastAt = n.Seq, task.Micros(n.At)
	}
	l.noteFull(results)
	l.answer(t, results)
	if next := l.opened; next != nil {
		next.stored.close() // the views have moved
		next.under = nil
		switch {
		case !exact:
			l.opened = l.decideAgain(next)
		case len(next.entries) == 0: // its replies rest on what has just landed
			l.answer(next, nil)
			next.replies = emptied(next.replies)
		}
	}
	l.recycle(t)
	return nil
}

// answer tells everybody what became of the turn.
func (l *loop) answer(t *turn, results []eventlog.Result) {
	var rest error // what those get that have no entry but rest on those of the turn
	for i := range t.entries {
		e, err := &t.entries[i], results[i].Err
		if rest == nil {
			rest = err
		}
		l.tell(t, e, err)
	}
	for _, reply := range t.replies {
		reply(rest)
	}
	l.s.waiters.wake(t.ended)
	l.s.running.Store(int64(l.used))
}

// tell tells those whom the entry concerns what became of it.
func (l *loop) tell(t *turn, e *entry, err error) {
	switch e.kind {
	case single:
		e.after(err)
	case started:
		l.launched(t.starts[e.first:e.last], e.cold, err)
	case reports:
		l.settledBy(t.ends[e.first:e.last], err)
	}
}

// fail answers everybody with the error that ends the scheduler.
func (l *loop) fail(t *turn, err error) error {
	l.s.failed.Store(true)
	for ; t != nil; t, l.opened = l.opened, nil {
		t.stored.close()
		for i := range t.entries {
			l.tell(t, &t.entries[i], err)
		}
		for _, reply := range t.replies {
			reply(err)
		}
	}
	return err
}

// check says whether the results are ones the scheduler can go on with: appended, or
// refused for lack of room with all that builds on it.
func (t *turn) check(results []eventlog.Result) error {
	var lost map[[16]byte]bool
	for i, r := range results {
		if r.Err != nil && !noRoom(r.Err) {
			return fmt.Errorf("append: %w", r.Err)
		}
		if r.Err == nil && lost == nil {
			continue
		}
		if lost == nil {
			lost = make(map[[16]byte]bool)
		}
		for _, c := range t.changes[t.entries[i].from:t.entries[i].to] {
			if r.Err != nil {
				lost[c.ID] = true
			} else if lost[c.ID] && c.Event.Type != 0 {
				return fmt.Errorf("%w: an event was appended without the one before it", eventlog.ErrUnknown)
			}
		}
	}
	return nil
}

// applied lists the changes that are on disk, with the seqs the log gave them, and
// remembers the payloads that are likely to be asked for and the tasks that have ended.
// exact tells that all are, with the seqs they were decided with.
func (t *turn) applied(results []eventlog.Result) (changes []projection.Change, exact bool) {
	exact = true
	for i := range results {
		exact = exact && results[i].Err == nil && results[i].First == t.base+int64(t.entries[i].from)+1
	}
	for i := range results {
		if results[i].Err != nil {
			continue
		}
		e := &t.entries[i]
		for k := e.from; k < e.to; k++ {
			t.note(&t.changes[k], results[i].First+int64(k-e.from))
		}
		if !exact {
			changes = append(changes, t.changes[e.from:e.to]...)
		}
	}
	if exact {
		changes = t.changes
	}
	return changes, exact
}

// note takes in that the change is on disk as event seq.
func (t *turn) note(c *projection.Change, seq int64) {
	c.Event.Seq = seq
	if c.Event.Payload != nil && c.Event.Type != task.EventSucceeded {
		t.l.s.o.Payloads.Put(seq, c.Event.Payload)
	}
	switch c.Event.Type {
	case task.EventSucceeded, task.EventFailed, task.EventCancelled:
		t.ended = append(t.ended, c.ID)
	}
}
