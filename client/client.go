// Package client talks to a Daybook server over HTTP: submit tasks, wait for them,
// follow the log.
//
// A call is made once: nothing is repeated behind the caller's back, because a submit
// without an idempotency key must not be repeated. Streams are different: they have a position,
// so they reconnect until the caller's context ends.
//
// A client of several servers, the nodes of a cluster, makes a call again at the next one where that does no harm: reads, writes
// with an idempotency key, uploads of what can be read again, the calls of workers, and any call of which it is sure that
// nothing happened. A write whose outcome is not known is never repeated: its error is ErrOutcomeUnknown.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// DefaultURL is where a server listens by default.
const DefaultURL = "http://127.0.0.1:8000"

// maxAnswer is the most bytes of an answer that are read into memory.
const maxAnswer = 256 << 20

// Client talks to a server, or to the nodes of a cluster. Safe for concurrent use.
type Client struct {
	servers *servers
	http    *http.Client
	streams *http.Client // the same without a time limit

	// Token is sent with every request, "" = none. A server that has tokens needs one. To be set before
	// the first call.
	Token string

	// Reconnecting, if not nil, is called when a stream was cut, before it is opened
	// again. To be set before the first call.
	Reconnecting func(err error)
}

// New returns a client of the server at base, such as "http://127.0.0.1:8000"; "" is
// DefaultURL. Several addresses of one queue, its nodes, have commas between them: calls go to the first one until it does not
// answer, then to the next. A nil httpClient is http.DefaultClient. Nothing is sent yet.
func New(base string, httpClient *http.Client) (*Client, error) {
	if base == "" {
		base = DefaultURL
	}
	all, err := parseServers(base)
	if err != nil {
		return nil, err
	}
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	streams := *httpClient
	streams.Timeout = 0
	return &Client{servers: all, http: httpClient, streams: &streams}, nil
}

// URL is the address of the server that is asked, without a slash at its end.
func (c *Client) URL() string { return c.servers.current().String() }

// call is one request.
type call struct {
	method string
	path   string // below the base, escaped; "" = of an id that is none
	query  url.Values
	header http.Header
	body   any  // nil, text, *upload, or what is marshalled to JSON
	again  bool // it does no harm to make it twice; reads and calls with an idempotency key never do
}

// text is a body as it is sent.
type text []byte

// encode makes a text of what is marshalled to JSON.
func (k *call) encode() error {
	switch k.body.(type) {
	case nil, text, *upload:
		return nil
	}
	encoded, err := json.Marshal(k.body)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	k.body = text(encoded)
	return nil
}

// isHarmless reports whether the call may be made twice.
func (k *call) isHarmless() bool {
	return k.again || k.method == http.MethodGet || k.header.Get("Idempotency-Key") != ""
}

// ErrNoID: a method was called with an empty id or name, or with "." or "..". Nothing was sent, because
// the request would have the path of another call.
var ErrNoID = errors.New("the id or name is empty, or only dots; give that of something that is there")

// pathOf is a path with an id or a name in it, "" where it is none.
func pathOf(before, id, after string) string {
	if strings.Trim(id, ".") == "" {
		return ""
	}
	return before + url.PathEscape(id) + after
}

func urlOf(server *url.URL, path string, query url.Values) string {
	u := server.String() + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// open sends the call and returns a 2xx answer, whose body the caller closes. Any other
// answer is an error that wraps a *Problem.
func (c *Client) open(ctx context.Context, k call) (*http.Response, error) {
	var resp *http.Response
	err := c.try(ctx, &k, func(server *url.URL) (err error) {
		resp, err = c.send(ctx, server, &k)
		return err
	})
	return resp, err
}

// send makes the call at one server.
func (c *Client) send(ctx context.Context, server *url.URL, k *call) (*http.Response, error) {
	if c.servers.areSeveral() {
		return c.sendGuarded(ctx, server, k)
	}
	req, err := c.request(ctx, server, k)
	if err != nil {
		return nil, err
	}
	return answerOf(c.http.Do(req))
}

// request makes the request of a call.
func (c *Client) request(ctx context.Context, server *url.URL, k *call) (*http.Request, error) {
	var body io.Reader
	switch b := k.body.(type) {
	case text:
		body = bytes.NewReader(b)
	case *upload:
		body = b.reader()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, urlOf(server, k.path, k.query), body)
	if err != nil {
		return nil, err
	}
	if _, isText := k.body.(text); isText {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range k.header {
		req.Header[name] = values
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return req, nil
}

// answerOf makes any answer but a 2xx an error.
func answerOf(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, problemOf(resp)
	}
	return resp, nil
}

// do sends the call and decodes the answer into out, unless out is nil.
func (c *Client) do(ctx context.Context, k call, out any) (http.Header, error) {
	data, header, err := c.read(ctx, k)
	if err == nil && out != nil {
		if err := decode(data, out); err != nil {
			return nil, fmt.Errorf("decode the answer to %s %s: %w", k.method, k.path, err)
		}
	}
	return header, err
}

// read sends the call and returns the answer.
func (c *Client) read(ctx context.Context, k call) ([]byte, http.Header, error) {
	var data []byte
	var header http.Header
	err := c.try(ctx, &k, func(server *url.URL) (err error) {
		data, header, err = c.readOne(ctx, server, &k)
		return err
	})
	return data, header, err
}

// readOne sends the call to one server and returns the answer.
func (c *Client) readOne(ctx context.Context, server *url.URL, k *call) ([]byte, http.Header, error) {
	resp, err := c.send(ctx, server, k)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	var data bytes.Buffer
	if 0 < resp.ContentLength && resp.ContentLength <= maxAnswer {
		data.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return nil, nil, fmt.Errorf("read the answer to %s %s: %w", k.method, k.path, err)
	}
	return data.Bytes(), resp.Header, nil
}

// post sends JSON that is encoded already and returns the answer.
func (c *Client) post(ctx context.Context, path string, body []byte, again bool) ([]byte, http.Header, error) {
	return c.read(ctx, call{method: http.MethodPost, path: path, body: text(body), again: again})
}
