package scheduler

import (
	"sync/atomic"
	"time"
)

// AppendBounds are the upper bounds of the buckets of AppendTimes.
var AppendBounds = [...]time.Duration{100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second}

// AppendTimes are how long appends to the log took, since the start.
type AppendTimes struct {
	Count int64
	Sum   time.Duration
	Up    [len(AppendBounds)]int64 // how many took at most the bound
}

// appendTimes counts appends: one goroutine at a time writes, anyone may read.
type appendTimes struct {
	sum atomic.Int64
	n   [len(AppendBounds) + 1]atomic.Int64
}

func (a *appendTimes) add(took time.Duration) {
	bucket := 0
	for bucket < len(AppendBounds) && took > AppendBounds[bucket] {
		bucket++
	}
	a.n[bucket].Add(1)
	a.sum.Add(int64(took))
}

// AppendTimes returns how long appends took.
func (s *Scheduler) AppendTimes() (t AppendTimes) {
	t.Sum = time.Duration(s.appends.sum.Load())
	for i := range s.appends.n {
		t.Count += s.appends.n[i].Load()
		if i < len(t.Up) {
			t.Up[i] = t.Count
		}
	}
	return t
}
