package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

const (
	// bulkPage is how many tasks of a bulk are changed together at most.
	bulkPage = 100
	// bulkDecides is how long the loop decides changes of a bulk before others get their turn.
	bulkDecides = time.Millisecond
	// bulkRest: after a page a bulk rests for so many times as long as the page took.
	bulkRest = 2
	// bulkRetry is how long a bulk waits after it could not go on, the first time.
	bulkRetry = time.Second
	// bulkStopWait is how long an undo waits for a task that is being cancelled.
	bulkStopWait = 10 * time.Second
)

// beside calls a function in a goroutine, with a context that ends with ctx. end ends it too, and returns when the function has.
func beside(ctx context.Context, run func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// runBulks lets the bulks that have not ended go on in turn, a page each, until ctx ends.
func (s *Scheduler) runBulks(ctx context.Context) {
	for ctx.Err() == nil {
		running := s.o.Views.RunningBulks()
		s.heldBulks.prune(running)
		if len(running) == 0 {
			select {
			case <-s.bulkNudge:
			case <-ctx.Done():
			}
			continue
		}
		tried := false
		for _, b := range running {
			if s.heldBulks.until(b.ID) > s.o.Wall() {
				continue
			}
			tried = true
			began := time.Now()
			err := s.bulkStep(ctx, b)
			if err != nil && s.over(ctx, err) {
				return
			}
			s.noteBulk(b, err)
			if err := sleep(ctx, bulkRest*time.Since(began)); err != nil { // others get the most of the loop
				return
			}
		}
		if !tried {
			_ = sleep(ctx, bulkRetry/4) // ctx has ended
		}
	}
}

// noteBulk notes whether a bulk could go on, and says so in the log if that is new.
func (s *Scheduler) noteBulk(b *projection.Bulk, err error) {
	if err == nil || errors.Is(err, errBulkMoved) {
		s.heldBulks.goesOn(b.ID)
		return
	}
	if wait, again := s.heldBulks.hold(b.ID, err, s.o.Wall()); !again {
		s.o.Logger.Warn("a bulk cannot go on for now; it is tried again", "bulk", b.ID, "in", wait, "error", err)
	}
}

// over reports whether nothing can go on in this process.
func (s *Scheduler) over(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, ErrStopped) || errors.Is(err, ErrLeadLost) || errors.Is(err, ErrReadOnly) || errors.Is(err, eventlog.ErrUnknown)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bulkStep finds the next tasks of a bulk and has them changed. A bulk without a next task ends.
func (s *Scheduler) bulkStep(ctx context.Context, b *projection.Bulk) error {
	filter, reason, err := s.BulkReason(ctx, b)
	if err != nil {
		return fmt.Errorf("read what the bulk is for: %w", err)
	}
	chunk := &bulkChunk{bulk: b.ID, after: b.Version, most: s.decides}
	if b.Action == projection.BulkUndo {
		err = s.undoPage(ctx, b, chunk, bulkText(b, reason))
	} else {
		chunk.do = bulkCommand(b, bulkText(b, reason))
		err = s.bulkPage(ctx, b, filter, chunk)
	}
	if err != nil {
		return err
	}
	if chunk.last && !s.allErased(b) {
		if err := s.eraseErr.Load(); err != nil {
			return *err
		}
		if err := sleep(ctx, bulkRetry/10); err != nil {
			return err
		}
		return errBulkMoved // look again
	}
	_, err = s.ask(ctx, &request{actor: b.Actor, bulk: chunk})
	if b.Action == projection.BulkErase {
		poke(s.eraseNudge)
	}
	return err
}

// allErased reports whether the payloads of all tasks that a bulk has erased are deleted; true for a bulk that erases nothing.
func (s *Scheduler) allErased(b *projection.Bulk) bool {
	asked, done := s.o.Views.Erasures()
	return b.Action != projection.BulkErase || done >= asked
}

// bulkText is the reason of what a bulk does with a task, for the history of the task.
func bulkText(b *projection.Bulk, reason string) string {
	if reason == "" {
		return "bulk " + b.ID
	}
	return reason + " (bulk " + b.ID + ")"
}

// bulkCommand returns what a bulk asks of each task.
func bulkCommand(b *projection.Bulk, reason string) func(*task.Task) task.Command {
	return func(*task.Task) task.Command {
		switch b.Action {
		case projection.BulkCancel:
			return task.Cancel{Reason: reason}
		case projection.BulkRetry:
			return task.Retry{Reason: reason}
		case projection.BulkReprioritise:
			return task.Reprioritise{Priority: *b.Priority}
		case projection.BulkRunNow:
			return task.Move{Until: new(task.Micros)}
		case projection.BulkMove:
			at := b.RunAt
			return task.Move{Until: &at}
		case projection.BulkErase:
			return task.Erase{Reason: reason}
		}
		return nil
	}
}

// bulkPage finds the next tasks that match the filter of a bulk. Only tasks submitted before its start do, and those that the action is
// not for were counted then.
func (s *Scheduler) bulkPage(ctx context.Context, b *projection.Bulk, filter []byte, into *bulkChunk) error {
	selection, err := projection.ParseSelection(filter)
	if err != nil {
		return err
	}
	statuses, _ := BulkFor(b.Action)
	narrowed, some := selection.Narrow(statuses)
	var found []task.Task
	var next int64
	if some && b.Next.Seq > 0 {
		if found, next, err = s.o.Views.Selected(ctx, &narrowed, b.Next.Seq, bulkPage, s.o.Wall(), s.o.Log); err != nil {
			return err
		}
	}
	for i := range found {
		into.items = append(into.items, bulkItem{id: found[i].ID})
	}
	into.last = next == 0 && (b.Action != projection.BulkErase || len(found) == 0) // it ends when what it has erased is deleted
	into.next = func(done int) projection.BulkPlace {
		if done == len(found) {
			return projection.BulkPlace{Seq: next}
		}
		return projection.BulkPlace{Seq: found[done].SubmitSeq + 1}
	}
	return nil
}

// undoPage finds the next tasks that the undone bulk has changed, and what takes the change back.
func (s *Scheduler) undoPage(ctx context.Context, b *projection.Bulk, into *bulkChunk, reason string) error {
	undone, _ := s.o.Views.Bulk(b.Undoes)
	if undone == nil {
		return fmt.Errorf("%w: %s", ErrNoBulk, b.Undoes)
	}
	event, changes, err := s.bulkChanges(ctx, undone, b.Next.Seq)
	if err != nil {
		return err
	}
	if event == 0 {
		into.last = true
		into.next = func(int) projection.BulkPlace { return projection.BulkPlace{} }
		return nil
	}
	rest := changes[min(b.Next.Done, len(changes)):]
	page := rest[:min(bulkPage, len(rest))]
	waits := b.StartedAt + task.SpanOf(bulkStopWait)
	for i := range page {
		item, err := s.undoOf(ctx, undone, &page[i], reason)
		if err != nil {
			return err
		}
		if item.skip == SkipStopping && s.o.Wall() < waits {
			if err := sleep(ctx, bulkRetry/10); err != nil {
				return err
			}
			return errBulkMoved // look again
		}
		into.items = append(into.items, item)
	}
	into.next = func(done int) projection.BulkPlace {
		if done == len(rest) {
			return projection.BulkPlace{Seq: event + 1}
		}
		return projection.BulkPlace{Seq: event, Done: b.Next.Done + done}
	}
	return nil
}

// bulkChanges reads the first event of a bulk at seq or after it that says which tasks it has changed, and these. event 0: there is none.
func (s *Scheduler) bulkChanges(ctx context.Context, b *projection.Bulk, seq int64) (event int64, changes []projection.BulkChange, err error) {
	filter := eventlog.Filter{Streams: []string{b.Stream()}, Types: []string{projection.BulkAppliedType}}
	for after := max(seq, b.StartedSeq) - 1; ; {
		page, err := s.o.Log.Read(ctx, after, filter, 16)
		if err != nil {
			return 0, nil, err
		}
		for _, e := range page.Events {
			if !e.HasPayload {
				continue
			}
			body, err := s.o.Payloads.Get(ctx, e.Seq)
			var list bulkChanges
			if err == nil {
				err = json.Unmarshal(body, &list)
			}
			return e.Seq, list.Tasks, err
		}
		if after = page.Scanned; after >= page.Head {
			return 0, nil, nil
		}
	}
}
