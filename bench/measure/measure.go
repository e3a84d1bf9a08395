package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Warm-up, before the clock runs.
const (
	warmTime  = 500 * time.Millisecond
	warmTasks = 500
)

// Bench is one system with the job to be done on it.
type Bench struct {
	Job    Job
	System System
	Hits   *Hits
	Starts <-chan time.Time // of handlers; PickUp only

	// Pause says that the bench is idle, or has run its backlog, and returns when it
	// may go on. Memory only.
	Pause func(phase string) error
}

// Run does the job.
func (b *Bench) Run(ctx context.Context) (Result, error) {
	r, err := b.row(ctx)
	if l, ok := b.System.(Lagger); ok && err == nil {
		var lag int64
		lag, err = l.Lag(ctx)
		r.Lag = &lag
	}
	return r, err
}

func (b *Bench) row(ctx context.Context) (Result, error) {
	j := b.Job
	switch j.Row {
	case SubmitOne:
		return b.submit(ctx, 1, 1)
	case SubmitMany:
		return b.submit(ctx, j.Callers, 1)
	case Bulk100:
		return b.submit(ctx, j.Bulkers, 100)
	case Bulk1000:
		return b.submit(ctx, j.Bulkers, 1000)
	case RunOne:
		return b.endToEnd(ctx, j.Callers, 1)
	case RunBulk:
		return b.endToEnd(ctx, j.Bulkers, 100)
	case MinuteOne:
		return b.minute(ctx, j.Callers, 1)
	case MinuteBulk:
		return b.minute(ctx, j.Bulkers, 100)
	case SustainedOne:
		return b.sustained(ctx, j.Callers, 1)
	case SustainedBulk:
		return b.sustained(ctx, j.Bulkers, 100)
	case Drain:
		return b.drain(ctx)
	case PickUp:
		return b.pickUp(ctx)
	case Memory:
		return b.memory(ctx)
	case Fill:
		l, err := fill(ctx, b.System, j, j.Backlog)
		return l.result(), err
	case Start:
		return b.start(ctx)
	}
	return Result{}, fmt.Errorf("there is no row %q", j.Row)
}

// submit measures the calls alone; no task ends.
func (b *Bench) submit(ctx context.Context, callers, size int) (Result, error) {
	if _, err := runFor(ctx, b.System, callers, size, warmTime); err != nil {
		return Result{}, err
	}
	l, err := runFor(ctx, b.System, callers, size, b.Job.Load())
	return l.result(), err
}

// endToEnd measures from the first call to the end of the last task.
func (b *Bench) endToEnd(ctx context.Context, callers, size int) (Result, error) {
	warm, err := b.warmUp(ctx, callers, size)
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	l, err := runFor(ctx, b.System, callers, size, b.Job.Load())
	if err != nil {
		return Result{}, err
	}
	return b.settle(ctx, l.result(), start, warm, l.tasks.Load())
}

// warmUp lets the tasks run and returns how many have, when they have.
func (b *Bench) warmUp(ctx context.Context, callers, size int) (int64, error) {
	if err := b.System.Work(ctx); err != nil {
		return 0, err
	}
	l, err := run(ctx, b.System, callers, size, func(begun int64, _ time.Time) bool { return begun < warmTasks })
	if err != nil {
		return 0, err
	}
	return b.ended(ctx, l.tasks.Load())
}

// drain measures from the first start of a handler to the end of the last task.
func (b *Bench) drain(ctx context.Context) (Result, error) {
	l, err := fill(ctx, b.System, b.Job, b.Job.Backlog)
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	if err := b.System.Work(ctx); err != nil {
		return Result{}, err
	}
	if b.Hits.N() == 0 { // starting the workers is not draining
		if start, err = b.firstStart(ctx); err != nil {
			return Result{}, err
		}
	}
	return b.settle(ctx, Result{}, start, 0, l.tasks.Load())
}

// settle waits for the end of all tasks and puts the rate since start into r.
func (b *Bench) settle(ctx context.Context, r Result, start time.Time, before, tasks int64) (Result, error) {
	ended, err := b.ended(ctx, before+tasks)
	r.Seconds = time.Since(start).Seconds()
	r.Tasks = ended - before
	r.CutOff = r.Tasks < tasks
	r.Rate = float64(r.Tasks) / r.Seconds
	return r, err
}

func (b *Bench) ended(ctx context.Context, n int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, seconds(b.Job.Limit))
	defer cancel()
	return b.System.Ended(ctx, n)
}

// pickUp measures, on an idle queue, from the begin of a call to the start of the handler.
func (b *Bench) pickUp(ctx context.Context) (Result, error) {
	if err := b.System.Work(ctx); err != nil {
		return Result{}, err
	}
	caller, err := b.System.Caller()
	if err != nil {
		return Result{}, err
	}
	l, begin := newLoad(), time.Now()
	for i := range b.Job.Samples + b.Job.Samples/10 { // the first tenth warms up
		// A pause of no fixed length, so that it keeps no step with a poll.
		time.Sleep(2*time.Millisecond + rand.N(8*time.Millisecond))
		sent := time.Now()
		if err := caller.Submit(ctx, 1); err != nil {
			return Result{}, err
		}
		select {
		case started := <-b.Starts:
			if i >= b.Job.Samples/10 {
				l.calls.add(time.Duration(started.UnixNano() - sent.UnixNano()))
				l.tasks.Add(1)
			}
		case <-time.After(seconds(b.Job.Limit)):
			return Result{}, fmt.Errorf("task %d did not start in time", i)
		}
	}
	l.took = time.Since(begin)
	return l.result(), nil
}

// memory pauses when the system is idle and when it has run a backlog.
func (b *Bench) memory(ctx context.Context) (Result, error) {
	if err := b.System.Work(ctx); err != nil {
		return Result{}, err
	}
	if err := b.Pause("idle"); err != nil {
		return Result{}, err
	}
	start := time.Now()
	l, err := fill(ctx, b.System, b.Job, b.Job.Backlog)
	if err != nil {
		return Result{}, err
	}
	r, err := b.settle(ctx, Result{}, start, 0, l.tasks.Load())
	if err != nil {
		return Result{}, err
	}
	return r, b.Pause("after")
}

// start runs a backlog that another process left, until its first task starts.
func (b *Bench) start(ctx context.Context) (Result, error) {
	if err := b.System.Work(ctx); err != nil {
		return Result{}, err
	}
	first, err := b.firstStart(ctx)
	return Result{First: first.UnixNano()}, err
}

func (b *Bench) firstStart(ctx context.Context) (time.Time, error) {
	for deadline := time.Now().Add(seconds(b.Job.Limit)); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		if first := b.Hits.First(); !first.IsZero() {
			return first, ctx.Err()
		}
	}
	return time.Time{}, fmt.Errorf("no task started in time")
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
