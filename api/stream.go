package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"

	"github.com/r3labs/sse/v2"
)

// Server-sent events. The only state of a connection is its seq: what comes after it is
// pulled from the log, or from the views, at the connection's own pace. The library frames
// the messages; each connection has a stream of its own in it, because a shared one stalls
// for all when one client stops reading.
//
// A connection (connection.go) either waits in the hands of its herald or has exactly one
// message on its way through the library. The herald (herald.go) is one goroutine for all
// connections of a kind: when the views move it makes one message for all that stand where
// its last one led, and wakes the others to make their own. When a message is written the
// connection's own goroutine goes on: it pulls the next one if it lags, else it waits.

const (
	streamWriteTime = 3 * time.Second       // the longest that one write may take
	keepAlive       = 15 * time.Second      // silence after which the client hears something
	settle          = 5 * time.Millisecond  // least time between two looks at the log
	tick            = 25 * time.Millisecond // least time between two messages to a screen
	retryHint       = "1000"                // milliseconds until a browser reconnects
)

// newStreams returns the library's server as it can be used without harm: no replay (it
// keeps all in memory and rewrites ids), no streams by name of the client.
func newStreams() *sse.Server {
	s := sse.New()
	s.AutoReplay = false
	s.AutoStream = false
	s.BufferSize = 1
	s.Headers = map[string]string{"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-store, no-transform"}
	return s
}

// parcel is messages that go out as one, and the seq that they lead to. Their bytes are
// made once and shared by all who get them: nobody changes them.
type parcel struct {
	event *sse.Event // nil = nothing to say
	upTo  int64
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
	return a.serveStream(p, r, &a.readers, open)
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
	return a.serveStream(p, r, &a.watchers, open)
}

// opening reads where the stream shall begin: Last-Event-ID, else ?after=, else the head.
func (a *API) opening(r *http.Request, q *query, head int64) (opening, error) {
	open := opening{after: head}
	epoch := ""
	const form = "must be the id of a message of this stream, such as 7@3FZKQ2, or a whole number"
	if text := q.text("after"); text != "" {
		var ok bool
		if open.after, epoch, ok = parsePosition(text); !ok {
			q.wrong("after", form)
		}
	}
	if err := q.err(); err != nil {
		return open, err
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		var ok bool
		if open.after, epoch, ok = parsePosition(last); !ok {
			return open, invalid("Last-Event-ID", form)
		}
	}
	log, of, known := strings.Cut(q.text("log"), "@")
	if log != "" && log != a.Log.ID() || known && of != a.Log.Epoch() || epoch != "" && epoch != a.Log.Epoch() {
		open.after, open.reset = head, "other_log"
	} else if open.after > head {
		open.after, open.reset = head, "beyond_head"
	}
	return open, nil
}

// parsePosition reads the id of a message, or a seq alone: then the epoch is "".
func parsePosition(text string) (seq int64, epoch string, ok bool) {
	number, epoch, named := strings.Cut(text, "@")
	n, err := strconv.ParseUint(number, 10, 62)
	return int64(n), epoch, err == nil && (!named || epoch != "")
}

// serveStream keeps the connection until it ends or, where the server can hand it over,
// returns when it goes on by itself: what the server keeps for a request is then free.
func (a *API) serveStream(p *reply, r *http.Request, h *herald, open opening) error {
	if !canFlush(p.ResponseWriter) {
		a.Logger.Error("event stream refused: a middleware's ResponseWriter cannot flush", "path", r.URL.Path,
			"writer", fmt.Sprintf("%T", p.ResponseWriter))
		return errCannotFlush
	}
	if r.Method == http.MethodHead {
		p.Header().Set("Content-Type", "text/event-stream")
		p.WriteHeader(http.StatusOK)
		return nil
	}
	if a.streamsNow.Add(1) > int64(a.MaxStreams) {
		a.streamsNow.Add(-1)
		return errTooManyStreams
	}
	ctx, end := context.WithCancel(a.stopping)
	if !h.join() {
		a.streamsNow.Add(-1)
		end()
		return context.Canceled
	}
	c := newConnection(a, p, r, h, open)
	c.ctx, c.end = ctx, end
	handed, ended := c.handed, make(chan struct{})
	go func() { // counted by the herald; StopStreams waits for it
		defer close(ended)
		c.serve()
	}()
	select {
	case <-handed:
		return nil
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
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = inner.Unwrap()
	}
	switch w.(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

var errCannotFlush = &problem{Status: http.StatusInternalServerError, Kind: kindNoStreaming,
	Detail: "Event streams do not work here: a middleware of the program that serves this wraps its ResponseWriter in one that cannot flush. " +
		"Give that one an Unwrap or a Flush method, or serve this path without it (http.TimeoutHandler has neither)."}

var errTooManyStreams = &problem{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: 5,
	Detail: "As many event streams are open as this server keeps. Try again later, or close one that is not needed."}

// message is one message; kind "" is the default kind, "message". data is one line.
func (a *API) message(kind string, seq int64, data []byte) *sse.Event {
	return &sse.Event{ID: a.appendPosition(nil, seq), Event: []byte(kind), Data: data}
}

// appendPosition appends the id of a message: the seq, and the epoch of the log that it is
// of, as in 7@3FZKQ2.
func (a *API) appendPosition(dst []byte, seq int64) []byte {
	dst = append(strconv.AppendInt(dst, seq, 10), '@')
	return append(dst, a.Log.Epoch()...)
}

// announcement says where the stream begins: {"seq","log_id","epoch"} and what extra writes. A
// client that came from elsewhere is told to begin again.
func (a *API) announcement(open *opening, extra func(*jsontext.Writer)) *sse.Event {
	var w jsontext.Writer
	w.Object()
	w.Key("seq").Int(open.after)
	w.Key("log_id").String(a.Log.ID())
	w.Key("epoch").String(a.Log.Epoch())
	both := w[:len(w):len(w)]
	extra(&both)
	both.EndObject()
	if open.reset == "" {
		begin := a.message("start", open.after, both)
		begin.Retry = []byte(retryHint)
		return begin
	}
	// Two messages in one: the fields of the first but its id and data, then the second,
	// whose last fields the library writes.
	both = append(both, "\nevent: start\nretry: "+retryHint+"\n\nid: "...)
	both = a.appendPosition(both, open.after)
	both = append(both, "\ndata: "...)
	w.Key("reason").String(open.reset)
	w.EndObject()
	return a.message("reset", open.after, append(both, w...))
}

// keptAlive tells the client that the connection works, and the seq up to which there was
// nothing for it, so that it does not begin before that again.
func (a *API) keptAlive(seq int64, extra func(*jsontext.Writer)) *sse.Event {
	var w jsontext.Writer
	w.Object()
	w.Key("seq").Int(seq)
	extra(&w)
	w.EndObject()
	return a.message("keepalive", seq, w)
}
