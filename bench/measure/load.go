package measure

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// load is what callers do.
type load struct {
	tasks atomic.Int64 // acknowledged so far
	calls *latencies
	took  time.Duration // from the first call to the last answer
}

// run has callers submit size tasks a call until more says no. It is asked before each
// call and told how many tasks were begun before, and when the load began.
func (l *load) run(ctx context.Context, sys System, callers, size int, more func(begun int64, start time.Time) bool) error {
	ready := make([]Caller, callers)
	for i := range ready {
		var err error
		if ready[i], err = sys.Caller(); err != nil {
			return err
		}
	}
	var (
		wg    sync.WaitGroup
		begun atomic.Int64
		errs  = make([]error, callers)
		start = time.Now()
	)
	for i, caller := range ready {
		wg.Go(func() {
			for more(begun.Add(int64(size))-int64(size), start) {
				before := time.Now()
				if errs[i] = caller.Submit(ctx, size); errs[i] != nil {
					return
				}
				l.calls.add(time.Since(before))
				l.tasks.Add(int64(size))
			}
		})
	}
	wg.Wait()
	l.took = time.Since(start)
	return errors.Join(errs...)
}

func newLoad() *load { return &load{calls: newLatencies()} }

func run(ctx context.Context, sys System, callers, size int, more func(begun int64, start time.Time) bool) (*load, error) {
	l := newLoad()
	return l, l.run(ctx, sys, callers, size, more)
}

// runFor loads for a time; however short it is, there is a call for each caller.
func runFor(ctx context.Context, sys System, callers, size int, d time.Duration) (*load, error) {
	return run(ctx, sys, callers, size, func(begun int64, start time.Time) bool {
		return begun < int64(callers*size) || time.Since(start) < d
	})
}

// fill submits n tasks as fast as the system can: by a thousand a call if it has one.
func fill(ctx context.Context, sys System, j Job, n int) (*load, error) {
	callers, size := j.Callers, 1
	if j.Bulk {
		callers, size = j.Bulkers, min(1000, n)
	}
	return run(ctx, sys, callers, size, func(begun int64, _ time.Time) bool { return begun < int64(n) })
}

func (l *load) result() Result {
	tasks := l.tasks.Load()
	return Result{
		Tasks: tasks, Seconds: l.took.Seconds(), Rate: float64(tasks) / l.took.Seconds(),
		P50: l.calls.percentile(50), P99: l.calls.percentile(99),
	}
}
