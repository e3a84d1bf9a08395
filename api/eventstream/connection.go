package eventstream

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/r3labs/sse/v2"
)

// connection is one client of a stream. As a ResponseWriter it is used by the library
// alone, in the goroutine of the connection.
//
// It has one owner at a time: its feed while it is parked there, else its own goroutine,
// which gets it with the next message that the library brings.
type connection struct {
	server *Server
	feed   *Feed
	id     string // of its private stream
	ctx    context.Context
	end    context.CancelFunc                                            // after a failed write, or when the client is gone
	pull   func(ctx context.Context, after, told int64) (Message, error) // nil = that of the feed
	idle   func(seq int64) Message                                       // nil = keep-alives alone
	pause  time.Duration                                                 // of silence, until idle is asked or a keep-alive is sent

	place int  // in the feed's list, -1 = it is not parked; guarded by feed.mu
	left  bool // it has left its feed and does not come back; guarded by feed.mu

	// Of the owner.
	after int64 // what has been published covers all up to this seq
	woken bool  // the next message only wakes the goroutine
	heard time.Time

	silence *time.Timer // ends when the client has heard nothing for long

	// Of the goroutine of the connection.
	reply    *http.ResponseController // until handed over, or always if it cannot be handed over
	w        http.ResponseWriter
	open     *Opening // until the header is out
	handed   chan struct{}
	conn     net.Conn      // what was handed over; nil = nothing was
	gone     chan struct{} // closed when nobody reads from conn any more
	gathered *[]byte       // from a pool, while something is in it
	failed   error
}

var connections atomic.Int64 // numbers the private streams

func newConnection(f *Feed, w http.ResponseWriter, r *http.Request, open Opening) *connection {
	if r.ProtoMajor == 1 {
		// A stream has no end that chunks would have to mark: a message is one write.
		w.Header()["Transfer-Encoding"] = identity
	}
	pause := KeepAlive
	if open.Idle != nil {
		pause = open.IdleEvery
	}
	return &connection{
		server: f.server, feed: f, id: strconv.FormatInt(connections.Add(1), 10), pull: open.Pull, after: open.After, place: -1,
		idle: open.Idle, pause: pause,
		w: w, reply: http.NewResponseController(w), open: &open, handed: make(chan struct{}),
	}
}

// mostSaid is how many bytes the client of a stream may send after its request. It has
// no reason to send any; a client that sends more is disconnected.
const mostSaid = 4 << 10

var identity = []string{"identity"}

// serve lets the library serve the connection, and returns when it has ended.
func (c *connection) serve() {
	defer c.feed.leave(c) // last of all: Wait returns after it
	defer c.server.open.Add(-1)
	defer c.recover()
	library := c.server.library
	library.CreateStream(c.id)
	defer library.RemoveStream(c.id)
	defer c.close()
	library.ServeHTTP(c, c.request())
}

// close closes what is still open of the connection.
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

// recover keeps the server running if making a message panics. The client reconnects.
func (c *connection) recover() {
	if cause := recover(); cause != nil {
		c.server.Logger.Error("event stream panicked", "panic", cause, "stack", string(debug.Stack()))
		c.end()
	}
}

// request is the request that the library gets: the name of the private stream, without headers that
// the library would interpret.
func (c *connection) request() *http.Request {
	private := &http.Request{Method: http.MethodGet, URL: &url.URL{RawQuery: "stream=" + c.id}, Header: http.Header{}}
	return private.WithContext(c.ctx)
}

// Header gives the library the header of the answer.
func (c *connection) Header() http.Header { return c.w.Header() }

// WriteHeader passes on the library's status.
func (c *connection) WriteHeader(status int) { c.w.WriteHeader(status) }

// Write collects: the library writes a message in many small pieces.
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
	case c.woken:
		*c.gathered = (*c.gathered)[:0]
	default:
		c.writeOut()
		c.heard = time.Now()
		c.silence.Reset(c.pause)
	}
	if c.ctx.Err() == nil {
		c.next()
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
	_ = c.reply.SetWriteDeadline(time.Now().Add(c.server.WriteTime))
	if c.failed = c.reply.Flush(); c.failed != nil {
		c.end()
		return
	}
	c.noDeadline()
	c.takeOver()
	c.heard = time.Now()
	c.silence = time.AfterFunc(c.pause, c.silent)
	c.publish(c.server.announcement(open, c.feed.Extra))
}

// noDeadline removes the deadline of a write that is done: HTTP/2 resets a stream when it
// passes, even if nothing is being written.
func (c *connection) noDeadline() {
	if c.failed == nil {
		_ = c.reply.SetWriteDeadline(time.Time{})
	}
}

// takeOver hijacks the connection, so that neither the goroutine of the
// request nor its buffers are kept. Over HTTP/2, and behind a writer that hides it, that
// is impossible: the request then lasts as long as the stream.
func (c *connection) takeOver() {
	conn, _, err := c.reply.Hijack()
	if err != nil {
		return
	}
	c.conn, c.gone = conn, make(chan struct{})
	c.w, c.reply = nil, nil
	dropUnreachable(conn)
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

// writeOut writes what was collected, or ends the connection of a client that receives
// nothing for 3 s.
func (c *connection) writeOut() {
	until := time.Now().Add(c.server.WriteTime)
	if c.conn != nil {
		_ = c.conn.SetWriteDeadline(until)
		_, c.failed = c.conn.Write(*c.gathered)
	} else {
		_ = c.reply.SetWriteDeadline(until)
		if _, c.failed = c.w.Write(*c.gathered); c.failed == nil {
			c.failed = c.reply.Flush()
		}
		c.noDeadline()
	}
	*c.gathered = (*c.gathered)[:0]
	if c.failed != nil {
		c.end()
	}
}

// next publishes what follows the connection's seq, or parks the connection.
func (c *connection) next() {
	mine := c.woken || !c.feed.Paced
	c.woken = false
	pull := c.pull
	if pull == nil {
		pull = c.feed.Pull
	}
	for told := c.feed.told.Load(); mine && c.after < told; {
		m, err := pull(c.ctx, c.after, told)
		if c.ctx.Err() != nil {
			return
		}
		if err != nil {
			c.fail(err)
			return
		}
		if m.IsEmpty() && time.Since(c.heard) >= KeepAlive {
			m = c.server.keptAlive(m.UpTo, c.feed.Extra)
		}
		if !m.IsEmpty() {
			c.publish(m)
			return
		}
		if m.UpTo <= c.after {
			break // the engine has no more
		}
		c.after = m.UpTo
	}
	c.feed.park(c)
}

// fail ends the connection because what it needs cannot be read.
func (c *connection) fail(err error) {
	if c.server.stopping.Err() == nil {
		c.server.Logger.Error("event stream ends", "error", err)
	}
	c.end()
}

// publish hands messages to the library, for the owner. It never blocks: there is no
// other message on its way to this connection.
func (c *connection) publish(m Message) {
	c.after = m.UpTo
	c.server.library.Publish(c.id, m.event)
}

// wakeUp is a message that is not written.
var wakeUp = &sse.Event{Comment: []byte("wake")}

// wake makes the goroutine of the connection continue.
func (c *connection) wake() {
	c.woken = true
	c.server.library.Publish(c.id, wakeUp)
}

// silent sends what there is to say without a change, or a keep-alive, if the connection is parked; if not, a message follows
// anyway.
func (c *connection) silent() {
	defer c.recover()
	switch {
	case c.ctx.Err() != nil:
	case c.feed.unpark(c):
		var m Message
		if c.idle != nil {
			m = c.idle(c.after)
		}
		if m.IsEmpty() && time.Since(c.heard)+c.pause > KeepAlive {
			m = c.server.keptAlive(c.after, c.feed.Extra)
		}
		if m.IsEmpty() {
			c.silence.Reset(c.pause)
			c.feed.park(c)
			return
		}
		c.publish(m)
	default:
		c.silence.Reset(KeepAlive / 100)
	}
}

// buffers are byte slices for messages that are being collected.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// keepBuffer is the largest buffer that goes back to the pool, in bytes.
const keepBuffer = 1 << 20

func borrow() *[]byte { return buffers.Get().(*[]byte) }

func giveBack(b *[]byte) {
	if cap(*b) <= keepBuffer {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
