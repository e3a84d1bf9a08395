// Package httprequest is the type HTTP_REQUEST: one HTTP request to a server on the public internet,
// or to one that the configuration allows. It never connects to another address, whatever a name
// resolves to and wherever a redirect leads, and it uses no proxy.
package httprequest

import (
	"bytes"
	"context"
	_ "embed" // the schemas
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/handler"
	"daybook/task"

	"golang.org/x/net/http/httpguts"
)

//go:embed parameters.json
var parametersSchema []byte

//go:embed result.json
var resultSchema []byte

const (
	maxRedirects       = 10
	maxResponseHeaders = 64 << 10 // bytes
	userAgent          = "Daybook"
)

// Type is the task type HTTP_REQUEST.
type Type struct {
	transport *http.Transport
	reach     *reach
}

// New returns the type. allow lists what it may reach beside the public internet: host names, IP
// addresses, either with a port (db.example:8080), and CIDR prefixes.
func New(allow ...string) (*Type, error) {
	reach, err := newReach(allow)
	if err != nil {
		return nil, err
	}
	return &Type{reach: reach, transport: &http.Transport{
		DialContext:            reach.dial,
		DisableKeepAlives:      true, // so that no request finds a connection that the server has just closed
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxResponseHeaders,
	}}, nil
}

// Spec describes HTTP_REQUEST.
func (*Type) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:  "HTTP_REQUEST",
		Title: "HTTP request",
		Description: "Sends an HTTP request and keeps the response. Failed connections, 429 and 5xx are retried, " +
			"at the time that Retry-After gives; other statuses that are not expected fail the task.",
		ParametersSchema: parametersSchema,
		ResultSchema:     resultSchema,
	}
}

// Formats are those of a URL and of headers.
func (*Type) Formats() []handler.Format {
	return []handler.Format{
		{Name: "http-url", Valid: validURL, Detail: "must be a URL such as https://example.com/hook, without a user and password in it"},
		{Name: "http-header-name", Valid: validHeaderName, Detail: "has a name that cannot be sent: leave out Host, Content-Length and the headers of connections and proxies"},
		{Name: "http-header-value", Valid: validHeaderValue, Detail: "must be one line of text without control characters"},
	}
}

func validURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Hostname() == "" || u.Opaque != "" {
		return false
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		n, err := strconv.ParseUint(port, 10, 16)
		return err == nil && n > 0
	}
	return true
}

// unsendable are headers that belong to the connection or follow from the rest of the request.
var unsendable = []string{"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func validHeaderName(name string) bool {
	canonical := http.CanonicalHeaderKey(name)
	return httpguts.ValidHeaderFieldName(name) && !slices.Contains(unsendable, canonical) && !strings.HasPrefix(canonical, "Proxy-")
}

func validHeaderValue(value string) bool { return httpguts.ValidHeaderFieldValue(value) }

// parameters are those of the task. Whole numbers may be written 5.0.
type parameters struct {
	URL             string            `json:"url"`
	Method          string            `json:"method"`
	Headers         map[string]string `json:"headers"`
	Body            json.RawMessage   `json:"body"`
	ExpectStatus    []float64         `json:"expect_status"`
	FollowRedirects bool              `json:"follow_redirects"`
	Timeout         float64           `json:"timeout_seconds"`
	MaxResponse     float64           `json:"max_response_bytes"`

	post *Post // the request of another type; nil = of HTTP_REQUEST
}

// Subject is the method, the host and the path.
func (*Type) Subject(text json.RawMessage, _ map[string]string) string {
	var p parameters
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return ""
	}
	return p.Method + " " + u.Host + u.EscapedPath()
}

// Run sends the request.
func (t *Type) Run(ctx context.Context, call handler.Call) (any, error) {
	r, err := t.run(ctx, call)
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		call.Log().Warn("stopped before the response was read", "reason", context.Cause(ctx).Error())
		return nil, ctx.Err()
	}
	call.LogFailure(err)
	return nil, err
}

func (t *Type) run(ctx context.Context, call handler.Call) (any, error) {
	var p parameters
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, handler.Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	return t.send(ctx, call, &p)
}

// send sends the request and reads the response.
func (t *Type) send(ctx context.Context, call handler.Call, p *parameters) (any, error) {
	limit := time.Duration(p.Timeout * float64(time.Second))
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := p.request(limited, call.TaskID)
	if err != nil {
		return nil, handler.Permanent(errors.New("the URL cannot be used: " + redacted(causeOf(err).Error(), p.secrets())))
	}
	log := exchange{call.Log(), time.Now(), p}
	log.sends(request, call.Attempt)
	host := request.URL.Host // that errors name: the latest of a chain of redirects
	client := http.Client{Transport: t.transport, CheckRedirect: func(next *http.Request, before []*http.Request) error {
		err := p.checkRedirect(next, before)
		if err == nil {
			log.follows(next)
			host = redacted(strings.ToValidUTF8(next.URL.Host, "\uFFFD"), p.secrets())
		}
		return err
	}}
	response, err := client.Do(request)
	if err == nil {
		defer response.Body.Close()
		log.answered(response, p.expects(response.StatusCode))
		var r result
		if r, err = p.read(limited, call, response); err == nil {
			r.DurationMS = log.milliseconds()
			log.read(&r)
			return r, nil
		}
	}
	if host != request.URL.Host {
		host += " (redirected from " + request.URL.Host + ")"
	}
	if limited.Err() != nil {
		return nil, fmt.Errorf("%s did not answer within %v", host, limit)
	}
	return nil, p.explain(host, err)
}

// request makes the request. Requests that change something carry the task's id as their
// Idempotency-Key: the same in each attempt.
func (p *parameters) request(ctx context.Context, taskID string) (*http.Request, error) {
	body, contentType := p.body()
	request, err := http.NewRequestWithContext(ctx, p.Method, p.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", userAgent)
	if p.post != nil {
		contentType = p.post.ContentType
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if p.Method != http.MethodGet && p.Method != http.MethodHead && p.Method != http.MethodOptions {
		request.Header.Set("Idempotency-Key", taskID)
	}
	for name, value := range p.Headers {
		request.Header.Set(name, value)
	}
	return request, nil
}

// body is what is sent, and its type; "" without a body.
func (p *parameters) body() (body []byte, contentType string) {
	if len(p.Body) == 0 || string(p.Body) == "null" {
		return nil, ""
	}
	var text string
	if json.Unmarshal(p.Body, &text) == nil {
		return []byte(text), "text/plain; charset=utf-8"
	}
	return p.Body, "application/json"
}

// errRedirect is a redirect that is not followed.
type errRedirect string

func (e errRedirect) Error() string { return string(e) }

// checkRedirect decides whether a redirect is followed. Another origin does not get the headers of
// the request, which may be secret.
func (p *parameters) checkRedirect(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	switch {
	case !p.FollowRedirects:
		return http.ErrUseLastResponse
	case len(before) > maxRedirects:
		return errRedirect(fmt.Sprintf("more than %d redirects; the last was to %s", maxRedirects, next.URL.Host))
	case next.URL.Scheme != "http" && next.URL.Scheme != "https" || next.URL.Hostname() == "":
		return errRedirect("a redirect to a URL that is not http or https")
	}
	next.URL.User = nil
	next.Header.Del("Referer") // it would carry the query of the URL before
	if next.URL.Scheme != first.Scheme || !strings.EqualFold(next.URL.Host, first.Host) {
		for name := range p.Headers {
			next.Header.Del(name)
		}
		next.Header.Del("Authorization")
		next.Header.Set("User-Agent", userAgent)
	}
	return nil
}

// explain is the error of a request without an answer: what a user can act on, and no secret.
func (p *parameters) explain(host string, err error) error {
	var status *statusError
	var redirect errRedirect
	var dns *net.DNSError
	switch {
	case errors.As(err, &status):
		return status.verdict(p)
	case errors.Is(err, errUnreachable):
		section := "http_request"
		if p.post != nil {
			section = p.post.Section
		}
		return handler.Permanent(fmt.Errorf("%s is not on the public internet; "+
			"to allow it, add it to allow of [%s] in the server's configuration", host, section))
	case errors.As(err, &redirect):
		return handler.Permanent(errors.New(host + ": " + string(redirect)))
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("%s: no such host; check its name", host)
	case errors.As(err, &dns):
		return fmt.Errorf("%s: its name could not be resolved; it is tried again", host)
	}
	return fmt.Errorf("%s: %s", host, redacted(causeOf(err).Error(), p.secrets()))
}

// causeOf is the error without the URL, which may have a secret in its query, and without the
// addresses of a network that is not public.
func causeOf(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if wrapped, ok := errors.AsType[*net.OpError](err); ok {
		err = wrapped.Err
	}
	return err
}

// secrets are the texts of the request that no error repeats: values of headers and the words in them, or what a Post
// names, and the query of the URL.
func (p *parameters) secrets() (list []string) {
	u, err := url.Parse(p.URL)
	if p.post != nil {
		list = append(list, p.post.Secrets...)
		if err == nil {
			list = append(list, u.Path, u.EscapedPath())
		}
	} else {
		for _, value := range p.Headers {
			list = append(append(list, value), strings.Fields(value)...)
		}
	}
	if err == nil && u.RawQuery != "" {
		list = append(list, u.RawQuery)
		for _, values := range u.Query() {
			list = append(list, values...)
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return len(s) < shortestSecret })
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}

// shortestSecret: shorter texts are words of everyday and hide nothing.
const shortestSecret = 6

func redacted(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "[…]")
	}
	return text
}
