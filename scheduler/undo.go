package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Errors of undo. Nothing happened.
var (
	// ErrNotUndoable: there is no way back from such an event or bulk.
	ErrNotUndoable = errors.New("that cannot be undone")
	// ErrChangedSince: it is not as the event has left it any more.
	ErrChangedSince = errors.New("it has changed since")
	// ErrBulkRunning: the bulk has not ended.
	ErrBulkRunning = errors.New("the bulk still runs")
)

// CanUndo returns why a bulk cannot be undone, nil if it can: ErrBulkRunning or ErrNotUndoable.
func CanUndo(b *projection.Bulk) error {
	switch b.Action {
	case projection.BulkRetry, projection.BulkUndo, projection.BulkErase:
		return ErrNotUndoable
	}
	if b.Running() {
		return ErrBulkRunning
	}
	return nil
}

// UndoBulk starts a bulk that takes back what another has changed, where that is still as it was left. It is nil if nothing was changed.
// Errors: those of CanUndo and StartBulk.
func (s *Scheduler) UndoBulk(ctx context.Context, actor string, b *projection.Bulk, reason string) (*projection.Bulk, error) {
	if err := CanUndo(b); err != nil || b.Changed == 0 {
		return nil, err
	}
	return s.StartBulk(ctx, actor, BulkOrder{Reason: reason, BulkStarted: projection.BulkStarted{
		Action: projection.BulkUndo, Undoes: b.ID, Matched: b.Changed, From: projection.BulkPlace{Seq: b.StartedSeq}}})
}

// undoWait is how long the undo of one event waits for a task that is being cancelled.
const undoWait = 5 * time.Second

// UndoTask takes back an event of a task: a cancel makes it pending again, a change of its priority gives it the one before. Errors:
// ErrNotUndoable, ErrChangedSince, a *task.Refusal, those of the views and of commands.
func (s *Scheduler) UndoTask(ctx context.Context, actor string, id ulid.ULID, e *eventlog.Event, reason string) (task.Task, error) {
	item, err := s.undoEvent(ctx, id, e, reason)
	if err == nil && item.skip == SkipStopping {
		waiting, cancel := context.WithTimeout(ctx, undoWait)
		_, _ = s.WaitEnded(waiting, id) // it is looked at again
		cancel()
		item, err = s.undoEvent(ctx, id, e, reason)
	}
	switch {
	case err != nil:
		return task.Task{}, err
	case item.skip != "":
		return task.Task{}, ErrChangedSince
	}
	a, err := s.ask(ctx, &request{actor: actor, id: id, command: item.command, expect: item.version})
	if err != nil {
		return task.Task{}, err
	}
	return a.tasks[0].Task, nil
}

// undoEvent is what takes back an event of a task, or why there is nothing to take back.
func (s *Scheduler) undoEvent(ctx context.Context, id ulid.ULID, e *eventlog.Event, reason string) (bulkItem, error) {
	t, _, err := s.o.Views.Get(ctx, id)
	if err != nil {
		return bulkItem{}, err
	}
	switch e.Type {
	case task.EventCancelled.String(), task.EventCancelRequested.String(), task.EventEnding.String():
		return s.undoCancel(ctx, &t, e.Version, reason)
	case task.EventReprioritised.String():
		return s.undoReprioritised(ctx, &t, e)
	}
	return bulkItem{}, ErrNotUndoable
}

// undoReprioritised is what gives a task the priority back that it had before an event.
func (s *Scheduler) undoReprioritised(ctx context.Context, t *task.Task, e *eventlog.Event) (bulkItem, error) {
	seqs, err := s.o.Views.History(ctx, t.ID)
	if err != nil {
		return bulkItem{}, err
	}
	given, before := 0, 0
	var decoder task.Decoder
	for _, seq := range seqs {
		events, err := s.o.Log.Events(ctx, []int64{seq})
		if err != nil {
			return bulkItem{}, err
		}
		one := events[0]
		if kind, _ := task.ParseEventType(one.Type); kind == task.EventSubmitted || kind == task.EventReprioritised {
			var d task.Data
			if err := decoder.Decode(&d, kind, one.V, one.Data); err != nil {
				return bulkItem{}, err
			}
			before, given = given, d.Priority
		}
		if seq == e.Seq {
			break
		}
	}
	return undoPriority(t, given, before), nil
}

// undoOf is what takes back the change of a bulk to one task, or why there is nothing to take back.
func (s *Scheduler) undoOf(ctx context.Context, b *projection.Bulk, c *projection.BulkChange, reason string) (bulkItem, error) {
	id, ok := task.ParseID(c.ID)
	if !ok {
		return bulkItem{}, fmt.Errorf("bulk %s: %q is not the id of a task", b.ID, c.ID)
	}
	t, _, err := s.o.Views.Get(ctx, id)
	if err != nil {
		return bulkItem{}, err
	}
	switch b.Action {
	case projection.BulkCancel:
		return s.undoCancel(ctx, &t, c.Version, reason)
	case projection.BulkReprioritise:
		return undoPriority(&t, *b.Priority, int(c.Before)), nil
	case projection.BulkRunNow, projection.BulkMove:
		before := task.Micros(c.Before)
		return unlessChanged(&t, c.Version, task.Move{Until: &before}), nil
	}
	return bulkItem{id: id, skip: skipOther}, nil
}

// unlessChanged is a command on a task that nothing has happened to since.
func unlessChanged(t *task.Task, version int64, c task.Command) bulkItem {
	if t.Version != version {
		return bulkItem{id: t.ID, skip: SkipChanged}
	}
	return bulkItem{id: t.ID, version: version, command: c}
}

// undoPriority gives a task its priority back if it still has the one that it was given.
func undoPriority(t *task.Task, given, before int) bulkItem {
	switch {
	case t.Status.Ended():
		return bulkItem{id: t.ID, skip: SkipEnded}
	case t.Priority != given:
		return bulkItem{id: t.ID, skip: SkipChanged}
	}
	return bulkItem{id: t.ID, version: t.Version, command: task.Reprioritise{Priority: before}}
}

// undoCancel makes a task pending again that was cancelled by its event of that version, or asked to stop by it.
func (s *Scheduler) undoCancel(ctx context.Context, t *task.Task, version int64, reason string) (bulkItem, error) {
	sent, err := s.sentRoundAfter(ctx, t, version)
	switch {
	case err != nil:
		return bulkItem{}, err
	case sent:
		return bulkItem{id: t.ID, skip: SkipChanged}, nil
	case t.Status == task.Running && t.CancelRequested, !t.Status.Ended() && t.Ending() == task.Cancelled: // its children have not stopped
		return bulkItem{id: t.ID, skip: SkipStopping}, nil
	case t.Status != task.Cancelled: // it ended, or the attempt lost its lease, before it was stopped
		return bulkItem{id: t.ID, skip: SkipChanged}, nil
	}
	return bulkItem{id: t.ID, version: t.Version, command: task.Retry{Reason: reason, Undo: true}}, nil
}

// sentRoundAfter reports whether somebody has retried the task after its event of that version.
func (s *Scheduler) sentRoundAfter(ctx context.Context, t *task.Task, version int64) (bool, error) {
	if t.Version == version {
		return false, nil
	}
	seqs, err := s.o.Views.History(ctx, t.ID)
	if err != nil {
		return false, err
	}
	if version > int64(len(seqs)) {
		return false, nil
	}
	const some = 1000
	for seqs = seqs[version:]; len(seqs) > 0; {
		events, err := s.o.Log.Events(ctx, seqs[:min(some, len(seqs))])
		if err != nil {
			return false, err
		}
		for _, e := range events {
			if e.Type == task.EventRetried.String() || e.Type == task.EventResubmitted.String() {
				return true, nil
			}
		}
		seqs = seqs[len(events):]
	}
	return false, nil
}
