package api

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"daybook/internal/jsontext"
)

// movable is what a herald has to know of the views: how far they are, and when they move.
type movable interface {
	Seq() int64
	Changed() <-chan struct{}
}

// herald tells the waiting connections of one kind of stream that there is something new,
// in beats. Its goroutine runs while there are connections. It writes to nobody, so nobody
// can hold it up.
type herald struct {
	api   *API
	views movable
	least time.Duration // from one beat to the next; see pace
	paced bool          // nobody gets a message but at a beat

	// pull makes what comes after a connection's seq, up to told or beyond it.
	pull func(c *connection, told int64) (parcel, error)
	// common makes what comes after a seq for all who stand there, or makes nothing.
	common func(after, told int64) (parcel, error)
	// overlap tells that what is common may also be given to who stands further on.
	overlap bool
	extra   func(*jsontext.Writer) // writes what an announcement has beside the seq

	told atomic.Int64 // seq of the views at the last beat

	mu      sync.Mutex
	clients int           // guarded by mu
	waiting []*connection // guarded by mu
	lag     bool          // guarded by mu; one that waits has not got what was told
	stop    context.CancelFunc
	ended   chan struct{} // of the goroutine
	none    chan struct{} // guarded by mu; closed when the last client leaves

	behind chan struct{} // tells the goroutine of lag; room for one
}

const (
	// paceOf is how much each client adds to the time between two beats, about what a
	// message to it costs, so that many clients cost no more than a core.
	paceOf = 50 * time.Microsecond
	// slowest is the longest time between two beats.
	slowest = 250 * time.Millisecond
	// together is how many connections are woken at a time: whoever else waits for a
	// processor does not wait behind all of them.
	together = 16
)

// pace is the time from one beat to the next: the first change after a pause goes out at
// once, those close behind it together.
func (h *herald) pace() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return min(max(h.least, paceOf*time.Duration(h.clients)), slowest)
}

// join counts a client, whose connection must leave; false when the server stops.
func (h *herald) join() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.api.stopping.Err() != nil {
		return false
	}
	if h.clients++; h.clients == 1 {
		ctx, stop := context.WithCancel(context.Background())
		h.stop, h.ended, h.none = stop, make(chan struct{}), make(chan struct{})
		h.told.Store(h.views.Seq())
		go h.run(ctx, h.ended)
	}
	return true
}

// leave ends what join began. The last one waits for the goroutine.
func (h *herald) leave(c *connection) {
	h.mu.Lock()
	h.remove(c)
	c.left = true
	h.clients--
	last, ended := h.clients == 0, h.ended
	if last {
		h.stop()
		close(h.none)
	}
	h.mu.Unlock()
	if last {
		<-ended
	}
}

// wait takes the connection until there is something for it.
func (h *herald) wait(c *connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.left { // while a beat had it
		return
	}
	c.place = len(h.waiting)
	h.waiting = append(h.waiting, c)
	if c.after < h.told.Load() && !h.lag {
		h.lag = true
		select {
		case h.behind <- struct{}{}:
		default:
		}
	}
}

// take gives the connection back to the caller; false when it does not wait.
func (h *herald) take(c *connection) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.remove(c)
}

// remove takes the connection from those that wait; false when it does not. mu is held.
func (h *herald) remove(c *connection) bool {
	if c.place < 0 {
		return false
	}
	last := len(h.waiting) - 1
	h.waiting[c.place] = h.waiting[last]
	h.waiting[c.place].place = c.place
	h.waiting[last] = nil
	h.waiting = h.waiting[:last]
	c.place = -1
	return true
}

// idle is how many connections wait.
func (h *herald) idle() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting)
}

// await returns when there are no clients and the goroutine has ended. The server is stopping: no
// new ones come.
func (h *herald) await() {
	h.mu.Lock()
	none, ended := h.none, h.ended
	h.mu.Unlock()
	if none != nil {
		<-none
		<-ended
	}
}

// run beats when the views have moved.
func (h *herald) run(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	var last time.Time
	var spare []*connection
	tip := h.told.Load()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		changed := h.views.Changed()
		if !h.due() {
			select {
			case <-changed:
			case <-h.behind:
			case <-ctx.Done():
			}
			continue
		}
		if wait := time.Until(last.Add(h.pace())); wait > 0 {
			pause.Reset(wait)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
			continue
		}
		last = time.Now()
		tip, spare = h.beat(tip, spare)
	}
}

// due tells whether there is something new for somebody.
func (h *herald) due() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lag || h.views.Seq() > h.told.Load()
}

// beat serves all who wait and stand before where the views are now. Those who stand at
// tip, where the last beat led, get what is common; the others are woken to pull. It
// returns the new tip, and the list for the next beat.
func (h *herald) beat(tip int64, spare []*connection) (int64, []*connection) {
	h.mu.Lock()
	batch := h.waiting
	h.waiting = spare[:0]
	for _, c := range batch {
		c.place = -1
	}
	h.lag = false
	now := h.views.Seq()
	h.told.Store(now)
	h.mu.Unlock()

	var all parcel
	var err error
	made := false
	for i, c := range batch {
		if i%together == together-1 {
			runtime.Gosched()
		}
		switch {
		case c.after >= now:
			h.wait(c)
			continue
		case c.whole && (c.after == tip || h.overlap && c.after > tip):
			if !made {
				all, err = h.common(tip, now)
				made = true
			}
			if err != nil {
				c.fail(err)
				continue
			}
			if all.event != nil && all.upTo > c.after {
				c.publish(all)
				continue
			}
		}
		c.kick()
	}
	if h.overlap && made && all.event != nil {
		now = all.upTo
	}
	clear(batch)
	return now, batch[:0]
}
