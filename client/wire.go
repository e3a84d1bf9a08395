package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// wire sends the calls of one goroutine, one after the other, over a connection that it keeps. The
// goroutine that calls writes the request and reads the answer, which costs about half of what a
// call by net/http does: that hands both to goroutines of the connection. Only plain HTTP/1.1 straight to the server goes
// this way. TLS, proxies, redirects and all that a caller's http.Client may do go through net/http.
type wire struct {
	client *Client
	leave  bool     // net/http makes all further calls
	server *url.URL // of conn
	conn   net.Conn
	in     *bufio.Reader
	out    []byte

	until     time.Time       // when reading and writing fail
	watched   context.Context // its end breaks off what conn does
	unwatched func() bool
}

// lateBy is how much later than asked for a call may be given up. Within it, calls that follow each other share a deadline.
const lateBy = time.Second

// errRedirected: the server wants the call elsewhere, and has not carried it out.
var errRedirected = errors.New("the server redirects the call")

// post posts JSON and returns the answer, as Client.read does. The call must do no harm when it is sent twice: a
// server may close a connection that was idle just when the call arrives, and of several servers the next one may get it.
func (w *wire) post(ctx context.Context, until time.Time, k call, body []byte) ([]byte, error) {
	var told error
	for left := len(w.client.servers.all); k.path != ""; {
		t := w.transport(ctx)
		if t == nil {
			break
		}
		kept := w.conn != nil
		data, begun, err := w.try(ctx, until, t, k.path, body)
		switch {
		case errors.Is(err, errRedirected):
			w.leave = true
			continue
		case err == nil || ctx.Err() != nil || !time.Now().Before(until):
			return data, err
		case kept && !begun:
			continue
		}
		if mayHelp, _ := elsewhere(err); !mayHelp {
			return nil, err
		}
		w.close()
		w.client.servers.failed(w.server)
		told = moreTelling(told, err)
		if left--; left == 0 {
			return nil, told
		}
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	k.body = text(body)
	data, _, err := w.client.read(ctx, k)
	return data, err
}

// transport returns what dials, nil if net/http must make the call.
func (w *wire) transport(ctx context.Context) *http.Transport {
	if w.leave {
		return nil
	}
	if w.conn == nil {
		w.server = w.client.servers.current()
	}
	t := plainTransport(w.client, w.server)
	if t == nil || httptrace.ContextClientTrace(ctx) != nil {
		w.leave = true
		return nil
	}
	if w.conn == nil && t.Proxy != nil {
		through, err := t.Proxy(&http.Request{Method: http.MethodPost, URL: w.server, Host: w.server.Host, Header: http.Header{}})
		if err != nil || through != nil {
			w.leave = true
			return nil
		}
	}
	return t
}

// plainTransport is the transport of a client that adds nothing to plain HTTP/1.1; else nil.
func plainTransport(c *Client, server *url.URL) *http.Transport {
	round := c.http.Transport
	if round == nil {
		round = http.DefaultTransport
	}
	t, ok := round.(*http.Transport)
	switch {
	case !ok || c.http.Jar != nil || server.Scheme != "http" || server.User != nil:
	case strings.ContainsFunc(server.Host, func(r rune) bool { return r <= ' ' || r > '~' || r == '%' }):
	case strings.ContainsFunc(c.Token, func(r rune) bool { return r < ' ' || r > '~' }):
	case t.DisableKeepAlives || t.MaxConnsPerHost > 0 || t.ResponseHeaderTimeout > 0 || t.MaxResponseHeaderBytes > 0:
	case t.Protocols != nil && (!t.Protocols.HTTP1() || t.Protocols.UnencryptedHTTP2()):
	//lint:ignore SA1019 who sets it gets it
	case t.DialContext == nil && t.Dial != nil:
	default:
		return t
	}
	return nil
}

// try sends the call once. begun says that an answer has begun.
func (w *wire) try(ctx context.Context, until time.Time, t *http.Transport, path string, body []byte) (data []byte, begun bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if w.watched != ctx && !w.unwatch() {
		w.close()
	}
	if w.conn == nil {
		if err := w.dial(ctx, until, t); err != nil {
			return nil, false, err
		}
	}
	w.watch(ctx)
	if w.until.Before(until) || w.until.After(until.Add(2*lateBy)) {
		w.until = until.Add(lateBy)
		_ = w.conn.SetDeadline(w.until) // it fails only on a connection that is closed
	}
	if err := ctx.Err(); err != nil { // it has ended before the deadline was set
		w.close()
		return nil, false, err
	}
	conn := w.conn
	g := w.client.guard(w.server, func() { breakOff(conn) })
	data, begun, keep, err := w.exchange(path, body)
	if g.stop() || ctx.Err() != nil || !keep || w.in.Buffered() > 0 {
		w.close()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return data, begun, err
}

// watch lets the end of ctx break off what the connection does. It costs more than it seems, and most calls of a wire have
// the same ctx.
func (w *wire) watch(ctx context.Context) {
	if w.watched == nil {
		conn := w.conn
		w.watched, w.unwatched = ctx, context.AfterFunc(ctx, func() { breakOff(conn) })
	}
}

// unwatch reports whether the connection can still be used: the end of the context has broken off nothing.
func (w *wire) unwatch() (usable bool) {
	if w.watched == nil {
		return true
	}
	usable = w.unwatched()
	w.watched, w.unwatched = nil, nil
	return usable
}

func breakOff(conn net.Conn) { _ = conn.SetDeadline(time.Unix(1, 0)) }

func (w *wire) dial(ctx context.Context, until time.Time, t *http.Transport) error {
	if soon := time.Now().Add(silentTime + aliveTime); w.client.servers.areSeveral() && soon.Before(until) {
		until = soon
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	dial := t.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	port := w.server.Port()
	if port == "" {
		port = "80"
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(w.server.Hostname(), port))
	if err != nil {
		return fmt.Errorf("connect to the server: %w", err)
	}
	w.conn, w.in, w.until = conn, bufio.NewReader(conn), time.Time{}
	return nil
}

func (w *wire) close() {
	if w.conn != nil {
		w.unwatch()
		_ = w.conn.Close() // nothing is on its way
		w.conn, w.in = nil, nil
	}
}

// exchange writes the request and reads the answer. keep says that the connection can be used again.
func (w *wire) exchange(path string, body []byte) (data []byte, begun, keep bool, err error) {
	w.out = append(w.head(w.out[:0], path, len(body)), body...)
	_, writeErr := w.conn.Write(w.out)
	if cap(w.out) > slowCallBytes {
		w.out = nil
	}
	// A server that refuses a body may answer before it has read all of it.
	head, err := w.readHead()
	if len(head) == 0 {
		return nil, false, false, errors.Join(writeErr, err)
	}
	if n := plainLength(head); err == nil && n >= 0 {
		_, _ = w.in.Discard(len(head)) // it is in the buffer
		data = make([]byte, n)
		_, err = io.ReadFull(w.in, data)
	} else {
		data, keep, err = w.readAny()
		return data, true, keep && writeErr == nil, err
	}
	if err != nil {
		err = fmt.Errorf("read the answer to POST %s: %w", path, err)
	}
	return data, true, err == nil && writeErr == nil, err
}

// head appends the head of a request.
func (w *wire) head(b []byte, path string, length int) []byte {
	b = append(append(append(b, "POST "...), w.server.EscapedPath()...), path...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), w.server.Host...)
	b = append(b, "\r\nUser-Agent: Go-http-client/1.1\r\nContent-Type: application/json\r\nAccept-Encoding: identity\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(length), 10)
	if w.client.Token != "" {
		b = append(append(b, "\r\nAuthorization: Bearer "...), w.client.Token...)
	}
	return append(b, "\r\n\r\n"...)
}

// readHead waits for the head of an answer and returns it, or as much as the buffer holds. It stays in the buffer.
func (w *wire) readHead() ([]byte, error) {
	seen := 0
	for {
		head, err := w.in.Peek(w.in.Buffered())
		if err != nil {
			return nil, err
		}
		if end := bytes.Index(head[max(seen-len(endOfHead)+1, 0):], endOfHead); end >= 0 {
			return head[:max(seen-len(endOfHead)+1, 0)+end+len(endOfHead)], nil
		}
		seen = len(head)
		if seen == w.in.Size() {
			return head, nil // net/http reads it
		}
		if _, err := w.in.Peek(seen + 1); err != nil {
			return head, err
		}
	}
}

var endOfHead = []byte("\r\n\r\n")

// plainLength is the length of the body of an answer with the status 200 and nothing special; else -1.
func plainLength(head []byte) int {
	lines, ok := bytes.CutPrefix(head, []byte("HTTP/1.1 200 "))
	if !ok || !bytes.HasSuffix(head, endOfHead) {
		return -1
	}
	_, lines, _ = bytes.Cut(lines, endOfHead[:2])
	length := -1
	for len(lines) > len(endOfHead[:2]) {
		var line []byte
		line, lines, _ = bytes.Cut(lines, endOfHead[:2])
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case equalFold(name, "content-length"):
			n, err := strconv.ParseUint(string(bytes.Trim(value, " \t")), 10, 31)
			if err != nil || length >= 0 || n > maxAnswer {
				return -1
			}
			length = int(n)
		case equalFold(name, "transfer-encoding"), equalFold(name, "connection"), len(name) == 0, name[0] == ' ', name[0] == '\t':
			return -1
		}
	}
	return length
}

// equalFold reports whether the name of a header is the one in small letters.
func equalFold(name []byte, small string) bool {
	return len(name) == len(small) && strings.EqualFold(string(name), small)
}

// readAny reads any answer, by net/http.
func (w *wire) readAny() (data []byte, keep bool, err error) {
	for {
		answer, err := http.ReadResponse(w.in, &http.Request{Method: http.MethodPost})
		if err != nil {
			return nil, false, fmt.Errorf("read the answer: %w", err)
		}
		switch kind := answer.StatusCode / 100; {
		case kind == 1 && answer.StatusCode != http.StatusSwitchingProtocols:
			continue // the answer follows
		case kind == 3:
			return nil, false, errRedirected
		case kind != 2:
			return nil, false, problemOf(answer)
		}
		data, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		if err != nil {
			return nil, false, fmt.Errorf("read the answer: %w", err)
		}
		return data, isWhole(answer), nil
	}
}

// isWhole reports whether an answer was read to its end, and another may follow.
func isWhole(answer *http.Response) bool {
	n, err := answer.Body.Read(make([]byte, 1))
	return !answer.Close && n == 0 && err == io.EOF //nolint:errorlint // the contract of io.Reader
}
