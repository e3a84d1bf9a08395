package eventstream

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"daybook/internal/jsontext"
)

// Views is what a feed follows: how far the views are, and when they move.
type Views interface {
	Seq() int64
	Changed() <-chan struct{}
}

// FeedOptions say what the connections of a feed get.
type FeedOptions struct {
	Views       Views
	MinInterval time.Duration // from one round to the next; see interval
	Paced       bool          // no connection gets a message except in a round

	// Pull makes what follows after a seq, up to told or beyond it.
	Pull func(ctx context.Context, after, told int64) (Message, error)
	// Common makes what follows after a seq for all that stand there, or makes nothing.
	Common func(after, told int64) (Message, error)
	// Overlap says that what is common may also be sent to connections that stand further on.
	Overlap bool
	Extra   func(*jsontext.Writer) // writes what an announcement has beside the seq; nil = nothing
}

// Feed wakes the connections of one kind of stream when the views have moved, in rounds: one
// goroutine makes one message for all connections that stand where its last message led, and wakes
// the others to make their own. The goroutine runs while there are connections. It writes to no
// client, so no client can delay it.
type Feed struct {
	FeedOptions
	server *Server

	told atomic.Int64 // seq of the views at the last round

	mu      sync.Mutex
	clients int           // guarded by mu
	parked  []*connection // guarded by mu; they have received all there is
	lag     bool          // guarded by mu; a parked connection has not received what was told
	stop    context.CancelFunc
	ended   chan struct{} // of the goroutine
	none    chan struct{} // guarded by mu; closed when the last client leaves

	behind chan struct{} // tells the goroutine of lag; room for one
}

// NewFeed adds a feed to the server. Add all feeds before the first request.
func (s *Server) NewFeed(o FeedOptions) *Feed {
	if o.Extra == nil {
		o.Extra = func(*jsontext.Writer) {}
	}
	f := &Feed{FeedOptions: o, server: s, behind: make(chan struct{}, 1)}
	s.feeds = append(s.feeds, f)
	return f
}

const (
	// perClient is how much each client adds to the time between two rounds, about what a
	// message to it costs, so that many clients cost no more than a core.
	perClient = 50 * time.Microsecond
	// MaxInterval is the longest time between two rounds.
	MaxInterval = 250 * time.Millisecond
	// together is how many connections are woken at a time: others wait for a
	// processor does not wait behind all of them.
	together = 16
)

// interval is the time from one round to the next: the first change after a pause goes out at
// once, those close behind it together.
func (f *Feed) interval() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return min(max(f.MinInterval, perClient*time.Duration(f.clients)), MaxInterval)
}

// Told returns the seq of the views at the last round.
func (f *Feed) Told() int64 { return f.told.Load() }

// join counts a client, whose connection must leave; false when the server stops.
func (f *Feed) join() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server.stopping.Err() != nil {
		return false
	}
	if f.clients++; f.clients == 1 {
		ctx, stop := context.WithCancel(context.Background())
		f.stop, f.ended, f.none = stop, make(chan struct{}), make(chan struct{})
		f.told.Store(f.Views.Seq())
		go f.run(ctx, f.ended)
	}
	return true
}

// leave undoes join. The last one waits for the goroutine.
func (f *Feed) leave(c *connection) {
	f.mu.Lock()
	f.remove(c)
	c.left = true
	f.clients--
	last, ended := f.clients == 0, f.ended
	if last {
		f.stop()
		close(f.none)
	}
	f.mu.Unlock()
	if last {
		<-ended
	}
}

// park keeps the connection until there is something for it.
func (f *Feed) park(c *connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.left { // while a round had it
		return
	}
	c.place = len(f.parked)
	f.parked = append(f.parked, c)
	if c.after < f.told.Load() && !f.lag {
		f.lag = true
		select {
		case f.behind <- struct{}{}:
		default:
		}
	}
}

// unpark makes the caller the owner of the connection; false if it is not parked.
func (f *Feed) unpark(c *connection) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.remove(c)
}

// remove takes the connection out of those parked; false when it is not one of them. mu is held.
func (f *Feed) remove(c *connection) bool {
	if c.place < 0 {
		return false
	}
	last := len(f.parked) - 1
	f.parked[c.place] = f.parked[last]
	f.parked[c.place].place = c.place
	f.parked[last] = nil
	f.parked = f.parked[:last]
	c.place = -1
	return true
}

// Idle returns the number of connections that have received all there is.
func (f *Feed) Idle() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.parked)
}

// wait returns when there are no clients and the goroutine has ended. The server is stopping: no
// new ones come.
func (f *Feed) wait() {
	f.mu.Lock()
	none, ended := f.none, f.ended
	f.mu.Unlock()
	if none != nil {
		<-none
		<-ended
	}
}

// run makes a round when the views have moved.
func (f *Feed) run(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	var last time.Time
	var spare []*connection
	tip := f.told.Load()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		changed := f.Views.Changed()
		if !f.due() {
			select {
			case <-changed:
			case <-f.behind:
			case <-ctx.Done():
			}
			continue
		}
		if wait := time.Until(last.Add(f.interval())); wait > 0 {
			pause.Reset(wait)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
			continue
		}
		last = time.Now()
		tip, spare = f.round(tip, spare)
	}
}

// due reports whether there is something new for a connection.
func (f *Feed) due() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lag || f.Views.Seq() > f.told.Load()
}

// round serves the parked connections that stand before where the views are now. Those that stand at
// tip, where the last round led, get what is common; the others are woken to pull. It
// returns the new tip, and the list for the next round.
func (f *Feed) round(tip int64, spare []*connection) (int64, []*connection) {
	f.mu.Lock()
	batch := f.parked
	f.parked = spare[:0]
	for _, c := range batch {
		c.place = -1
	}
	f.lag = false
	now := f.Views.Seq()
	f.told.Store(now)
	f.mu.Unlock()

	var all Message
	var err error
	made := false
	for i, c := range batch {
		if i%together == together-1 {
			runtime.Gosched()
		}
		switch {
		case c.after >= now:
			f.park(c)
			continue
		case c.pull == nil && (c.after == tip || f.Overlap && c.after > tip):
			if !made {
				all, err = f.Common(tip, now)
				made = true
			}
			if err != nil {
				c.fail(err)
				continue
			}
			if !all.IsEmpty() && all.UpTo > c.after {
				c.publish(all)
				continue
			}
		}
		c.wake()
	}
	if f.Overlap && made && !all.IsEmpty() {
		now = all.UpTo
	}
	clear(batch)
	return now, batch[:0]
}
