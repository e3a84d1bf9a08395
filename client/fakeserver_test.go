package client_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/client"
)

// fakeServer speaks the server's side of Worker Protocol 1 without a network, so that its clock is
// that of a synctest bubble. It has what the worker needs, and nothing is kept.
type fakeServer struct {
	mu       sync.Mutex
	before   intercept    // may answer a call in place of the server
	after    intercept    // may replace the answer of the server
	dialed   func() error // refuses a connection over a wire
	pending  []*fakeTask
	tasks    map[string]*fakeTask // by token
	polls    map[string][]map[string]any
	quiet    bool
	beat     float64
	calls    []*fakeCall
	logs     []string
	more     chan struct{} // closed when something changes
	sequence int
}

// intercept answers a call or leaves it alone; an error stands for a connection that broke.
type intercept func(k *fakeCall) (*http.Response, error)

func nothing(*fakeCall) (*http.Response, error) { return nil, nil }

type fakeTask struct {
	ID, Type, Parameters string
	attempt              int
	token                string
	cancelled, lost      bool
	ended                string // "complete", "fail", "release"
	report               map[string]any
	progress             []string
}

// fakeCall is one call as it came.
type fakeCall struct {
	at   time.Time
	path string
	body map[string]any
	raw  string
}

func newFakeServer() *fakeServer {
	return &fakeServer{before: nothing, after: nothing, dialed: func() error { return nil }, tasks: map[string]*fakeTask{}, polls: map[string][]map[string]any{}, beat: 10, more: make(chan struct{})}
}

// worker returns a worker of the server.
func (f *fakeServer) worker(t *testing.T, o client.WorkerOptions, rounds http.RoundTripper) *client.Worker {
	t.Helper()
	c, err := client.New("http://fake", &http.Client{Transport: rounds})
	if err != nil {
		t.Fatal(err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	return client.NewWorker(c, o)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (f *fakeServer) changed() {
	close(f.more)
	f.more = make(chan struct{})
}

// submit adds a task.
func (f *fakeServer) submit(taskType, parameters string) *fakeTask {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sequence++
	task := &fakeTask{ID: fmt.Sprintf("T%d", f.sequence), Type: taskType, Parameters: parameters}
	f.pending = append(f.pending, task)
	f.changed()
	return task
}

func (f *fakeServer) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.changed()
}

// set sets an intercept.
func (f *fakeServer) set(which *intercept, to intercept) { f.change(func() { *which = to }) }

// await waits until something is true.
func (f *fakeServer) await(is func() bool) {
	for {
		f.mu.Lock()
		ok, more := is(), f.more
		f.mu.Unlock()
		if ok {
			return
		}
		<-more
	}
}

// sent lists the calls of a path.
func (f *fakeServer) sent(path string) (calls []*fakeCall) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.calls {
		if strings.HasSuffix(k.path, path) {
			calls = append(calls, k)
		}
	}
	return calls
}

func (f *fakeServer) RoundTrip(req *http.Request) (*http.Response, error) {
	k := &fakeCall{at: time.Now(), path: req.URL.Path}
	text, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body.Close()
	k.raw = string(text)
	_ = json.Unmarshal(text, &k.body)
	var before, after intercept
	f.change(func() { f.calls, before, after = append(f.calls, k), f.before, f.after })
	if resp, err := before(k); resp != nil || err != nil {
		return resp, err
	}
	resp, err := f.serve(req, k)
	if err == nil {
		if other, err := after(k); other != nil || err != nil {
			return other, err
		}
	}
	return resp, err
}

func (f *fakeServer) serve(req *http.Request, k *fakeCall) (*http.Response, error) {
	switch parts := strings.Split(strings.Trim(k.path, "/"), "/"); {
	case k.path == "/api/leases":
		return f.leases(req, k)
	case strings.HasSuffix(k.path, "/beat"):
		return f.beats(k), nil
	case strings.HasSuffix(k.path, "/log"):
		f.change(func() { f.logs = append(f.logs, strings.Split(strings.TrimSpace(k.raw), "\n")...) })
		return answer(200, map[string]any{}), nil
	case len(parts) == 4:
		k.body["token"], k.body["do"] = parts[2], map[string]string{"heartbeat": "progress"}[parts[3]]
		if k.body["do"] == "" {
			k.body["do"] = parts[3]
		}
		var result map[string]any
		f.change(func() { result = f.report(k.body) })
		return answer(result["status"].(int), result), nil
	}
	return answer(404, map[string]any{"title": "Not Found"}), nil
}

func (f *fakeServer) leases(req *http.Request, k *fakeCall) (*http.Response, error) {
	results := []map[string]any{}
	f.mu.Lock()
	if reports, ok := k.body["reports"].([]any); ok {
		for _, r := range reports {
			results = append(results, f.report(r.(map[string]any)))
		}
		f.changed()
	}
	f.mu.Unlock()
	late := time.NewTimer(time.Duration(k.body["wait_seconds"].(float64) * float64(time.Second)))
	defer late.Stop()
	for waited := false; ; {
		f.mu.Lock()
		leases, more, quiet, beat := f.lease(k), f.more, f.quiet, f.beat
		f.mu.Unlock()
		if len(leases) > 0 || waited || quiet || k.body["max"].(float64) == 0 {
			return answer(200, map[string]any{"leases": leases, "results": results, "quiet": quiet, "beat_seconds": beat}), nil
		}
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-late.C:
			waited = true
		case <-more:
		}
	}
}

func (f *fakeServer) lease(k *fakeCall) []map[string]any {
	poll := k.body["poll_id"].(string)
	if leases, ok := f.polls[poll]; ok {
		return leases
	}
	leases := []map[string]any{}
	for len(leases) < int(k.body["max"].(float64)) && len(f.pending) > 0 && !f.quiet {
		task := f.pending[0]
		f.pending = f.pending[1:]
		f.sequence++
		task.token, task.attempt = fmt.Sprintf("dbl_%d", f.sequence), task.attempt+1
		f.tasks[task.token] = task
		leases = append(leases, map[string]any{"token": task.token, "attempt": task.attempt,
			"task": map[string]any{"id": task.ID, "task_type": task.Type, "parameters": json.RawMessage(task.Parameters)}})
	}
	if len(leases) > 0 {
		f.polls[poll] = leases
		f.changed()
	}
	return leases
}

func (f *fakeServer) report(r map[string]any) map[string]any {
	task := f.tasks[r["token"].(string)]
	do := r["do"].(string)
	switch {
	case task == nil || task.lost || task.token != r["token"]:
		return problem(409, "stale-lease")
	case task.ended != "" && task.ended == do && do == "complete":
		return map[string]any{"status": 200}
	case task.ended != "":
		return problem(409, "stale-lease")
	case do == "progress":
		task.progress = append(task.progress, fmt.Sprint(r["progress"], " ", r["message"]))
		return map[string]any{"status": 200}
	}
	if r["result"] == "refuse me" {
		return problem(400, "bad-request")
	}
	task.ended, task.report = do, r
	if task.cancelled {
		return problem(409, "cancelled")
	}
	return map[string]any{"status": 200}
}

func (f *fakeServer) beats(k *fakeCall) *http.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	cancelled, lost := []string{}, []string{}
	for _, token := range k.body["tokens"].([]any) {
		switch task := f.tasks[token.(string)]; {
		case task == nil || task.lost || task.ended != "":
			lost = append(lost, token.(string))
		case task.cancelled:
			cancelled = append(cancelled, token.(string))
		}
	}
	return answer(200, map[string]any{"cancelled": cancelled, "lost": lost, "quiet": f.quiet, "beat_seconds": f.beat})
}

func problem(status int, kind string) map[string]any {
	return map[string]any{"status": status, "type": "/docs#" + kind, "title": kind, "detail": "because of " + kind}
}

func answer(status int, body any) *http.Response {
	text, _ := json.Marshal(body)
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}},
		Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text))}
}

// tokensOf are the tokens of a beat.
func (k *fakeCall) tokens() (tokens []string) {
	for _, token := range k.body["tokens"].([]any) {
		tokens = append(tokens, token.(string))
	}
	slices.Sort(tokens)
	return tokens
}
