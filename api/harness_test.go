package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/payloadcache"
	"daybook/files"
	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
	"daybook/tasklog"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kit is the types of the tests, and what runs them. ECHO gives its parameters back, and says
// "outcome" of them as what came of it, FAIL
// fails for good, HOLD reports half and waits until it is let go or called off.
type kit struct {
	mu   sync.Mutex
	held map[string]chan struct{} // by id; guarded by mu
	more map[string]bool          // types that workers offer; guarded by mu
	said []task.TypeSpec          // types that were declared; guarded by mu
}

// TaskChanged does nothing.
func (k *kit) TaskChanged(*task.Task, task.Status, *task.Event) {}

// StreamChanged makes a declared type known.
func (k *kit) StreamChanged(e *eventlog.Event) {
	if name, ok := strings.CutPrefix(e.Stream, "type:"); ok {
		_ = k.Offer([]string{name})
		k.mu.Lock()
		defer k.mu.Unlock()
		k.said = append(k.said, task.TypeSpec{Name: name, Title: name})
	}
}

var kitSpecs = []task.TypeSpec{
	{Name: "ECHO", Title: "Echo", Description: "Gives its parameters back.", ParametersSchema: json.RawMessage(`{"type":"object"}`)},
	{Name: "FAIL", Title: "Fail", Description: "Fails."},
	{Name: "HOLD", Title: "Hold", Description: "Waits."},
}

func (k *kit) Specs() []task.TypeSpec {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(slices.Clone(kitSpecs), k.said...)
}

// Offer takes types of workers.
func (k *kit) Offer(names []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.more == nil {
		k.more = make(map[string]bool)
	}
	for _, name := range names {
		k.more[name] = true
	}
	return nil
}

// CheckFields refuses a schema of no known type.
func (k *kit) CheckFields(pointer string, schema []byte) []task.FieldError {
	if bytes.Contains(schema, []byte("objekt")) {
		return []task.FieldError{{Pointer: pointer + "/type", Detail: "must be a type"}}
	}
	return nil
}

// CheckAnswer wants a member named amount.
func (k *kit) CheckAnswer(_, answer []byte) ([]byte, []task.FieldError) {
	if !bytes.Contains(answer, []byte(`"amount":`)) {
		return nil, []task.FieldError{{Pointer: "/answer/amount", Detail: "must be given"}}
	}
	return answer, nil
}

// CheckDeclared refuses a schema of no known type.
func (k *kit) CheckDeclared(spec task.TypeSpec) []task.FieldError {
	if bytes.Contains(spec.ParametersSchema, []byte("objekt")) {
		return []task.FieldError{{Pointer: "/parameters_schema/type", Detail: "must be a type"}}
	}
	return nil
}

// CheckParameters takes all parameters.
func (k *kit) CheckParameters(_ string, parameters []byte) ([]byte, []task.FieldError) {
	return parameters, nil
}

// PrepareAround takes all parameters.
func (k *kit) PrepareAround(_ string, parameters []byte, _ []string) ([]byte, []task.FieldError, error) {
	return parameters, nil, nil
}

// CheckResult takes every result.
func (k *kit) CheckResult(string, []byte) []task.FieldError { return nil }

// LeaseLength is that of workers that do not say.
func (k *kit) LeaseLength(string) time.Duration { return 30 * time.Second }

// Reserved keeps one name for the server.
func (k *kit) Reserved(name string) bool { return name == "BUILT_IN" }

func (k *kit) Knows(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.more[name] || k.Runs(name)
}

// Runs reports whether it is a type of its own.
func (k *kit) Runs(name string) bool {
	for _, s := range kitSpecs {
		if s.Name == name {
			return true
		}
	}
	return false
}

// Prepare wants "n" to be a number, takes "file" for a file's id and adds "made":true.
func (k *kit) Prepare(_ string, parameters []byte) ([]byte, []string, []task.FieldError, error) {
	var ids []string
	for key, value := range jsontext.Members(parameters) {
		switch string(key) {
		case "n":
			if !jsontext.IsNumber(value) {
				return nil, nil, []task.FieldError{{Pointer: "/parameters/n", Detail: "must be a number"}}, nil
			}
		case "file":
			ids = append(ids, jsontext.Unquote(value))
		}
	}
	prepared := append(parameters[:len(parameters)-1:len(parameters)-1], `,"made":true}`...)
	if len(parameters) == 2 {
		prepared = []byte(`{"made":true}`)
	}
	return prepared, ids, nil, nil
}

// Defaults are what Prepare adds.
func (k *kit) Defaults(string) []byte { return []byte(`{"made":true}`) }

// Subject names the file; else it is "number" and n.
func (k *kit) Subject(_ string, parameters []byte, fileNames map[string]string) string {
	for key, value := range jsontext.Members(parameters) {
		switch string(key) {
		case "file":
			return fileNames[jsontext.Unquote(value)]
		case "n":
			return "number " + string(value)
		}
	}
	return ""
}

func (k *kit) NamesFiles(string) bool { return true }

func (k *kit) Run(ctx context.Context, a scheduler.Attempt) (scheduler.Outcome, error) {
	switch a.Task.Type {
	case "FAIL":
		return scheduler.Outcome{}, permanentError{errors.New(`it "broke"`)}
	case "HOLD":
		a.Report(50, "half way")
		select {
		case <-k.gate(a.Task.Name()):
		case <-ctx.Done():
			return scheduler.Outcome{}, context.Cause(ctx)
		}
	}
	out := scheduler.Outcome{Result: a.Parameters}
	for key, value := range jsontext.Members(a.Parameters) {
		if string(key) == "outcome" {
			out.Outcome, out.Partial = jsontext.Unquote(value), true
		}
	}
	return out, nil
}

type permanentError struct{ error }

func (permanentError) Permanent() bool { return true }

func (k *kit) gate(id string) chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil {
		k.held = make(map[string]chan struct{})
	}
	if k.held[id] == nil {
		k.held[id] = make(chan struct{})
	}
	return k.held[id]
}

// letGo ends the HOLD task.
func (k *kit) letGo(id string) { close(k.gate(id)) }

// house is everything behind one server.
type house struct {
	testing.TB
	*kit
	api    *API
	server *httptest.Server // nil in a bubble
	url    string
	client *http.Client
	log    eventlog.Log
	views  *projection.Views
	logged *logged
}

// logged is what the server logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var testPage = fstest.MapFS{
	"index.html": {Data: []byte("<!doctype html>\n<title>Daybook</title>\n<link rel=\"stylesheet\" href=\"a.css\">\n" +
		"<link rel=\"stylesheet\" href=\"app/b.css\">\n<script type=\"module\" src=\"app/main.js\"></script>\n<a href=\"docs\">API</a>\n")},
	"app/main.js": {Data: []byte("import { a } from \"./part.js\";\n// " + strings.Repeat("x", 2000) + "\nconst later = () => import(\"./later.js\");\n")},
	"app/part.js": {Data: []byte("/** @import { T } from \"./types.js\" */\nexport {\n  b,\n} from \"../c.js\";\n")},
	"c.js":        {Data: []byte("export const b = 1;\n")}, "app/later.js": {Data: []byte("export {};\n")}, "app/types.js": {Data: []byte("export {};\n")},
	"a.css": {Data: []byte("a {}")}, "app/b.css": {Data: []byte("b {}")},
	"sign-in.html":  {Data: []byte("<!doctype html>\n<title>Sign in</title>\n<link rel=\"stylesheet\" href=\"a.css\">\n<!-- error -->\n<form method=\"post\" action=\"sign-in\"></form>\n")},
	"README.hidden": {Data: []byte("not served")},
}

// build makes everything but the server; log nil = one in memory.
func build(t testing.TB, log eventlog.Log, change ...func(*Options)) *house {
	t.Helper()
	h := &house{TB: t, kit: &kit{}, log: log, logged: &logged{}}
	if log == nil {
		h.log = eventlogtest.NewMemory()
	}
	logger := slog.New(slog.NewTextHandler(h.logged, nil))
	var err error
	if h.views, err = projection.Rebuild(t.Context(), h.log, nil); err != nil {
		t.Fatal(err)
	}
	h.views.Observe(h.kit)
	payloads := payloadcache.New(h.log, 1<<20)
	store, err := files.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in, err := intake.New(intake.Options{Types: h.kit, Files: store, Log: h.log, Views: h.views, Payloads: payloads, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	s, err := scheduler.New(scheduler.Options{Log: h.log, Views: h.views, Payloads: payloads, Runner: h.kit,
		Concurrency: 2, Grace: time.Second, ReadSubmit: in.ReadScheduled, ReadWorkflow: in.ReadScheduledWorkflow, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	logs, err := tasklog.Open(tasklog.Options{Dir: t.TempDir(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	past := projection.NewPast(h.log, t.TempDir(), logger)
	o := Options{Log: h.log, Views: h.views, Past: past, Payloads: payloads, Scheduler: s, Intake: in, Files: store, TaskLogs: logs, Page: testPage,
		MaxFile: 1 << 20, Version: "test", Logger: logger, Webhooks: testWebhooks}
	for _, f := range change {
		f(&o)
	}
	o.Intake.Files = o.Files
	if h.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran, before := make(chan struct{}), h.views.Seq()
	go func() {
		defer close(ran)
		_ = s.Run(ctx)
	}()
	for wrote := h.views.Changed(); h.views.Seq() == before; wrote = h.views.Changed() { // what a test does comes after the start
		select {
		case <-wrote:
		case <-ran:
			t.Fatal("the scheduler has ended")
		}
	}
	t.Cleanup(func() {
		stop()
		<-ran
		if err := errors.Join(store.Close(), logs.Close(), past.Close()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// testWebhooks send nothing.
var testWebhooks = Webhooks{
	NewSecret:   func() string { return "whsec_made" },
	ValidSecret: func(secret string) bool { return strings.HasPrefix(secret, "whsec_") },
	Reaches:     func(url string) bool { return !strings.HasPrefix(url, "https://10.") },
	ValidURL:    func(url string) bool { return strings.HasPrefix(url, "https://") },
	Test: func(_ context.Context, name, id string, event []byte) Delivered {
		return Delivered{Status: 200, Body: string(event), DurationMS: 1}
	},
}

// open starts a server over a log; nil = one in memory.
func open(t testing.TB, log eventlog.Log, change ...func(*Options)) *house {
	t.Helper()
	h := build(t, log, change...)
	h.server = httptest.NewServer(h.api)
	h.url, h.client = h.server.URL, h.server.Client()
	t.Cleanup(func() {
		h.api.StopStreams()
		h.server.CloseClientConnections()
		h.server.Close()
	})
	return h
}

// bubble runs test in a bubble of fake time, with a server whose connections are pipes:
// one that nobody reads from blocks at once.
func bubble(t *testing.T, test func(h *house, dial func() net.Conn), change ...func(*Options)) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, nil, change...)
		pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: h.api, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second}
		served := make(chan error, 1)
		go func() { served <- server.Serve(pipes) }()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return pipes.dial(), nil }}
		h.url, h.client = "http://localhost", &http.Client{Transport: transport}
		t.Cleanup(func() {
			h.api.StopStreams()
			transport.CloseIdleConnections()
			_ = server.Close()
			<-served
		})
		synctest.Wait() // what the start writes down is in the log
		test(h, pipes.dial)
	})
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial() net.Conn {
	here, there := net.Pipe()
	l.conns <- there
	return here
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// answer is what a request came back with.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. headers are "Name: value".
func (h *house) do(method, path, body string, headers ...string) answer {
	h.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(h.Context(), method, h.url+path, reader)
	if err != nil {
		h.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	resp, err := h.client.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// want sends a request and fails unless it is answered 200.
func (h *house) want(method, path, body string, headers ...string) answer {
	h.Helper()
	a := h.do(method, path, body, headers...)
	if a.status != http.StatusOK {
		h.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

// object decodes the body.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	return v
}

func (a answer) list(t testing.TB) []map[string]any {
	t.Helper()
	var v []map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	return v
}

// submit submits a task and returns its id.
func (h *house) submit(body string) string {
	h.Helper()
	return h.want("POST", "/api/tasks/submit", body).object(h)["id"].(string)
}

// until waits until the task has the status.
func (h *house) until(id string, status string) map[string]any {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), 2*time.Minute)
	defer cancel()
	for {
		changed := h.views.Changed()
		t := h.want("GET", "/api/tasks/"+id, "").object(h)
		if t["status"] == status {
			return t
		}
		select {
		case <-changed:
		case <-ctx.Done():
			h.Fatalf("%s is %v, not %s", id, t["status"], status)
		}
	}
}
