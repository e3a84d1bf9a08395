package api

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"daybook/eventlog"

	"github.com/r3labs/sse/v2"
)

// Server-sent events. The only state of a connection is its seq: a follower pulls from
// the log, or from the views, at the connection's own pace. The library frames the
// messages; each connection has a stream of its own in it, because a shared one stalls
// for all when one client stops reading.
//
// Life of a connection: serve makes the private stream and lets the library register
// and write the header. The header's flush starts the follower: what it publishes finds
// its subscriber. It publishes a batch and waits until that is written. The end of the
// request, a write that takes over 3 s and StopStreams all end the context; the library
// then deregisters, its ServeHTTP returns, the follower is joined and the stream removed.

const (
	streamWriteTime = 3 * time.Second       // the longest that one write may take
	keepAlive       = 15 * time.Second      // silence after which the client hears something
	settle          = 5 * time.Millisecond  // least time between two looks at the log
	tick            = 25 * time.Millisecond // least time between two messages to a screen
	streamBatch     = 64                    // events published before the next look
	streamBuffer    = 64 << 10              // bytes gathered before a write, within a batch
	retryHint       = "1000"                // milliseconds until a browser reconnects
)

// newStreams returns the library's server as it can be used without harm: no replay (it
// keeps all in memory and rewrites ids), no streams by name of the client.
func newStreams() *sse.Server {
	s := sse.New()
	s.AutoReplay = false
	s.AutoStream = false
	s.BufferSize = 1
	s.Headers = map[string]string{"X-Accel-Buffering": "no"}
	return s
}

// opening is what the request for a stream says.
type opening struct {
	after  int64
	reset  string // why the client must begin again; "" = it need not
	filter eventlog.Filter
}

// logStream answers GET /api/log/stream: a message an event.
func (a *API) logStream(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "log", "stream*", "type*")
	if err != nil {
		return err
	}
	filter := eventFilter(q)
	open, err := a.opening(r, q, a.Log.Head().Seq)
	if err != nil {
		return err
	}
	open.filter = filter
	return a.serveStream(p, r, func(c *connection) { c.followLog(open) })
}

// screenStream answers GET /api/stream: what a screen needs, a message a tick.
func (a *API) screenStream(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "log")
	if err != nil {
		return err
	}
	open, err := a.opening(r, q, a.Views.Seq())
	if err != nil {
		return err
	}
	return a.serveStream(p, r, func(c *connection) { c.followViews(open) })
}

// opening reads where the stream shall begin: Last-Event-ID, else ?after=, else the head.
func (a *API) opening(r *http.Request, q *query, head int64) (opening, error) {
	open := opening{after: q.integer("after", head, 0, 1<<62)}
	if err := q.err(); err != nil {
		return open, err
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		n, err := strconv.ParseUint(last, 10, 62)
		if err != nil {
			return open, invalid("Last-Event-ID", "must be the id of a message of this stream, a whole number")
		}
		open.after = int64(n)
	}
	if log := q.text("log"); log != "" && log != a.Log.ID() {
		open.after, open.reset = head, "other_log"
	} else if open.after > head {
		open.after, open.reset = head, "beyond_head"
	}
	return open, nil
}

// connection is one client of a stream. As a ResponseWriter it is used by the library
// alone, in the goroutine of the request.
type connection struct {
	api     *API
	id      string // of its private stream
	p       *reply
	control *http.ResponseController
	ctx     context.Context // ends with the request, a failed write, or the server
	end     context.CancelFunc

	begun   chan struct{} // closed when the header is out: there is a subscriber
	pending atomic.Int64  // messages published and not yet written
	written chan struct{} // told when pending falls to 0; room for one

	// Of the request's goroutine.
	gathered []byte
	open     bool
	failed   error
}

var connections atomic.Int64 // numbers the private streams

// serveStream keeps the connection until it ends. follow publishes; it runs in a
// goroutine of its own and returns when the connection's context ends.
func (a *API) serveStream(p *reply, r *http.Request, follow func(*connection)) error {
	if r.Method == http.MethodHead {
		p.Header().Set("Content-Type", "text/event-stream")
		p.WriteHeader(http.StatusOK)
		return nil
	}
	ctx, end := a.waiting(r)
	defer end()
	if a.stopping.Err() != nil {
		return context.Canceled
	}
	c := &connection{
		api: a, id: itoa(connections.Add(1)), p: p, control: http.NewResponseController(p.ResponseWriter),
		ctx: ctx, end: end, begun: make(chan struct{}), written: make(chan struct{}, 1),
	}
	a.metrics.clients.Inc()
	defer a.metrics.clients.Dec()
	_ = c.control.SetReadDeadline(time.Time{}) // the server's is for the request, not for the stream
	defer func() { _ = c.control.SetWriteDeadline(time.Time{}) }()

	a.streams.CreateStream(c.id)
	defer a.streams.RemoveStream(c.id)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		defer end()
		select {
		case <-c.begun:
			follow(c)
		case <-ctx.Done():
		}
	}()
	a.streams.ServeHTTP(c, c.request(r))
	end()
	<-followed
	return nil
}

// request is what the library gets to see: the name of the private stream and nothing
// that it would read by itself.
func (c *connection) request(r *http.Request) *http.Request {
	private := r.WithContext(c.ctx)
	u := *r.URL
	u.RawQuery = "stream=" + c.id
	private.URL = &u
	private.Header = http.Header{}
	return private
}

// Header gives the library the header of the answer.
func (c *connection) Header() http.Header { return c.p.Header() }

// WriteHeader passes the library's status on.
func (c *connection) WriteHeader(status int) { c.p.WriteHeader(status) }

// Write gathers: the library writes a message in many small pieces.
func (c *connection) Write(b []byte) (int, error) {
	if c.failed == nil {
		c.gathered = append(c.gathered, b...)
	}
	return len(b), c.failed
}

// Flush is called by the library after the header and after each message. What has
// gathered goes out with the last message of a batch.
func (c *connection) Flush() {
	if !c.open {
		c.open = true
		c.writeOut()
		close(c.begun)
		return
	}
	left := c.pending.Add(-1)
	if left == 0 || len(c.gathered) >= streamBuffer {
		c.writeOut()
	}
	if left == 0 {
		select {
		case c.written <- struct{}{}:
		default:
		}
	}
}

// writeOut writes what has gathered, or ends the connection of a client that takes
// nothing for 3 s.
func (c *connection) writeOut() {
	if c.failed == nil {
		_ = c.control.SetWriteDeadline(time.Now().Add(c.api.writeTime))
		_, c.failed = c.p.Write(c.gathered)
		if c.failed == nil {
			c.failed = c.control.Flush()
		}
		if c.failed != nil {
			c.end()
		}
	}
	c.gathered = c.gathered[:0]
}

// publish hands a batch of at most streamBatch messages to the library and waits until
// it is written. It is false when the connection has ended.
func (c *connection) publish(batch ...*sse.Event) bool {
	if len(batch) == 0 {
		return c.ctx.Err() == nil
	}
	c.pending.Add(int64(len(batch)))
	for _, message := range batch {
		c.api.streams.Publish(c.id, message)
	}
	select {
	case <-c.written:
		return c.ctx.Err() == nil
	case <-c.ctx.Done():
		return false
	}
}

// pause waits until the moment; false when the connection ended before.
func (c *connection) pause(until time.Time) bool {
	wait := time.Until(until)
	if wait <= 0 {
		return c.ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// message is one message; kind "" is the default kind, "message". data is one line.
func message(kind string, seq int64, data []byte) *sse.Event {
	return &sse.Event{ID: strconv.AppendInt(nil, seq, 10), Event: []byte(kind), Data: data}
}

// announce says where the stream begins: {"seq","log_id"} and what extra adds. A client
// that came from elsewhere is told to begin again.
func (c *connection) announce(open opening, extra []byte) bool {
	data := append([]byte(nil), `{"seq":`...)
	data = strconv.AppendInt(data, open.after, 10)
	data = append(data, `,"log_id":`...)
	data = appendText(data, c.api.Log.ID())
	begin := message("open", open.after, append(append(data[:len(data):len(data)], extra...), '}'))
	begin.Retry = []byte(retryHint)
	if open.reset == "" {
		return c.publish(begin)
	}
	data = append(data[:len(data):len(data)], `,"reason":"`+open.reset+`"}`...)
	return c.publish(begin, message("reset", open.after, data))
}

// alive tells the client that the connection works, and the seq up to which there was
// nothing for it, so that it does not begin before that again.
func (c *connection) alive(seq int64, extra []byte) bool {
	data := append([]byte(nil), `{"seq":`...)
	data = strconv.AppendInt(data, seq, 10)
	data = append(data, extra...)
	return c.publish(message("keepalive", seq, append(data, '}')))
}

// followLog publishes every event after the opening, a message each, in order.
func (c *connection) followLog(open opening) {
	if !c.announce(open, nil) {
		return
	}
	follower := c.api.Log.Follow(open.after)
	batch := make([]*sse.Event, 0, streamBatch)
	for heard := time.Now(); ; {
		events, err := c.next(follower, open.filter, heard.Add(keepAlive))
		looked := time.Now()
		if c.ctx.Err() != nil {
			return
		}
		if err != nil {
			c.api.Logger.Error("event stream ends", "error", err)
			return
		}
		batch = batch[:0]
		for _, e := range events {
			batch = append(batch, message("", e.Seq, e.JSON()))
		}
		if len(batch) > 0 {
			heard = looked
			if !c.shown(events[len(events)-1].Seq) || !c.publish(batch...) {
				return
			}
		} else if looked.Sub(heard) >= keepAlive {
			heard = looked
			if !c.alive(follower.After(), nil) {
				return
			}
		}
		// The first event goes at once; those close behind it go together.
		if follower.After() >= c.api.Log.Head().Seq && !c.pause(looked.Add(settle)) {
			return
		}
	}
}

// next is Follower.Next that returns empty-handed at a moment.
func (c *connection) next(f *eventlog.Follower, filter eventlog.Filter, until time.Time) ([]*eventlog.Event, error) {
	ctx, cancel := context.WithDeadline(c.ctx, until)
	defer cancel()
	events, err := f.Next(ctx, filter, streamBatch)
	if err != nil && ctx.Err() != nil && c.ctx.Err() == nil {
		return nil, nil // the moment has come
	}
	return events, err
}

// shown waits until the views show the event, a moment after the log does: who hears of
// it and then asks for its task gets the task as it is after it.
func (c *connection) shown(seq int64) bool {
	for {
		changed := c.api.Views.Changed()
		if c.api.Views.Seq() >= seq {
			return true
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return false
		}
	}
}

// followViews publishes what changed since the opening, the first change at once, then
// at most every 25 ms.
func (c *connection) followViews(open opening) {
	if !c.announce(open, c.api.screenState()) {
		return
	}
	after := open.after
	silence := time.NewTimer(keepAlive)
	defer silence.Stop()
	for {
		changed := c.api.Views.Changed()
		if c.api.Views.Seq() > after {
			m, err := c.api.screens.since(c.api, after)
			if err != nil {
				c.api.Logger.Error("screen stream ends", "error", err)
				return
			}
			sent := time.Now()
			after = m.seq
			if !c.publish(message("", m.seq, m.data)) || !c.pause(sent.Add(tick)) {
				return
			}
			silence.Reset(keepAlive)
			continue
		}
		select {
		case <-changed:
		case <-silence.C:
			if !c.alive(after, c.api.screenState()) {
				return
			}
			silence.Reset(keepAlive)
		case <-c.ctx.Done():
			return
		}
	}
}
