package load

import (
	"math"
	"time"
)

// plan says when each request is due. Requests are numbered from 0.
type plan struct {
	batch    int64
	interval float64 // ns between two requests; 0 = there is no rate
	duration time.Duration
	count    int64 // tasks; 0 = until duration
}

func newPlan(o Options) plan {
	p := plan{batch: int64(o.Batch), duration: o.Duration, count: o.Count}
	if o.Rate > 0 {
		p.interval = float64(o.Batch) / o.Rate * float64(time.Second)
	}
	return p
}

// open reports whether requests come at a rate, whatever the server does.
func (p plan) open() bool { return p.interval > 0 }

// due is when request k is due, since the beginning of an open plan.
func (p plan) due(k int64) time.Duration { return time.Duration(float64(k) * p.interval) }

// requests is how many requests there are in all; MaxInt64 when only time ends the plan.
func (p plan) requests() int64 {
	switch {
	case p.count > 0:
		return (p.count + p.batch - 1) / p.batch
	case p.open():
		return int64(math.Ceil(float64(p.duration) / p.interval))
	}
	return math.MaxInt64
}

// requestsBefore is how many requests of an open plan are due by then.
func (p plan) requestsBefore(elapsed time.Duration) int64 {
	return min(p.requests(), int64(float64(elapsed)/p.interval)+1)
}

// tasks is how many tasks request k holds.
func (p plan) tasks(k int64) int64 {
	if p.count > 0 {
		return min(p.batch, p.count-k*p.batch)
	}
	return p.batch
}

// share is how much of the plan is done.
func (p plan) share(elapsed time.Duration, accepted int64) float64 {
	if p.count > 0 {
		return min(float64(accepted)/float64(p.count), 1)
	}
	return min(float64(elapsed)/float64(p.duration), 1)
}
