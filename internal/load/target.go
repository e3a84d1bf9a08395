package load

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// dialTime is the longest that opening a connection may take.
const dialTime = 10 * time.Second

// target is the server that is loaded.
type target struct {
	token string // "" = none
	host  string // for the header
	path  string // that the server is below, without a slash at its end
	url   string // the same in one
	dial  func(ctx context.Context) (net.Conn, error)
}

// newTarget reads an address. A dial that is not nil takes the place of the network.
func newTarget(address string, dial func(context.Context) (net.Conn, error)) (target, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return target{}, fmt.Errorf("%w: %q is not the address of a server, such as http://127.0.0.1:8000", ErrUsage, address)
	}
	t := target{host: u.Host, path: strings.TrimRight(u.EscapedPath(), "/"), dial: dial}
	t.url = u.Scheme + "://" + u.Host + t.path
	if dial != nil {
		return t, nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	at, plain := net.JoinHostPort(u.Hostname(), port), &net.Dialer{Timeout: dialTime}
	if u.Scheme == "https" {
		secure := &tls.Dialer{NetDialer: plain, Config: &tls.Config{NextProtos: []string{"http/1.1"}}}
		t.dial = func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, "tcp", at) }
	} else {
		t.dial = func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, "tcp", at) }
	}
	return t, nil
}

// submit is a whole request, ready to be written many times, that submits n tasks: one by
// itself, more as a batch.
func (t target) submit(o Options, n int) []byte {
	one := struct {
		TaskType     string          `json:"task_type"`
		Parameters   json.RawMessage `json:"parameters"`
		DelaySeconds float64         `json:"delay_seconds,omitempty"`
	}{o.Type, o.Parameters, o.Delay.Seconds()}
	body, err := json.Marshal(one)
	if err != nil {
		panic(err) // the parameters were checked
	}
	path := "/api/tasks/submit"
	if o.Batch > 1 {
		path = "/api/tasks/batch"
		body = []byte("[" + strings.Repeat(string(body)+",", n-1) + string(body) + "]")
	}
	signed := ""
	if t.token != "" {
		signed = "Authorization: Bearer " + t.token + "\r\n"
	}
	return fmt.Appendf(nil, "POST %s%s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		t.path, path, t.host, signed, len(body), body)
}
