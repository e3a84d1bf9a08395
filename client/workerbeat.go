package client

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"syscall"
	"time"
)

// beatCall is one beat on its way, or back.
type beatCall struct {
	began  time.Time
	tokens []string
	answer beatAnswer
	err    error
}

type beatAnswer struct {
	Cancelled   []string `json:"cancelled"`
	Lost        []string `json:"lost"`
	Quiet       bool     `json:"quiet"`
	BeatSeconds float64  `json:"beat_seconds"`
}

// startBeat sends one beat for all that is held.
func (r *workerRun) startBeat() {
	r.beatDue = false
	tokens := r.tokens()
	if len(tokens) == 0 {
		return // the next lease starts the timer again
	}
	b := &beatCall{began: time.Now(), tokens: tokens}
	r.beat = b
	body := struct {
		Tokens       []string `json:"tokens"`
		LeaseSeconds int64    `json:"lease_seconds"`
	}{tokens, int64(r.options.Lease / time.Second)}
	k := call{method: http.MethodPost, path: pathOf("/api/workers/", r.options.Name, "/beat"), body: body, again: true}
	ctx, cancel := context.WithTimeout(r.calls, max(r.options.Lease/3, time.Second))
	go func() {
		defer cancel()
		_, b.err = r.client.do(ctx, k, &b.answer)
		r.beaten <- b
	}()
}

// hear takes in the answer to a beat and sets the time of the next.
func (r *workerRun) hear(b *beatCall) {
	r.beat = nil
	next := r.beatEvery
	if b.err != nil {
		r.refused = errors.Is(b.err, syscall.ECONNREFUSED)
		r.expire()
		next = min(next, time.Second)
	} else {
		r.refused = false
		r.applySettings(b.answer.Quiet, b.answer.BeatSeconds)
		next = max(r.beatEvery-time.Since(b.began), 0)
		for _, token := range b.tokens {
			if a := r.running[token]; a != nil {
				a.until = b.began.Add(r.options.Lease)
			}
		}
		for _, token := range b.answer.Cancelled {
			if a := r.running[token]; a != nil {
				a.cancel(ErrCancelled)
			}
		}
		for _, token := range b.answer.Lost {
			r.lose(r.running[token])
		}
	}
	if len(r.running) > 0 || len(r.outbox) > 0 || r.poll != nil || r.quick != nil {
		r.beatAfter(next)
	}
}

// beatAfter lets the next beat leave in that time.
func (r *workerRun) beatAfter(d time.Duration) {
	r.beatDue = true
	r.beatTimer.Reset(d)
}

// tokens are those of all that needs beats: what runs, and what has ended but may not reach the
// server in time.
func (r *workerRun) tokens() []string {
	held := make(map[string]bool, len(r.running))
	for token, a := range r.running {
		if !a.lost {
			held[token] = true
		}
	}
	late := slices.Clone(r.outbox)
	for _, c := range []*leaseCall{r.poll, r.quick} {
		if c != nil && c.isSlow() {
			late = append(late, c.reports...)
		}
	}
	for _, rep := range late {
		if rep.ends {
			held[rep.attempt.token] = true
		}
	}
	return slices.Sorted(maps.Keys(held))
}

// lose ends an attempt whose lease the server does not know any more.
func (r *workerRun) lose(a *attempt) {
	if a != nil && !a.lost {
		a.lost = true
		a.cancel(ErrLeaseLost)
		r.logger.Warn("the lease of a task is lost", "task", a.task.ID, "task_type", a.task.TaskType)
	}
}

// expire ends the attempts whose leases may have run out. A server that does not run cannot give
// their tasks to anybody, and lets leases live longer when it is back: then they go on.
func (r *workerRun) expire() {
	if r.refused {
		return
	}
	now := time.Now()
	for _, a := range r.running {
		if now.After(a.until) {
			a.cancel(ErrLeaseLost)
		}
	}
}
