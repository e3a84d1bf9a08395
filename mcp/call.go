package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// caller calls the API for who has sent a request.
type caller struct {
	api     http.Handler
	prefix  string
	request *http.Request
	agent   string // its name, for the history
	limited bool   // its token is for some queues or task types only
}

// answer is an answer of the API.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// refusal is an answer of the API that is no success, as a tool gives it to the agent.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// passed are the headers of a request that say who sends it, and from where.
var passed = []string{"Authorization", "Cookie", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Origin", "Sec-Fetch-Site"}

// do sends one request to the API. Errors: a *refusal.
func (c *caller) do(ctx context.Context, method, path string, body any, headers ...string) (*answer, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode the call of the API: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.prefix+path, bytes.NewReader(text))
	if err != nil {
		return nil, &refusal{"The arguments cannot be sent: " + err.Error()}
	}
	r.Host, r.RemoteAddr, r.TLS = c.request.Host, c.request.RemoteAddr, c.request.TLS
	r.RequestURI = r.URL.RequestURI()
	for _, name := range passed {
		if values := c.request.Header[name]; values != nil {
			r.Header[name] = values
		}
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a := &answer{status: http.StatusOK, header: make(http.Header)}
	c.api.ServeHTTP(a, r)
	if a.status >= http.StatusMultipleChoices {
		return a, refused(a)
	}
	return a, nil
}

// refused says what the problem of an answer says.
func refused(a *answer) *refusal {
	var p struct {
		Type, Detail string
		Errors       []struct{ Pointer, Detail string }
		Matched      *int64
	}
	if err := json.Unmarshal(a.body.Bytes(), &p); err != nil || p.Detail == "" {
		return &refusal{fmt.Sprintf("The server answered %d.", a.status)}
	}
	_, kind, _ := strings.Cut(p.Type, "#")
	text := fmt.Sprintf("Refused (%d %s): %s", a.status, kind, p.Detail)
	for _, e := range p.Errors {
		text += "\n" + strings.TrimPrefix(e.Pointer, "/") + ": " + e.Detail
	}
	return &refusal{inTools(text)}
}

// who is what the token of a caller may do.
type who struct {
	Role      string
	Queues    []string // nil = all
	TaskTypes []string `json:"task_types"` // nil = all
}

// limited reports whether it is for some queues or task types only.
func (w *who) limited() bool { return w.Queues != nil || w.TaskTypes != nil }

// who asks the API about the token of the caller; without tokens everybody is an admin.
func (c *caller) who(ctx context.Context) who {
	a, err := c.do(ctx, http.MethodGet, "/api/me", nil)
	var me who
	if err != nil || json.Unmarshal(a.body.Bytes(), &me) != nil {
		return who{Role: roles[0]}
	}
	return me
}

// reason is a reason with the name of the agent.
func (c *caller) reason(text string) string { return text + " (agent " + c.agent + ")" }

// at is a path with a text in it.
func at(before, text, after string) string { return before + url.PathEscape(text) + after }

var _ io.Writer = (*answer)(nil)
