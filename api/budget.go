package api

import (
	"context"
	"math"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// budget is memory that all requests together may hold for one purpose, in bytes.
type budget struct {
	most int64
	used atomic.Int64
}

// reserve reports whether n more bytes fit into the budget, and then holds them until release.
func (b *budget) reserve(n int64) bool {
	if b.used.Add(n) <= b.most {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *budget) release(n int64) { b.used.Add(-n) }

// debt is the memory that one request holds of a budget.
type debt struct {
	of *budget
	n  int64
}

// reserve reports whether the budget has room for n bytes for this request, in all. They are held
// until it is answered.
func (p *reply) reserve(b *budget, n int64) bool {
	for i := range p.debts {
		d := &p.debts[i]
		if d.of == nil {
			d.of = b
		}
		if d.of != b {
			continue
		}
		if n > d.n {
			if !b.reserve(n - d.n) {
				return false
			}
			d.n = n
		}
		return true
	}
	return true // there are as many places as budgets
}

// reserveAnswer holds memory for an answer of n bytes until the client has received it. The answer to a
// write is never refused: the write has happened.
func (p *reply) reserveAnswer(n int) error {
	if n > largeAnswer && p.answers != nil && !p.reserve(p.answers, int64(n)) && p.reads {
		return errNoMemory
	}
	return nil
}

// releaseMemory releases what the request holds of all budgets.
func (p *reply) releaseMemory() {
	for i := range p.debts {
		if d := &p.debts[i]; d.of != nil {
			d.of.release(d.n)
			*d = debt{}
		}
	}
}

const (
	// shareOfMemory is which part of the memory limit each budget gets.
	shareOfMemory = 6
	// leastShare lets one request of the largest kind through on any machine.
	leastShare = bodyCost * maxBatch
	// usualShare is for a program without a memory limit, as one that embeds this.
	usualShare = 512 << 20
)

// memoryShare is how much one budget has: by GOMEMLIMIT, or what the program has set.
func memoryShare() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(limit/shareOfMemory, leastShare)
	}
	return usualShare
}

// searchPatience is how long a search waits for those before it.
const searchPatience = 2 * time.Second

// searchTurn waits until the search may run: only a few run at a time, so that they leave
// the processors to other requests. The turn ends with done.
func (a *API) searchTurn(ctx context.Context) (done func(), err error) {
	wait := time.NewTimer(searchPatience)
	defer wait.Stop()
	select {
	case a.searches <- struct{}{}:
		return func() { <-a.searches }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, &problem{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: 2,
			Detail: "Other searches are running. Try again in a moment."}
	}
}

var errNoMemory = &problem{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: 1,
	Detail: "The server has as many large requests as its memory allows. Nothing was changed; try again in a moment."}
