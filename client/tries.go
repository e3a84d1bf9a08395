package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// tries are those of one call: at each server once at most.
type tries struct {
	server *url.URL // to ask now
	client *Client
	call   *call
	left   int
	told   error // the most telling error until now
}

// try has the call made at one server after the other, until one answers or none may do better.
func (c *Client) try(ctx context.Context, k *call, once func(server *url.URL) error) error {
	if k.path == "" {
		return ErrNoID
	}
	if err := k.encode(); err != nil {
		return err
	}
	for t := (tries{server: c.servers.current(), client: c, call: k, left: len(c.servers.all)}); ; {
		err := once(t.server)
		if err == nil {
			return nil
		}
		if err := t.failed(ctx, err); err != nil {
			return err
		}
	}
}

// failed decides what follows an error: nil if the next server is to be asked, else the error of the call.
func (t *tries) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.client.servers.failed(t.server) // it did not answer in time; the caller may come again
		}
		return err
	}
	mayHelp, nothingHappened := elsewhere(err)
	if mayHelp {
		t.client.servers.failed(t.server)
	}
	if !nothingHappened && !t.call.isHarmless() {
		return unknown(err)
	}
	if !mayHelp {
		return err
	}
	t.told = moreTelling(t.told, err)
	t.left--
	if file, ok := t.call.body.(*upload); t.left == 0 || ok && !file.rewind() {
		return t.told
	}
	t.server = t.client.servers.current()
	return nil
}

// unknown is the error of a write that may have happened.
func unknown(err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return err // it says so itself
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// sendGuarded makes the call at one of several servers. It breaks the call off when the server is not there any more.
func (c *Client) sendGuarded(ctx context.Context, server *url.URL, k *call) (*http.Response, error) {
	var way connecting
	ctx, cancel := context.WithCancelCause(ctx)
	g := c.guard(server, func() {
		if way.isNotThere() {
			cancel(errNoConnection)
		} else {
			cancel(errGone)
		}
	})
	req, err := c.request(way.trace(ctx), server, k)
	if err != nil {
		g.stop()
		cancel(nil)
		return nil, err
	}
	resp, err := answerOf(c.http.Do(req))
	if err != nil {
		g.stop()
		if cause := context.Cause(ctx); errors.Is(cause, errNoConnection) || errors.Is(cause, errGone) {
			err = fmt.Errorf("%s: %w", server.Host, cause)
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &guarded{resp.Body, g, cancel}
	return resp, nil
}

// guarded is the body of an answer of a server that may fall silent.
type guarded struct {
	io.ReadCloser
	guard  *guard
	cancel context.CancelCauseFunc
}

func (b *guarded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.guard.hear()
	return n, err
}

func (b *guarded) Close() error {
	b.guard.stop()
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// upload is a body that is read while it is sent: again for the next server, if it can be.
type upload struct {
	from  io.Reader
	start int64 // where it begins; -1 = it can be read once only
	now   *reading
}

func newUpload(from io.Reader) *upload {
	u := &upload{from: from, start: -1}
	if seeker, ok := from.(io.Seeker); ok {
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			u.start = at
		}
	}
	return u
}

// reader returns the body for one request.
func (u *upload) reader() io.Reader {
	u.now = &reading{from: u.from}
	return u.now
}

// rewind makes the body ready for another request, and reports whether it can.
func (u *upload) rewind() bool {
	begun := u.now.end()
	if !begun {
		return true
	}
	if u.start < 0 {
		return false
	}
	_, err := u.from.(io.Seeker).Seek(u.start, io.SeekStart)
	return err == nil
}

// reading is the body of one request. The transport may still read it when the request has failed, so it must be ended before
// another one reads.
type reading struct {
	mu    sync.Mutex
	from  io.Reader // guarded by mu; nil = it has ended
	begun bool      // guarded by mu
}

func (r *reading) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	r.begun = true
	return r.from.Read(p)
}

// end ends the reading and reports whether it had begun.
func (r *reading) end() (begun bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = nil
	return r.begun
}
