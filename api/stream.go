package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"daybook/api/eventstream"
)

// Intervals between two rounds of a feed, at least.
const (
	logInterval     = 5 * time.Millisecond
	screenInterval  = 25 * time.Millisecond
	taskLogInterval = 25 * time.Millisecond
)

// newStreams makes the event streams: what each of them sends is in screen.go and chunk.go.
func (a *API) newStreams() {
	a.streams = eventstream.New(a.stopping, eventstream.Options{Log: a.Log, Logger: a.Logger, Max: a.MaxStreams})
	a.screenFeed = a.streams.NewFeed(eventstream.FeedOptions{Views: a.Views, MinInterval: screenInterval, Paced: true, Overlap: true,
		Extra: a.writeScreenState, Common: a.screenAfter,
		Pull: func(_ context.Context, after, told int64) (eventstream.Message, error) {
			return a.screenAfter(after, told)
		}})
	a.logFeed = a.streams.NewFeed(eventstream.FeedOptions{Views: a.Views, MinInterval: logInterval, Pull: a.pullLog,
		Common: func(after, told int64) (eventstream.Message, error) { return a.chunks.since(a, after, told) }})
	// Each connection has the log of one task: nothing is common.
	a.taskLogFeed = a.streams.NewFeed(eventstream.FeedOptions{Views: a.TaskLogs, MinInterval: taskLogInterval})
}

// logStream answers GET /api/log/stream: a message an event.
func (a *API) logStream(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "log", "stream*", "type*")
	if err != nil {
		return err
	}
	filter := eventFilter(q)
	if err := q.err(); err != nil {
		return err
	}
	if err := a.seesStreams(p, r, filter.Streams); err != nil {
		return err
	}
	open, err := a.opening(r, q, a.Log.Head().Seq, a.reaches)
	if err != nil {
		return err
	}
	if len(filter.Streams) > 0 || len(filter.Types) > 0 {
		open.Pull = func(ctx context.Context, after, told int64) (eventstream.Message, error) {
			return a.encodeChunk(ctx, after, told, &filter)
		}
	}
	return a.serveStream(p, r, a.logFeed, open)
}

// screenStream answers GET /api/stream: what a screen needs, a message a tick.
func (a *API) screenStream(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "log", "views")
	if err != nil {
		return err
	}
	views, err := readViews(q, p.caller)
	if err != nil {
		return err
	}
	open, err := a.opening(r, q, a.Views.Seq(), a.reaches)
	if err != nil {
		return err
	}
	a.pushViews(&open, views)
	return a.serveStream(p, r, a.screenFeed, open)
}

// opening reads where the stream begins: Last-Event-ID, else ?after=, else the head.
func (a *API) opening(r *http.Request, q *query, head int64, reaches func(context.Context, int64) bool) (eventstream.Opening, error) {
	open := eventstream.Opening{After: head}
	epoch := ""
	const form = "must be the id of a message of this stream, such as 7@3FZKQ2, or a whole number"
	if text := q.text("after"); text != "" {
		var ok bool
		if open.After, epoch, ok = eventstream.ParseID(text); !ok {
			q.wrong("after", form)
		}
	}
	if err := q.err(); err != nil {
		return open, err
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		var ok bool
		if open.After, epoch, ok = eventstream.ParseID(last); !ok {
			return open, invalid("Last-Event-ID", form)
		}
	}
	log, of, known := strings.Cut(q.text("log"), "@")
	if log != "" && log != a.Log.ID() || known && of != a.Log.Epoch() || epoch != "" && epoch != a.Log.Epoch() {
		open.After, open.Reset = head, "other_log"
	} else if open.After > head && !reaches(r.Context(), open.After) {
		if epoch != "" && a.Cluster != nil {
			return open, errBehind // another node has shown it
		}
		open.After, open.Reset = head, "beyond_head"
	}
	return open, nil
}

// behindPatience is how long a stream waits for events that another node of the cluster has shown.
const behindPatience = 5 * time.Second

// reaches reports whether this node of a cluster gets an event soon. A server that is alone lacks none.
func (a *API) reaches(ctx context.Context, seq int64) bool {
	if a.Cluster == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, behindPatience)
	defer cancel()
	return a.Views.Await(ctx, seq) == nil
}

// longLag is for how many seconds a node of a cluster may lack events before it says so instead of that a task does not exist.
const longLag = 1

// lags reports whether this node of a cluster has lacked events for long that another node has.
func (a *API) lags() bool { return a.ClusterNumbers != nil && a.ClusterNumbers().Lag >= longLag }

var errBehind = &problem{Status: http.StatusServiceUnavailable, Kind: kindBehind, RetryAfter: 1,
	Detail: "This node of the cluster does not have the latest events yet. Ask another node, or try again in a moment."}

// serveStream keeps the connection until it ends, or hands it over.
func (a *API) serveStream(p *reply, r *http.Request, feed *eventstream.Feed, open eventstream.Opening) error {
	open.During = p.caller.during
	err := feed.Serve(p, r, open)
	switch {
	case errors.Is(err, eventstream.ErrCannotFlush):
		return errCannotFlush
	case errors.Is(err, eventstream.ErrTooMany):
		return errTooManyStreams
	case errors.Is(err, eventstream.ErrStopped):
		return context.Canceled
	}
	return err
}

var errCannotFlush = &problem{Status: http.StatusInternalServerError, Kind: kindNoStreaming,
	Detail: "Event streams do not work here: a middleware of the program that serves this wraps its ResponseWriter in one that cannot flush. " +
		"Give that one an Unwrap or a Flush method, or serve this path without it (http.TimeoutHandler has neither)."}

var errTooManyStreams = &problem{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: 5,
	Detail: "As many event streams are open as this server keeps. Try again later, or close one that is not needed."}
