package measure

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// load is what callers did.
type load struct {
	tasks int64
	took  time.Duration // from the first call to the last answer
	calls []time.Duration
}

// run has callers submit size tasks a call until more says no. It is asked before each
// call and told how many tasks were begun before, and when the load began.
func run(ctx context.Context, sys System, callers, size int, more func(begun int64, start time.Time) bool) (load, error) {
	ready := make([]Caller, callers)
	for i := range ready {
		var err error
		if ready[i], err = sys.Caller(); err != nil {
			return load{}, err
		}
	}
	var (
		wg    sync.WaitGroup
		begun atomic.Int64
		calls = make([][]time.Duration, callers)
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
				calls[i] = append(calls[i], time.Since(before))
			}
		})
	}
	wg.Wait()
	l := load{took: time.Since(start)}
	for _, c := range calls {
		l.calls = append(l.calls, c...)
	}
	l.tasks = int64(len(l.calls) * size)
	return l, errors.Join(errs...)
}

// runFor loads for a time; however short it is, there is a call for each caller.
func runFor(ctx context.Context, sys System, callers, size int, d time.Duration) (load, error) {
	return run(ctx, sys, callers, size, func(begun int64, start time.Time) bool {
		return begun < int64(callers*size) || time.Since(start) < d
	})
}

// fill submits n tasks as fast as the system can: by a thousand a call if it has one.
func fill(ctx context.Context, sys System, j Job, n int) (load, error) {
	callers, size := j.Callers, 1
	if j.Bulk {
		callers, size = j.Bulkers, min(1000, n)
	}
	return run(ctx, sys, callers, size, func(begun int64, _ time.Time) bool { return begun < int64(n) })
}
