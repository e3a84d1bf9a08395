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

func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.most {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// debt is what one request holds of a budget.
type debt struct {
	of *budget
	n  int64
}

// take lets the request hold n bytes of the budget in all, until it is answered.
func (p *reply) take(b *budget, n int64) bool {
	for i := range p.debts {
		d := &p.debts[i]
		if d.of == nil {
			d.of = b
		}
		if d.of != b {
			continue
		}
		if n > d.n {
			if !b.take(n - d.n) {
				return false
			}
			d.n = n
		}
		return true
	}
	return true // there are as many places as budgets
}

// takeAnswer lets an answer of n bytes lie in memory until the client has taken it. What a
// write did is told in any case: it has happened.
func (p *reply) takeAnswer(n int) error {
	if n > largeAnswer && p.answers != nil && !p.take(p.answers, int64(n)) && p.reads {
		return errNoMemory
	}
	return nil
}

// settle gives back what the request holds.
func (p *reply) settle() {
	for i := range p.debts {
		if d := &p.debts[i]; d.of != nil {
			d.of.give(d.n)
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

// searchTurn waits until the search may run: few do at a time, so that they leave the
// processors to others. The turn ends with done.
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
			Detail: "Other searches are on their way. Try again in a moment."}
	}
}

var errNoMemory = &problem{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: 1,
	Detail: "The server has as many large requests in hand as its memory allows. Nothing happened; try again in a moment."}
