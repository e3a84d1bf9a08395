package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A task is erased in two steps. Its event task.erased is appended; then a goroutine, the eraser, deletes the payloads of its events and the
// lines of its log, and appends erasure.done, which says up to which event that was done. What is still to be done follows from the log, so it
// is done after a restart too, and when another node leads. See docs/adr/0067.

const (
	// erasePage is how many erased tasks the eraser takes at once at most, and erasePayloads how many payloads about.
	erasePage     = 256
	erasePayloads = 2048
	// eraseRetry is how long the eraser waits after it could not go on; it waits twice as long each time, up to eraseRetryMost.
	eraseRetry     = time.Second
	eraseRetryMost = time.Minute
)

// ErrErasing: the task was erased, and its payloads are being deleted.
var ErrErasing = errors.New("payloads are being deleted")

// EraseTask erases a task that has ended: its parameters, result, texts and steps, and the lines of its log. It returns the task when they
// are deleted. To erase it again changes nothing. Errors: ErrErasing, with the task: ctx has ended before all was deleted, which goes on; a
// *task.Refusal with task.ErrNotEnded; those of commands.
func (s *Scheduler) EraseTask(ctx context.Context, actor string, id ulid.ULID, reason string) (task.Task, error) {
	a, err := s.ask(ctx, &request{actor: actor, id: id, command: task.Erase{Reason: reason}})
	if err != nil {
		return task.Task{}, err
	}
	poke(s.eraseNudge)
	t := a.tasks[0].Task
	asked, _ := s.o.Views.Erasures()
	for {
		changed := s.o.Views.Changed()
		if _, done := s.o.Views.Erasures(); done >= asked {
			return t, nil
		}
		select {
		case <-changed:
		case <-s.stopped:
			return t, ErrErasing
		case <-ctx.Done():
			return t, ErrErasing
		}
	}
}

// erasing deletes what is to be deleted, until ctx ends.
func (s *Scheduler) erasing(ctx context.Context) {
	for wait := eraseRetry; ctx.Err() == nil; {
		more, err := s.eraseSome(ctx)
		switch {
		case err != nil && s.over(ctx, err):
			return
		case err != nil:
			s.eraseErr.Store(&err)
			s.o.Logger.Warn("payloads of erased tasks cannot be deleted for now; it is tried again", "in", wait, "error", err)
			_ = sleep(ctx, wait) // ctx has ended
			wait = min(2*wait, eraseRetryMost)
			continue
		case more:
			s.eraseErr.Store(nil)
			wait = eraseRetry
			continue
		}
		select {
		case <-s.eraseNudge:
		case <-ctx.Done():
		}
	}
}

// eraseSome deletes the payloads of the next tasks that were erased, and reports whether there may be more.
func (s *Scheduler) eraseSome(ctx context.Context) (more bool, err error) {
	asked, done := s.o.Views.Erasures()
	if done >= asked {
		return false, nil
	}
	page, err := s.o.Log.Read(ctx, done, eventlog.Filter{Types: []string{task.EventErased.String()}}, erasePage)
	if err != nil {
		return false, fmt.Errorf("read which tasks were erased: %w", err)
	}
	to, shown := page.Scanned, s.o.Views.Seq()
	var seqs []int64
	var ids []ulid.ULID
	for i, e := range page.Events {
		if e.Seq > shown || i > 0 && len(seqs) >= erasePayloads {
			to = min(to, e.Seq-1)
			break
		}
		id, ok := task.ParseStream(e.Stream)
		if !ok {
			return false, fmt.Errorf("%w: event %d is not of a task", eventlog.ErrDamaged, e.Seq)
		}
		if seqs, err = s.appendErasable(ctx, seqs, id); err != nil {
			return false, err
		}
		ids = append(ids, id)
	}
	if to = min(to, shown); to <= done {
		return false, nil
	}
	if err := s.o.Log.ErasePayloads(ctx, seqs...); err != nil {
		return false, err
	}
	if s.o.EraseLogs != nil && len(ids) > 0 {
		if err := s.o.EraseLogs(ctx, ids); err != nil {
			return false, err
		}
	}
	return true, s.recordErased(ctx, done, to)
}

// appendErasable appends the seqs of the events of a task whose payloads go when it is erased: all but the reason of that.
func (s *Scheduler) appendErasable(ctx context.Context, seqs []int64, id ulid.ULID) ([]int64, error) {
	history, err := s.o.Views.History(ctx, id)
	if err != nil {
		return seqs, fmt.Errorf("read the history of an erased task: %w", err)
	}
	const some = 1000
	for len(history) > 0 {
		events, err := s.o.Log.Events(ctx, history[:min(some, len(history))])
		if err != nil {
			return seqs, fmt.Errorf("read the history of an erased task: %w", err)
		}
		history = history[len(events):]
		for _, e := range events {
			if e.HasPayload && e.Type != task.EventErased.String() {
				seqs = append(seqs, e.Seq)
			}
		}
	}
	return seqs, nil
}

// recordErased appends that the payloads of all tasks are deleted that were erased up to an event.
func (s *Scheduler) recordErased(ctx context.Context, from, to int64) error {
	data, err := json.Marshal(projection.ErasureDoneData{To: to})
	if err != nil {
		return err // not for a number
	}
	return s.Record(ctx, ActorScheduler, func() ([]Other, error) {
		if _, done := s.o.Views.Erasures(); done != from {
			return nil, nil // another node has led meanwhile
		}
		return []Other{{Stream: projection.ErasureStream, Type: projection.ErasureDone, V: 1, Data: data}}, nil
	})
}
