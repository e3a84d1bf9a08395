package load

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// follower reads from the event stream of the log which tasks have ended. It does not use the
// client: it needs two words of each event, and there is an event for each task.
type follower struct {
	target target
	ends   *ends
	since  func() time.Duration
	last   int64  // seq of the latest message; guarded by being one goroutine's
	lastID string // its id; guarded likewise
}

// start opens the stream and follows it until ctx ends. It returns when the stream has
// begun, so that no end can be missed; joined waits until the follower has ended.
func (f *follower) start(opening, ctx context.Context) (joined func(), err error) {
	begun, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx, begun)
	}()
	joined = func() { <-done }
	select {
	case err = <-begun:
	case <-opening.Done():
		err = opening.Err()
	}
	return joined, err
}

// run follows the stream over as many connections as it takes.
func (f *follower) run(ctx context.Context, begun chan<- error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return f.target.dial(ctx) }}
	transport.DialTLSContext = transport.DialContext
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport}
	f.last = -1
	for {
		err := f.connect(ctx, web, begun)
		if f.last < 0 { // it never began
			begun <- err
			return
		}
		select {
		case <-time.After(afterFailure):
		case <-ctx.Done():
			return
		}
	}
}

// connect reads one connection until it ends.
func (f *follower) connect(ctx context.Context, web *http.Client, begun chan<- error) error {
	const which = "/api/log/stream?type=task.succeeded&type=task.failed&type=task.cancelled"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.target.url+which, nil)
	if err != nil {
		return err
	}
	if f.target.token != "" {
		req.Header.Set("Authorization", "Bearer "+f.target.token)
	}
	if f.last >= 0 {
		req.Header.Set("Last-Event-ID", f.lastID)
	}
	resp, err := web.Do(req)
	if err != nil {
		return fmt.Errorf("open the event stream: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what is missing is not said
		why := cmp.Or(detail(answer{body: body}), "check the address of the server")
		return fmt.Errorf("open the event stream: status %d: %s", resp.StatusCode, why)
	}
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("read the event stream: %w", err)
		}
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			text := string(bytes.TrimSpace(id))
			number, _, _ := strings.Cut(text, "@") // the epoch of the log
			seq, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				continue
			}
			f.lastID = text
			if f.last < 0 {
				begun <- nil
			}
			f.last = max(f.last, seq)
		} else if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			f.event(data)
		}
	}
}

// event notes the end that an event of the log tells of. The names that are looked for come first
// in an event, so the rest of it is not read.
func (f *follower) event(data []byte) {
	id, ok := textAfter(data, `"stream":"task:`)
	kind, known := textAfter(data, `"type":"`)
	if ok && known {
		f.ends.end(id, f.since(), kind)
	}
}

// textAfter is what follows mark, up to the next quote.
func textAfter(data []byte, mark string) (string, bool) {
	_, rest, found := bytes.Cut(data, []byte(mark))
	if !found {
		return "", false
	}
	text, _, found := bytes.Cut(rest, []byte(`"`))
	return string(text), found
}

// The types of the events that end a task.
const (
	succeeded = "task.succeeded"
	failed    = "task.failed"
	cancelled = "task.cancelled"
)
