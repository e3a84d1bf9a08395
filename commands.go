package daybook

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"daybook/intake"
	"daybook/scheduler"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Submit makes tasks from inside the program, all in one commit or none, as POST
// /api/tasks/batch does: parameters are checked by the schema of the type, which also
// gives the defaults, files that they name must be there, and an idempotency key that was used for
// another request is refused (task.ErrKeyReused); RunAt is no part of the request. Errors:
// *scheduler.BatchError with a *task.Refusal, ErrNotRunning when Run was not called a second
// later, ErrClosed, and those of scheduler.Scheduler.Submit.
//
// In a cluster the node that leads decides it, and all that is asked for here; the errors are the same. If nobody leads, it
// waits up to 15 s, then the error is scheduler.ErrLeadLost and nothing has happened. After eventlog.ErrUnknown it may have.
func (d *Daybook) Submit(ctx context.Context, submits ...task.Submit) ([]scheduler.Submitted, error) {
	return d.ask(ctx, asked{Submit: submits})
}

// submit completes submits and gives them to the scheduler.
func (d *Daybook) submit(ctx context.Context, submits []task.Submit) ([]scheduler.Submitted, error) {
	own := slices.Clone(submits) // and all that they point to: the caller may do as it likes with its own
	for i := range own {
		s := &own[i]
		s.Tags, s.FileNames = slices.Clone(s.Tags), slices.Clone(s.FileNames)
		if s.Backoff != nil {
			backoff := *s.Backoff
			s.Backoff = &backoff
		}
		if s.Unique != nil {
			unique := *s.Unique
			unique.Since, unique.Behind = 0, ulid.ULID{}
			s.Unique = &unique
		}
		if err := d.intake.Complete(s); err != nil {
			return nil, &scheduler.BatchError{Index: i, Err: err}
		}
	}
	done, err := d.sched().Submit(ctx, actorProgram, own)
	for i := range done {
		done[i].Task = given(done[i].Task)
	}
	return done, err
}

// given is a task as it may be given away: its extras and links are shared with the views.
func given(t task.Task) task.Task {
	if t.Extras != nil {
		extras := *t.Extras
		extras.Tags = slices.Clone(extras.Tags)
		t.Extras = &extras
	}
	if t.Links != nil {
		links := *t.Links
		t.Links = &links
	}
	return t
}

// actorProgram is the actor of all that the program itself asks for.
const actorProgram = "system:program"

// Cancel cancels a task: at once when it is pending; when it runs, its handler is told to stop
// and the task is CANCELLED once it has. reason may be empty. It returns the task as it then
// stands. Errors: projection.ErrNotFound, a *task.Refusal when the task has ended, and those
// of Submit.
func (d *Daybook) Cancel(ctx context.Context, id ulid.ULID, reason string) (task.Task, error) {
	return d.do(ctx, asked{ID: id, Cancel: &task.Cancel{Reason: reason}})
}

// Retry makes a failed or cancelled task pending again, with all its attempts. Errors: those
// of Cancel; a *task.Refusal unless the task has failed or was cancelled.
func (d *Daybook) Retry(ctx context.Context, id ulid.ULID, reason string) (task.Task, error) {
	return d.do(ctx, asked{ID: id, Retry: &task.Retry{Reason: reason}})
}

// Changes are what RetryWith changes.
type Changes = intake.Changes

// RetryWith retries a failed or cancelled task as another one, which has these changes and all
// else of the old one; each of the two names the other (task.Links). Without parameters it is Retry,
// once for an idempotency key. Errors: those of Submit and
// Cancel; a *task.Refusal with task.ErrNotUnique when another task holds its unique key.
func (d *Daybook) RetryWith(ctx context.Context, id ulid.ULID, c Changes) (scheduler.Submitted, error) {
	done, err := d.ask(ctx, asked{ID: id, Changes: &c})
	if len(done) == 0 {
		return scheduler.Submitted{}, err
	}
	return done[0], err
}

func (d *Daybook) retryWith(ctx context.Context, id ulid.ULID, c Changes) (scheduler.Submitted, error) {
	if c.Parameters == nil {
		t, replayed, err := d.intake.RetrySame(ctx, id, c, func(ctx context.Context, c task.Retry) (task.Task, error) {
			return d.sched().Do(ctx, actorProgram, id, c)
		})
		return scheduler.Submitted{Task: given(t), Replayed: replayed}, err
	}
	s, err := d.intake.Retry(ctx, id, c, task.MicrosOf(time.Now()))
	if err != nil {
		return scheduler.Submitted{}, err
	}
	done, err := d.sched().Submit(ctx, actorProgram, []task.Submit{s})
	var batch *scheduler.BatchError
	if errors.As(err, &batch) {
		err = batch.Err
	}
	if err != nil {
		return scheduler.Submitted{}, err
	}
	done[0].Task = given(done[0].Task)
	return done[0], nil
}

// Reprioritise changes the priority of a task that has not ended: −100 … 100, higher first.
// Errors: those of Cancel.
func (d *Daybook) Reprioritise(ctx context.Context, id ulid.ULID, priority int) (task.Task, error) {
	return d.do(ctx, asked{ID: id, Reprioritise: &task.Reprioritise{Priority: priority}})
}

// Reschedule changes when a pending task is due; a time in the past means at once. Errors:
// those of Cancel; a *task.Refusal unless the task is pending.
func (d *Daybook) Reschedule(ctx context.Context, id ulid.ULID, due time.Time) (task.Task, error) {
	return d.do(ctx, asked{ID: id, Snooze: &task.Snooze{Until: task.MicrosOf(due)}})
}

func (d *Daybook) do(ctx context.Context, what asked) (task.Task, error) {
	done, err := d.ask(ctx, what)
	if len(done) == 0 {
		return task.Task{}, err
	}
	return done[0].Task, err
}

// ready says why nothing can be asked for, nil when it can.
func (d *Daybook) ready() error {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return d.connect()
}

// Wait returns when the task has ended or ctx has, with the task as it then stands and
// its result as JSON, nil if it has none. Errors: projection.ErrNotFound, scheduler.ErrStopped,
// ErrClosed.
func (d *Daybook) Wait(ctx context.Context, id ulid.ULID) (task.Task, []byte, error) {
	if err := d.ready(); err != nil {
		return task.Task{}, nil, err
	}
	t, err := d.waitEnded(ctx, id)
	if err != nil || t.ResultSeq == 0 {
		return given(t), nil, err
	}
	result, err := d.payloads.Get(context.WithoutCancel(ctx), t.ResultSeq)
	return given(t), bytes.Clone(result), err
}

// waitEnded waits for the end of a task. A node of a cluster looks into its views, whoever leads.
func (d *Daybook) waitEnded(ctx context.Context, id ulid.ULID) (task.Task, error) {
	if d.node == nil {
		return d.sched().WaitEnded(ctx, id)
	}
	d.mu.Lock()
	over := d.over
	d.mu.Unlock()
	for {
		changed := d.views.Changed()
		t, _, err := d.views.Get(context.WithoutCancel(ctx), id)
		if err != nil || t.Status.Ended() || ctx.Err() != nil {
			return t, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-over:
			return t, scheduler.ErrStopped
		}
	}
}
