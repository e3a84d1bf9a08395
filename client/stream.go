package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/r3labs/sse/v2"
)

// ErrReset ends a stream whose position is not in the server's log, because the log was replaced or
// lost events. What was read before may not be in it.
var ErrReset = errors.New("the server's log does not have the position this stream had reached")

const (
	// maxMessage is the most bytes of one message of a stream.
	maxMessage = 64 << 20
	// silence is how long a stream may say nothing before it counts as cut. The server
	// says at least something every 15 s.
	silence = 40 * time.Second
	// The pause before a stream is opened again doubles from shortest to longest, and
	// up to half of it is random.
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
)

// Head, as a position to start from, stands for the head of the log at that moment.
const Head = -1

// stream is one long read of an event stream over any number of connections. The
// library's client is used for one connection at a time: it would end on a clean end of
// the stream, ignore its context between two tries, and pass on a message that
// was cut in the middle.
type stream struct {
	client *Client
	path   string
	query  url.Values
	after  int64  // position reached; Head until the server has told where it is
	epoch  string // of the log that after is of; "" = not known
}

// message is what came with one position.
type message struct {
	seq   int64
	epoch string // of the log
	data  json.RawMessage
}

// run calls handle for every message, in order, until handle returns false, ctx ends, or
// a reconnect cannot help. It reconnects when a connection is cut.
func (s *stream) run(ctx context.Context, handle func(message) bool) error {
	tried := 0 // how many servers, one after the other, have sent nothing
	for pause := shortestPause; ; {
		heard, done, err := s.connect(ctx, handle)
		switch {
		case done:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !transient(err):
			return err
		}
		if s.client.Reconnecting != nil {
			s.client.Reconnecting(err)
		}
		if tried++; heard {
			pause, tried = shortestPause, 0
		} else if tried < len(s.client.servers.all) {
			continue // the next one
		}
		tried = 0
		if err := sleep(ctx, pause/2+rand.N(pause/2)); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
}

// connect reads one connection until it ends. heard tells that at least one message came,
// done that handle wants no more.
func (s *stream) connect(ctx context.Context, handle func(message) bool) (heard, done bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(errSilence) })
	defer watchdog.Stop()

	query := url.Values{}
	for name, values := range s.query {
		query[name] = values
	}
	if s.after != Head {
		after := strconv.FormatInt(s.after, 10)
		if s.epoch != "" {
			after += "@" + s.epoch
		}
		query.Set("after", after)
	}
	server := s.client.servers.current()
	g := s.client.guard(server, func() { cancel(errGone) })
	defer g.stop()
	c := sse.NewClient(urlOf(server, s.path, query), sse.ClientMaxBufferSize(maxMessage))
	c.Connection = s.client.streams
	c.ReconnectStrategy = onlyOnce{}
	c.ResponseValidator = validate
	if s.client.Token != "" {
		c.Headers["Authorization"] = "Bearer " + s.client.Token
	}
	var fatal error
	err = c.SubscribeRawWithContext(ctx, func(m *sse.Event) {
		watchdog.Reset(silence)
		g.hear()
		if done || fatal != nil {
			return // the connection is being taken down
		}
		heard = true
		if string(m.Event) == "reset" {
			fatal = ErrReset
			cancel(nil)
			return
		}
		next, ok := parse(m)
		if !ok {
			return // cut in the middle, or nothing that has a position
		}
		if next.seq > s.after {
			s.after = next.seq
		}
		s.epoch = next.epoch
		if !handle(next) {
			done = true
			cancel(nil)
		}
	})
	if fatal != nil {
		return heard, false, fatal
	}
	if cause := context.Cause(ctx); errors.Is(cause, errSilence) || errors.Is(cause, errGone) {
		err = cause
	}
	if !heard && context.Cause(ctx) == nil || errors.Is(err, errSilence) {
		s.client.servers.failed(server)
	}
	return heard, done, err
}

var (
	errSilence = errors.New("the server has gone silent")
)

// validate refuses an answer that is not an event stream, and hands the body out in
// small pieces: the library looks through all it has buffered once for each message, so
// that a large buffer would make it slow.
func validate(_ *sse.Client, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return problemOf(resp)
	}
	resp.Body = &pieces{resp.Body}
	return nil
}

// pieces reads at most 8 KiB at a time.
type pieces struct{ io.ReadCloser }

func (p *pieces) Read(b []byte) (int, error) { return p.ReadCloser.Read(b[:min(len(b), 8<<10)]) }

// onlyOnce is a strategy of the library for not trying again: stream.run does that.
type onlyOnce struct{}

func (onlyOnce) NextBackOff() time.Duration { return -1 }
func (onlyOnce) Reset()                     {}

// parse returns the message if it is whole. The library also hands on what it has of a
// message when the connection is cut; the data is the proof, because it comes after the id.
func parse(m *sse.Event) (message, bool) {
	number, epoch, _ := strings.Cut(string(m.ID), "@")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || seq < 0 || !json.Valid(m.Data) {
		return message{}, false
	}
	return message{seq: seq, epoch: epoch, data: m.Data}, true
}

// transient reports whether opening the stream again may help: always, unless the server
// refused the request itself.
func transient(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status >= 500 || p.Status == http.StatusTooManyRequests
	}
	return !errors.Is(err, ErrReset) && !errors.Is(err, errGap) && !errors.Is(err, ErrNoID)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// errGap means that a stream that should have every event skipped one.
var errGap = errors.New("the stream has a gap")

func gap(after, seq int64) error {
	return fmt.Errorf("%w: after event %d came %d", errGap, after, seq)
}
