package scheduler

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

// earlyEvents is how many events are enough for a round when the log is idle: what else
// waits is decided while they are appended.
const earlyEvents = 64

// appendRounds appends the rounds that are handed over, one at a time.
func (l *loop) appendRounds() {
	for t := range l.rounds {
		t.take(l.s.o.Log.Append(context.Background(), t.out))
		l.landed <- t
	}
}

// handOver gives the open turn to the log, which is idle.
func (l *loop) handOver() error {
	t := l.opened
	l.opened = nil
	t.stored.close()
	if l.broken != nil {
		return l.fail(t, l.broken)
	}
	if len(t.entries) == 0 {
		return l.land(t)
	}
	l.appending = t
	t.seal()
	l.rounds <- t
	t.cold = l.s.fetch(t.starts)
	return nil
}

// commit appends a turn while nothing else goes on, and lands it.
func (l *loop) commit(t *turn) error {
	if l.broken != nil {
		return l.fail(t, l.broken)
	}
	if len(t.entries) > 0 {
		t.seal()
		t.take(l.s.o.Log.Append(context.Background(), t.out))
	}
	return l.land(t)
}

// land folds the turn into the views, publishes them and lets everybody know. What was
// decided on top of the turn stands, or is decided again. Its error ends the scheduler.
func (l *loop) land(t *turn) error {
	moved, err := t.check()
	if err != nil {
		return l.fail(t, err)
	}
	changes := t.applied()
	if err := l.s.o.Views.ApplyChanges(changes); err != nil {
		return l.fail(t, fmt.Errorf("%w: fold what was appended: %w", eventlog.ErrUnknown, err))
	}
	if len(changes) > 0 {
		last := changes[len(changes)-1].Event
		l.head, l.lastAt = last.Seq, last.At
	}
	if moved {
		if err := l.readOn(); err != nil {
			return l.fail(t, err)
		}
	}
	l.noteFull(t.results)
	l.answer(t)
	if l.appending == t {
		l.appending = nil
	}
	if next := l.opened; next != nil {
		next.stored.close() // the views have moved
		next.under = nil
		switch {
		case !t.exact:
			l.opened = nil
			l.drop(next, errDecideAgain)
			l.recycle(next)
		case len(next.entries) == 0: // its replies rest on what has just landed
			l.answer(next)
			next.replies = emptied(next.replies)
		}
	}
	l.recycle(t)
	return nil
}

// answer tells everybody what became of the turn.
func (l *loop) answer(t *turn) {
	var rest error // what those get that have no entry but rest on those of the turn
	for i := range t.entries {
		e, err := &t.entries[i], t.results[i].Err
		switch {
		case errors.Is(err, eventlog.ErrConflict):
			err, rest = errDecideAgain, errDecideAgain
		case errors.Is(err, eventlog.ErrInvalid):
			l.s.o.Logger.Error("the log refused an entry, and always will; it is left out", "error", err)
			rest = errDecideAgain
		case rest == nil:
			rest = err
		}
		l.tell(t, e, err)
	}
	if t.waiting != nil {
		go runFetched(t.waiting, t.cold)
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
		l.launched(t, e, err)
	case reports:
		for _, r := range t.ends[e.first:e.last] {
			l.reported(r, err)
		}
	}
}

// drop gives everybody whom the turn concerns the error for which nothing of it is appended.
func (l *loop) drop(t *turn, err error) {
	t.stored.close()
	for i := range t.entries {
		l.tell(t, &t.entries[i], err)
	}
	for _, reply := range t.replies {
		reply(err)
	}
}

// fail answers everybody with the error that ends the scheduler.
func (l *loop) fail(t *turn, err error) error {
	l.s.failed.Store(true)
	next := l.opened
	l.appending, l.opened = nil, nil
	l.drop(t, err)
	if next != nil {
		l.drop(next, err)
	}
	return err
}

// take takes in what became of the entries.
func (t *turn) take(results []eventlog.Result) {
	t.results = results
	for i := range results {
		t.exact = t.exact && results[i].Err == nil && results[i].First == t.base+int64(t.entries[i].from)+1
	}
}

// errDecideAgain is what becomes of a decision that cannot be appended because the log does not
// hold what it was decided on: somebody else has appended, or an entry that it builds on was
// refused. Nobody outside sees it; it is never wrapped.
var errDecideAgain = errors.New("what it was decided on is not in the log")

func decideAgain(err error) bool { return err == errDecideAgain } //nolint:errorlint // see there

// check says whether the results are ones the scheduler can go on with: appended, or
// refused, for lack of room or as invalid, with all that builds on it, or all of them because
// somebody else has appended: then the log has moved.
func (t *turn) check() (moved bool, err error) {
	appended := false
	for i, r := range t.results {
		switch {
		case r.Err == nil:
			appended = true
		case noRoom(r.Err) || errors.Is(r.Err, eventlog.ErrInvalid):
		case errors.Is(r.Err, eventlog.ErrConflict):
			_, lacks := t.out[i].Lacks(t.results[:i])
			moved = moved || !lacks
		default:
			return false, fmt.Errorf("append: %w", r.Err)
		}
	}
	if moved && appended {
		return false, fmt.Errorf("%w: events were appended to a log that had moved on", eventlog.ErrUnknown)
	}
	return moved, t.checkOrder()
}

// checkOrder checks that no event of a task was appended without those before it.
func (t *turn) checkOrder() error {
	var lost map[[16]byte]bool
	for i, r := range t.results {
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
func (t *turn) applied() (changes []projection.Change) {
	for i, r := range t.results {
		if r.Err != nil {
			continue
		}
		e := &t.entries[i]
		for k := e.from; k < e.to; k++ {
			t.note(&t.changes[k], r.First+int64(k-e.from))
		}
		if !t.exact {
			changes = append(changes, t.changes[e.from:e.to]...)
		}
	}
	if t.exact {
		changes = t.changes
	}
	return changes
}

// note takes in that the change is on disk as event seq.
func (t *turn) note(c *projection.Change, seq int64) {
	c.Event.Seq = seq
	if c.Event.Payload != nil && c.Event.Type != task.EventSucceeded {
		t.l.s.o.Payloads.Put(seq, c.Event.Payload)
	}
	if isEnd(c.Event.Type) {
		t.ended = append(t.ended, c.ID)
	}
}

// isEnd reports whether a task has ended with an event of the type.
func isEnd(e task.EventType) bool {
	return e == task.EventSucceeded || e == task.EventFailed || e == task.EventCancelled
}
