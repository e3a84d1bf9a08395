//go:build linux

package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// calls has no more than its transport: each request says how long it waits.
var calls = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: 10 * time.Second}}

// answer is what a node has answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// outcome is what a caller knows about a write.
type outcome int

const (
	done    outcome = iota // acknowledged
	refused                // it did not happen, and never will
	unknown                // it may have happened
)

// harmless are the kinds of problems, with status 503, of which the documentation says that nothing happened.
var harmless = []string{"not-leader", "no-majority", "busy", "not-running", "log-full", noServer}

// noServer is the kind of the answer that this file makes when nobody listens.
const noServer = "no-server"

// outcome says what the answer to a write means. err is that of the call.
func (a *answer) outcome(err error) outcome {
	switch {
	case err != nil:
		return unknown
	case a.status < 300:
		return done
	case a.status < 500:
		return refused
	}
	if slices.Contains(harmless, a.kind()) {
		return refused
	}
	return unknown
}

// kind is that of the problem that was answered.
func (a *answer) kind() string {
	var problem struct{ Type string }
	_ = json.Unmarshal(a.body, &problem) // another body has no kind
	return problem.Type[strings.LastIndexByte(problem.Type, '#')+1:]
}

// into reads the body.
func (a *answer) into(v any) error { return json.Unmarshal(a.body, v) }

// keyed is a body that is sent with an idempotency key.
type keyed struct {
	key  string
	body any
}

func get(n *node, path string, patience time.Duration) (*answer, error) {
	return n.call(context.Background(), http.MethodGet, path, nil, patience)
}

// call sends a request to a node. An error means that no whole answer came.
func (n *node) call(ctx context.Context, method, path string, body any, patience time.Duration) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var content io.Reader
	kind, key := "application/json", ""
	if b, ok := body.(keyed); ok {
		key, body = b.key, b.body
	}
	switch b := body.(type) {
	case nil:
	case []byte:
		content, kind = bytes.NewReader(b), "text/csv"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+n.addr+path, content)
	if err != nil {
		return nil, err
	}
	if content != nil {
		r.Header.Set("Content-Type", kind)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	got, err := calls.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return &answer{http.StatusServiceUnavailable, http.Header{}, []byte(`{"type":"#` + noServer + `"}`)}, nil
	}
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	return &answer{got.StatusCode, got.Header, text}, nil
}
