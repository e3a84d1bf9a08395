package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

// earlyEvents is how many events are enough for a round when the log is idle: what else
// waits is decided while they are appended.
const earlyEvents = 64

// appendRounds appends the rounds that are handed over, one at a time.
func (l *loop) appendRounds() {
	for rd := range l.rounds {
		l.append(rd)
		l.appended <- rd
	}
}

// append gives a round to the log, and notes how long that took.
func (l *loop) append(rd *round) {
	began := time.Now()
	rd.recordResults(l.s.o.Log.Append(context.Background(), rd.sealed))
	l.s.appends.add(time.Since(began))
}

// handOver gives the open round to the log, which is idle.
func (l *loop) handOver() error {
	rd := l.opened
	l.opened = nil
	rd.stored.close()
	if l.views.broken != nil {
		return l.fail(rd, l.views.broken)
	}
	if len(rd.entries) == 0 {
		return l.finish(rd)
	}
	l.appending = rd
	rd.seal(rd.base)
	l.rounds <- rd
	rd.fetch.bodies = l.s.fetch(rd.starts)
	return nil
}

// appendNow appends a round while nothing else goes on, and finishes it.
func (l *loop) appendNow(rd *round) error {
	if l.views.broken != nil {
		return l.fail(rd, l.views.broken)
	}
	if len(rd.entries) > 0 {
		rd.seal(rd.base)
		l.append(rd)
	}
	return l.finish(rd)
}

// finish folds an appended round into the views and answers its callers. What was decided on top
// of it is kept if the log took all of it, else it is decided again. An error ends the scheduler.
func (l *loop) finish(rd *round) error {
	moved, err := rd.check()
	if err != nil {
		return l.fail(rd, err)
	}
	changes := rd.applied()
	if err := l.s.o.Views.ApplyChanges(changes); err != nil {
		return l.fail(rd, fmt.Errorf("%w: fold what was appended: %w", eventlog.ErrUnknown, err))
	}
	if len(changes) > 0 {
		last := changes[len(changes)-1].Event
		l.head, l.lastAt = last.Seq, last.At
	}
	if moved {
		if err := l.readOn(); err != nil {
			return l.fail(rd, err)
		}
	}
	l.noteFull(rd.results)
	l.answer(rd)
	if l.appending == rd {
		l.appending = nil
	}
	if next := l.opened; next != nil {
		next.stored.close() // the views have moved
		next.below = nil
		switch {
		case !rd.exact:
			l.opened = nil
			l.resolveAll(next, errDecideAgain)
			l.recycle(next)
		case len(next.entries) == 0: // its replies depend only on what was just appended
			l.answer(next)
			next.replies = emptied(next.replies)
		}
	}
	l.recycle(rd)
	return nil
}

// answer gives each caller of the round its result.
func (l *loop) answer(rd *round) {
	for _, id := range rd.stops {
		l.stopHolder(id)
	}
	rd.stops = emptied(rd.stops)
	// A worker gets its next tasks before it hears of the reports that came with its call: it waits for those, and so
	// wakes up once.
	for i := range rd.entries {
		if e := &rd.entries[i]; e.kind == starts {
			l.resolve(rd, e, rd.outcome(i))
		}
	}
	l.answerOffers(rd.served)
	var rest error // for replies: they append nothing but depend on the entries
	for i := range rd.entries {
		e, err := &rd.entries[i], rd.outcome(i)
		if rest == nil || decideAgain(err) {
			rest = err
		}
		if errors.Is(err, eventlog.ErrInvalid) {
			l.s.o.Logger.Error("the log refused an entry, and always will; it is left out", "error", err)
			rest = errDecideAgain
		}
		if e.kind != starts {
			l.resolve(rd, e, err)
		}
	}
	if rd.fetch.attempts != nil {
		go runFetched(rd.fetch.attempts, rd.fetch.bodies)
	}
	for _, reply := range rd.replies {
		reply(rest)
	}
	l.s.waiters.wake(rd.ended)
	l.showSlots()
}

// outcome is the result of the append of an entry, for its callers.
func (rd *round) outcome(i int) error {
	if err := rd.results[i].Err; !errors.Is(err, eventlog.ErrConflict) {
		return err
	}
	return errDecideAgain
}

// resolve passes the result of an entry to its callers.
func (l *loop) resolve(rd *round, e *entry, err error) {
	switch e.kind {
	case single:
		e.after(err)
	case starts:
		l.startsAppended(rd, e, err)
	case reports:
		for _, r := range rd.reports[e.first:e.last] {
			l.reportDecided(r, err)
		}
	}
}

// resolveAll passes an error to all callers of a round of which nothing is appended.
func (l *loop) resolveAll(rd *round, err error) {
	rd.stored.close()
	for i := range rd.entries {
		l.resolve(rd, &rd.entries[i], err)
	}
	for _, reply := range rd.replies {
		reply(err)
	}
	l.answerOffers(rd.served)
}

// fail passes the error that ends the scheduler to all callers.
func (l *loop) fail(rd *round, err error) error {
	l.s.failed.Store(true)
	next := l.opened
	l.appending, l.opened = nil, nil
	l.resolveAll(rd, err)
	if next != nil {
		l.resolveAll(next, err)
	}
	return err
}

// recordResults keeps the results of the append.
func (rd *round) recordResults(results []eventlog.Result) {
	rd.results = results
	for i := range results {
		rd.exact = rd.exact && results[i].Err == nil && results[i].First == rd.base+int64(rd.entries[i].from)+1
	}
}

// errDecideAgain is what becomes of a decision that cannot be appended because the log does not
// hold what it was decided on: somebody else has appended, or an entry that it builds on was
// refused. Nobody outside sees it; it is never wrapped.
var errDecideAgain = errors.New("what it was decided on is not in the log")

func decideAgain(err error) bool { return err == errDecideAgain } //nolint:errorlint // see there

// check returns an error if the scheduler cannot continue after these results. It can if entries
// were refused as invalid or because the log is full, together with those that need them, or if
// all were refused because somebody else has appended: then moved is true.
func (rd *round) check() (moved bool, err error) {
	appended := false
	for i, r := range rd.results {
		switch {
		case r.Err == nil:
			appended = true
		case noRoom(r.Err) || errors.Is(r.Err, eventlog.ErrInvalid):
		case errors.Is(r.Err, eventlog.ErrConflict):
			_, lacks := rd.sealed[i].Lacks(rd.results[:i])
			moved = moved || !lacks
		default:
			return false, fmt.Errorf("append: %w", r.Err)
		}
	}
	if moved && appended {
		return false, fmt.Errorf("%w: events were appended to a log that had moved on", eventlog.ErrUnknown)
	}
	return moved, rd.checkOrder()
}

// checkOrder checks that no event of a task was appended without those before it.
func (rd *round) checkOrder() error {
	var lost map[[16]byte]bool
	for i, r := range rd.results {
		if r.Err == nil && lost == nil {
			continue
		}
		if lost == nil {
			lost = make(map[[16]byte]bool)
		}
		for _, c := range rd.changes[rd.entries[i].from:rd.entries[i].to] {
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
func (rd *round) applied() (changes []projection.Change) {
	for i, r := range rd.results {
		if r.Err != nil {
			continue
		}
		e := &rd.entries[i]
		for k := e.from; k < e.to; k++ {
			rd.noteAppended(&rd.changes[k], r.First+int64(k-e.from))
		}
		if !rd.exact {
			changes = append(changes, rd.changes[e.from:e.to]...)
		}
	}
	if rd.exact {
		changes = rd.changes
	}
	return changes
}

// noteAppended sets the seq of a change that was appended, and caches its payload.
func (rd *round) noteAppended(c *projection.Change, seq int64) {
	c.Event.Seq = seq
	if c.Event.Payload != nil && c.Event.Type != task.EventSucceeded {
		rd.l.s.o.Payloads.Put(seq, c.Event.Payload)
	}
	if len(rd.l.steps) > 0 {
		rd.l.stepAppended(c)
	}
	switch {
	case isEnd(c.Event.Type):
		rd.ended = append(rd.ended, c.ID)
	case c.Event.Type == task.EventCancelRequested:
		rd.stops = append(rd.stops, c.ID)
	}
}

// isEnd reports whether a task has ended with an event of the type.
func isEnd(e task.EventType) bool {
	return e == task.EventSucceeded || e == task.EventFailed || e == task.EventCancelled
}
