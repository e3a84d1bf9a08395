// Package client talks to a Daybook server over HTTP: submit tasks, wait for them,
// follow the log.
//
// A call is made once: nothing is repeated behind the caller's back, because a submit
// without an idempotency key must not be repeated. Streams are different: they have a position,
// so they reconnect until the caller's context ends.
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

// Client talks to one server. Safe for concurrent use.
type Client struct {
	base    *url.URL
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
// DefaultURL. A nil httpClient is http.DefaultClient. Nothing is sent yet.
func New(base string, httpClient *http.Client) (*Client, error) {
	if base == "" {
		base = DefaultURL
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("parse the server's address: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server, such as %s", base, DefaultURL)
	}
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	u.Path, u.RawQuery, u.Fragment = strings.TrimRight(u.Path, "/"), "", ""
	streams := *httpClient
	streams.Timeout = 0
	return &Client{base: u, http: httpClient, streams: &streams}, nil
}

// URL is the server's address, without a slash at its end.
func (c *Client) URL() string { return c.base.String() }

// call is one request.
type call struct {
	method string
	path   string // below the base, escaped; "" = of an id that is none
	query  url.Values
	header http.Header
	body   any // nil, io.Reader, or what is marshalled to JSON
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

func (c *Client) url(path string, query url.Values) string {
	u := c.base.String() + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// open sends the call and returns a 2xx answer, whose body the caller closes. Any other
// answer is an error that wraps a *Problem.
func (c *Client) open(ctx context.Context, k call) (*http.Response, error) {
	if k.path == "" {
		return nil, ErrNoID
	}
	var body io.Reader
	contentType := ""
	switch b := k.body.(type) {
	case nil:
	case io.Reader:
		body = b
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body, contentType = bytes.NewReader(encoded), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, k.method, c.url(k.path, k.query), body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for name, values := range k.header {
		req.Header[name] = values
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.http.Do(req)
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
	resp, err := c.open(ctx, k)
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
func (c *Client) post(ctx context.Context, path string, body []byte) ([]byte, http.Header, error) {
	return c.read(ctx, call{method: http.MethodPost, path: path, body: bytes.NewReader(body),
		header: http.Header{"Content-Type": {"application/json"}}})
}
