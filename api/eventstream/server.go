// Package eventstream sends server-sent events to many clients. The only state of a connection is
// its seq: what follows that seq is pulled from a Feed at the connection's own speed, so that there
// is no gap, no repeat, and a slow client delays nobody. A client that receives nothing for 3 s is
// dropped; one that has nothing to receive gets a keep-alive every 15 s. What the messages contain
// is decided by the caller.
//
// The library frames the messages. Each connection has its own stream in it, because a stream
// that connections share stops for all when one client stops reading.
package eventstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"daybook/internal/jsontext"

	"github.com/r3labs/sse/v2"
)

// KeepAlive is the silence after which a client gets a keep-alive.
const KeepAlive = 15 * time.Second

const (
	writeTime = 3 * time.Second // the longest that one write may take, by default
	retryHint = "1000"          // milliseconds until a browser reconnects
)

// Errors of Serve. Nothing was written yet.
var (
	ErrCannotFlush = errors.New("the ResponseWriter cannot flush")
	ErrTooMany     = errors.New("as many event streams are open as the server keeps")
	ErrStopped     = errors.New("the server is stopping")
)

// Log is what the messages say of the log that their seqs belong to.
type Log interface {
	ID() string
	Epoch() string
}

// Options say how a Server works.
type Options struct {
	Log       Log
	Logger    *slog.Logger
	Max       int           // most open streams
	WriteTime time.Duration // the longest that one write may take; 0 = 3 s
}

// Server serves the connections of all feeds.
type Server struct {
	Options
	library  *sse.Server     // one private stream for each connection
	stopping context.Context // ends when the server stops
	open     atomic.Int64
	feeds    []*Feed
}

// New returns a server whose streams end with stopping.
func New(stopping context.Context, o Options) *Server {
	if o.WriteTime == 0 {
		o.WriteTime = writeTime
	}
	return &Server{Options: o, library: newLibrary(), stopping: stopping}
}

// newLibrary returns the library's server without replay, which keeps all messages in memory and
// rewrites their ids, and without streams that clients name.
func newLibrary() *sse.Server {
	s := sse.New()
	s.AutoReplay = false
	s.AutoStream = false
	s.BufferSize = 1
	s.Headers = map[string]string{"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-store, no-transform"}
	return s
}

// Open returns the number of open streams.
func (s *Server) Open() int { return int(s.open.Load()) }

// Idle returns the number of open streams that have received all there is.
func (s *Server) Idle() (n int) {
	for _, f := range s.feeds {
		n += f.Idle()
	}
	return n
}

// Wait returns when no stream is open. The server is stopping: no new ones are opened.
func (s *Server) Wait() {
	for _, f := range s.feeds {
		f.wait()
	}
}

// Opening says where a stream begins.
type Opening struct {
	After int64
	Reset string // why the client must start over; "" = it need not
	// Pull makes what follows after a seq, up to told or beyond it, for this stream alone; nil =
	// the stream gets what its feed has for all.
	Pull func(ctx context.Context, after, told int64) (Message, error)
	// Idle makes a message for a stream to which nothing was sent for IdleEvery, at the seq where it stands; an empty one is
	// not sent. nil = it gets keep-alives alone.
	Idle      func(seq int64) Message
	IdleEvery time.Duration // less than KeepAlive
	// During returns a context that ends earlier than ctx if the stream must, and a function that frees
	// what it needs; nil = it need not.
	During func(ctx context.Context) (context.Context, context.CancelFunc)
}

// Serve opens a stream of the feed. It returns when the stream has ended or, where the HTTP server
// can hand over the connection, when the stream goes on without the request: what the server keeps
// for a request is then free.
func (f *Feed) Serve(w http.ResponseWriter, r *http.Request, open Opening) error {
	s := f.server
	if !canFlush(w) {
		s.Logger.Error("event stream refused: a middleware's ResponseWriter cannot flush", "path", r.URL.Path,
			"writer", fmt.Sprintf("%T", innermost(w)))
		return ErrCannotFlush
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		return nil
	}
	if s.open.Add(1) > int64(s.Max) {
		s.open.Add(-1)
		return ErrTooMany
	}
	ctx, end := context.WithCancel(s.stopping)
	if open.During != nil {
		during, free := open.During(ctx)
		cancel := end
		ctx, end = during, func() { cancel(); free() }
	}
	if !f.join() {
		s.open.Add(-1)
		end()
		return ErrStopped
	}
	c := newConnection(f, w, r, open)
	c.ctx, c.end = ctx, end
	handed, ended := c.handed, make(chan struct{})
	go func() { // counted by the feed; Wait waits for it
		defer close(ended)
		c.serve()
	}()
	select {
	case <-handed:
	case <-ended:
	case <-r.Context().Done():
		end()
		<-ended
	}
	return nil
}

// canFlush reports whether messages leave w at once: whether what is innermost of it can
// flush. A wrapper that has Unwrap needs no Flush, and one without it hides what it wraps.
func canFlush(w http.ResponseWriter) bool {
	switch innermost(w).(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}

// Message is one message, or several that are sent as one, and the seq that they lead to. The
// bytes are made once and shared by all connections that get them: nobody changes them.
type Message struct {
	event *sse.Event // nil = nothing to send
	UpTo  int64
}

// IsEmpty reports whether there is nothing to send.
func (m Message) IsEmpty() bool { return m.event == nil }

// Size returns how many bytes of memory the message holds.
func (m Message) Size() int64 {
	if m.event == nil {
		return 0
	}
	return int64(cap(m.event.Data))
}

// Message returns a message of the default kind, "message", with the id of seq, that leads to
// upTo. data is one line, or several messages joined by AppendNext.
func (s *Server) Message(seq int64, data []byte, upTo int64) Message {
	return Message{s.event("", seq, data), upTo}
}

// AppendNext ends a message and begins the next one in the same data.
func (s *Server) AppendNext(data []byte, seq int64) []byte {
	data = append(data, "\n\nid: "...)
	data = s.appendID(data, seq)
	return append(data, "\ndata: "...)
}

func (s *Server) event(kind string, seq int64, data []byte) *sse.Event {
	return &sse.Event{ID: s.appendID(nil, seq), Event: []byte(kind), Data: data}
}

// appendID appends the id of a message: the seq, and the epoch of the log, as in 7@3FZKQ2.
func (s *Server) appendID(dst []byte, seq int64) []byte {
	dst = append(strconv.AppendInt(dst, seq, 10), '@')
	return append(dst, s.Log.Epoch()...)
}

// ParseID reads the id of a message, or a seq alone: then the epoch is "".
func ParseID(text string) (seq int64, epoch string, ok bool) {
	number, epoch, named := strings.Cut(text, "@")
	n, err := strconv.ParseUint(number, 10, 62)
	return int64(n), epoch, err == nil && (!named || epoch != "")
}

// announcement says where the stream begins: {"seq","log_id","epoch"} and what extra writes. A
// client that came from elsewhere is told to start over.
func (s *Server) announcement(open *Opening, extra func(*jsontext.Writer)) Message {
	var w jsontext.Writer
	w.Object()
	w.Key("seq").Int(open.After)
	w.Key("log_id").String(s.Log.ID())
	w.Key("epoch").String(s.Log.Epoch())
	both := w[:len(w):len(w)]
	extra(&both)
	both.EndObject()
	if open.Reset == "" {
		begin := s.event("start", open.After, both)
		begin.Retry = []byte(retryHint)
		return Message{begin, open.After}
	}
	// Two messages in one: the fields of the first but its id and data, then the second,
	// whose last fields the library writes.
	both = append(both, "\nevent: start\nretry: "+retryHint...)
	both = s.AppendNext(both, open.After)
	w.Key("reason").String(open.Reset)
	w.EndObject()
	return Message{s.event("reset", open.After, append(both, w...)), open.After}
}

// keptAlive tells the client that the connection works, and the seq up to which there was
// nothing for it, so that it does not begin before that seq when it reconnects.
func (s *Server) keptAlive(seq int64, extra func(*jsontext.Writer)) Message {
	var w jsontext.Writer
	w.Object()
	w.Key("seq").Int(seq)
	extra(&w)
	w.EndObject()
	return Message{s.event("keepalive", seq, w), seq}
}
