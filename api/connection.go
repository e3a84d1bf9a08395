package api

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync/atomic"
	"time"

	"daybook/eventlog"

	"github.com/r3labs/sse/v2"
)

// connection is one client of a stream. As a ResponseWriter it is used by the library
// alone, in the goroutine of the connection.
//
// It has one owner at a time: its herald while it waits there, else its own goroutine,
// which gets it with the next message that the library brings.
type connection struct {
	api    *API
	herald *herald
	id     string // of its private stream
	ctx    context.Context
	end    context.CancelFunc // after a failed write, or when the client is gone
	filter eventlog.Filter
	whole  bool // nothing is filtered out

	place int  // in the herald's list, -1 = it does not wait; guarded by herald.mu
	left  bool // it has left its herald for good; guarded by herald.mu

	// Of the owner.
	after  int64 // what has been published covers all up to this seq
	kicked bool  // the message on its way only wakes
	heard  time.Time

	silence *time.Timer // ends when the client has heard nothing for long

	// Of the goroutine of the connection.
	reply    *http.ResponseController // until handed over, or for good where that cannot be
	p        *reply
	open     *opening // until the header is out
	handed   chan struct{}
	conn     net.Conn      // what was handed over; nil = nothing was
	gone     chan struct{} // closed when nobody reads from conn any more
	gathered *[]byte       // borrowed while something is in it
	failed   error
}

var connections atomic.Int64 // numbers the private streams

func newConnection(a *API, p *reply, r *http.Request, h *herald, open opening) *connection {
	if r.ProtoMajor == 1 {
		// A stream has no end that chunks would have to mark: a message is one write.
		p.Header()["Transfer-Encoding"] = identity
	}
	return &connection{
		api: a, herald: h, id: itoa(connections.Add(1)), filter: open.filter,
		whole: len(open.filter.Streams) == 0 && len(open.filter.Types) == 0, after: open.after, place: -1,
		p: p, reply: http.NewResponseController(p.ResponseWriter), open: &open, handed: make(chan struct{}),
	}
}

// mostSaid is how many bytes the client of a stream may send after its request. It has
// nothing to say; whoever says more is cut off.
const mostSaid = 4 << 10

var identity = []string{"identity"}

// serve lets the library serve the connection, and returns when it has ended.
func (c *connection) serve() {
	defer c.api.streamsNow.Add(-1)
	defer c.herald.leave(c)
	defer c.recover()
	a := c.api
	a.metrics.clients.Inc()
	defer a.metrics.clients.Dec()
	a.streams.CreateStream(c.id)
	defer a.streams.RemoveStream(c.id)
	defer c.close()
	a.streams.ServeHTTP(c, c.request())
}

// close ends what is left of the connection.
func (c *connection) close() {
	c.end()
	if c.silence != nil {
		c.silence.Stop()
	}
	if c.conn != nil {
		_ = c.conn.Close()
		<-c.gone
	} else {
		_ = c.reply.SetWriteDeadline(time.Time{})
	}
}

// recover keeps the server up when the making of a message panics. The client reconnects.
func (c *connection) recover() {
	if cause := recover(); cause != nil {
		c.api.Logger.Error("event stream panicked", "panic", cause, "stack", string(debug.Stack()))
	}
}

// request is what the library gets to see: the name of the private stream and nothing
// that it would read by itself.
func (c *connection) request() *http.Request {
	private := &http.Request{Method: http.MethodGet, URL: &url.URL{RawQuery: "stream=" + c.id}, Header: http.Header{}}
	return private.WithContext(c.ctx)
}

// Header gives the library the header of the answer.
func (c *connection) Header() http.Header { return c.p.Header() }

// WriteHeader passes the library's status on.
func (c *connection) WriteHeader(status int) { c.p.WriteHeader(status) }

// Write gathers: the library writes a message in many small pieces.
func (c *connection) Write(b []byte) (int, error) {
	if c.failed == nil {
		if c.gathered == nil {
			c.gathered = borrow()
		}
		*c.gathered = append(*c.gathered, b...)
	}
	return len(b), c.failed
}

// Flush is called by the library after the header and after each message.
func (c *connection) Flush() {
	switch {
	case c.failed != nil:
		return
	case c.open != nil:
		c.begin()
		return
	case c.kicked:
		*c.gathered = (*c.gathered)[:0]
	default:
		c.writeOut()
		c.heard = time.Now()
		c.silence.Reset(keepAlive)
	}
	if c.ctx.Err() == nil {
		c.goOn()
	}
	if c.gathered != nil && len(*c.gathered) == 0 {
		giveBack(c.gathered)
		c.gathered = nil
	}
}

// begin writes the header, takes the connection over and says where the stream begins.
func (c *connection) begin() {
	open := c.open
	c.open = nil
	_ = c.reply.SetReadDeadline(time.Time{}) // the server's is for the request, not for the stream
	_ = c.reply.SetWriteDeadline(time.Now().Add(c.api.writeTime))
	if c.failed = c.reply.Flush(); c.failed != nil {
		c.end()
		return
	}
	c.noDeadline()
	c.takeOver()
	c.heard = time.Now()
	c.silence = time.AfterFunc(keepAlive, c.silent)
	c.publish(parcel{c.api.announcement(open, c.herald.extra), open.after})
}

// noDeadline ends the deadline of a write that is done: HTTP/2 resets a stream when it
// passes, whether anything is being written then or not.
func (c *connection) noDeadline() {
	if c.failed == nil {
		_ = c.reply.SetWriteDeadline(time.Time{})
	}
}

// takeOver gets the connection from the server, so that neither the goroutine of the
// request nor its buffers stay. Over HTTP/2, and behind a writer that hides it, that
// cannot be: the request then lasts as long as the stream.
func (c *connection) takeOver() {
	conn, _, err := c.reply.Hijack()
	if err != nil {
		return
	}
	c.conn, c.gone = conn, make(chan struct{})
	c.p, c.reply = nil, nil
	dropWhenVanished(conn)
	context.AfterFunc(c.ctx, func() { _ = conn.Close() })
	go func() {
		defer close(c.gone)
		defer c.end()
		for b, said := make([]byte, 16), 0; said <= mostSaid; { // when the client goes, this ends
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			said += n
		}
	}()
	close(c.handed)
}

// writeOut writes what has gathered, or ends the connection of a client that takes
// nothing for 3 s.
func (c *connection) writeOut() {
	until := time.Now().Add(c.api.writeTime)
	if c.conn != nil {
		_ = c.conn.SetWriteDeadline(until)
		_, c.failed = c.conn.Write(*c.gathered)
	} else {
		_ = c.reply.SetWriteDeadline(until)
		if _, c.failed = c.p.Write(*c.gathered); c.failed == nil {
			c.failed = c.reply.Flush()
		}
		c.noDeadline()
	}
	*c.gathered = (*c.gathered)[:0]
	if c.failed != nil {
		c.end()
	}
}

// goOn publishes what the connection lacks, or lets it wait for what comes.
func (c *connection) goOn() {
	mine := c.kicked || !c.herald.paced
	c.kicked = false
	for told := c.herald.told.Load(); mine && c.after < told; {
		p, err := c.herald.pull(c, told)
		if c.ctx.Err() != nil {
			return
		}
		if err != nil {
			c.fail(err)
			return
		}
		if p.event == nil && time.Since(c.heard) >= keepAlive {
			p.event = c.api.keptAlive(p.upTo, c.herald.extra)
		}
		if p.event != nil {
			c.publish(p)
			return
		}
		if p.upTo <= c.after {
			break // the engine has no more
		}
		c.after = p.upTo
	}
	c.herald.wait(c)
}

// fail ends the connection because what it needs cannot be read.
func (c *connection) fail(err error) {
	if c.api.stopping.Err() == nil {
		c.api.Logger.Error("event stream ends", "error", err)
	}
	c.end()
}

// publish hands messages to the library, for the owner. It never blocks: there is no
// other message on its way to this connection.
func (c *connection) publish(p parcel) {
	c.after = p.upTo
	c.api.streams.Publish(c.id, p.event)
}

// wake makes the connection's own goroutine go on.
var wake = &sse.Event{Comment: []byte("wake")}

// kick wakes the goroutine of the connection by a comment that is not written.
func (c *connection) kick() {
	c.kicked = true
	c.api.streams.Publish(c.id, wake)
}

// silent keeps the connection alive if it waits; if not, something is on its way.
func (c *connection) silent() {
	switch {
	case c.ctx.Err() != nil:
	case c.herald.take(c):
		c.publish(parcel{c.api.keptAlive(c.after, c.herald.extra), c.after})
	default:
		c.silence.Reset(keepAlive / 100)
	}
}
