// Package measure gives the same work to every task queue and takes the time. It knows
// no queue; package queues knows them all.
package measure

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// Payload is what every task carries: a JSON object of 240 bytes.
var Payload = `{"text":"` + Text + `"}`

// Text is the string in Payload, for queues that encode values on their own.
var Text = strings.Repeat("daybook ", 29)[:229]

// System is one task queue under measurement, open on its store.
type System interface {
	// Caller returns what submits tasks. Each caller is used by one goroutine.
	Caller() (Caller, error)

	// Work lets the tasks run: those that wait and those that come. Before it none
	// ends. It is called once at most.
	Work(ctx context.Context) error

	// Ended returns when n tasks have ended by the word of the store, counted since
	// the system was opened, and n. When ctx ends first it returns how many had.
	Ended(ctx context.Context, n int64) (int64, error)

	// Left is how many tasks have not ended by the word of the store, now.
	Left(ctx context.Context) (int64, error)

	// Facts are asked of the running system, not taken from what it was told.
	Facts(ctx context.Context) (Facts, error)

	Close() error
}

// Caller submits tasks.
type Caller interface {
	// Submit makes n tasks by one call of the queue and returns when the queue has
	// acknowledged them.
	Submit(ctx context.Context, n int) error
}

// Lagger is a System whose views may be behind its log.
type Lagger interface {
	// Lag is how many events the views are behind.
	Lag(ctx context.Context) (int64, error)
}

// Facts are what a reader must know of a system to judge its figures.
type Facts struct {
	// Durability is what is on the disk when a submit is acknowledged.
	Durability string `json:"durability"`
	// Synced says that the task is on the disk then.
	Synced bool `json:"synced"`
	// Settings are what was set other than by default, pools and polls first.
	Settings string `json:"settings"`
	// PIDs of the processes that make up the system, without its database server.
	PIDs []int `json:"pids"`
}

// Hits hears of the starts of handlers.
type Hits struct {
	n     atomic.Int64
	first atomic.Int64     // Unix time in nanoseconds
	each  chan<- time.Time // nil = nobody listens
}

// Hit says that a handler starts now.
func (h *Hits) Hit() {
	if h.each == nil && h.first.Load() != 0 {
		h.n.Add(1)
		return
	}
	h.HitAt(time.Now())
}

// HitAt says that a handler started then.
func (h *Hits) HitAt(at time.Time) {
	h.first.CompareAndSwap(0, at.UnixNano())
	if h.each != nil {
		h.each <- at
	}
	h.n.Add(1)
}

// N is how many handlers have started.
func (h *Hits) N() int64 { return h.n.Load() }

// First is when the first handler started, the zero time before that.
func (h *Hits) First() time.Time {
	if at := h.first.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Settle is System.Ended for a queue that can only be asked how many tasks are left,
// by its System.Left: it waits for n starts, then asks until none is left.
func (h *Hits) Settle(ctx context.Context, n int64, left func(context.Context) (int64, error)) (int64, error) {
	for ; h.N() < n; time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			return h.N(), nil
		}
	}
	for {
		rest, err := left(context.WithoutCancel(ctx))
		if err != nil || rest == 0 || ctx.Err() != nil {
			return n - rest, err
		}
		time.Sleep(time.Millisecond)
	}
}
