package cluster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/files"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lone opens a node that is alone.
func lone(t *testing.T) *Node {
	t.Helper()
	n, err := Open(Options{Node: "a", Members: []Member{{"a", "127.0.0.1:0"}}, Data: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestOptionsThatCannotWorkAreNamed(t *testing.T) {
	good := func() Options {
		return Options{Node: "b", Members: []Member{{"a", "h:1"}, {"b", "h:2"}, {"c", "h:3"}}, Secret: "0123456789abcdef"}
	}
	o := good()
	if err := o.Check(); err != nil {
		t.Errorf("good options: %v", err)
	}
	for want, spoil := range map[string]func(o *Options){
		"name of the cluster":        func(o *Options) { o.Cluster = "a b" },
		"it has 2 nodes":             func(o *Options) { o.Members = o.Members[:2] },
		"name of a node":             func(o *Options) { o.Members[0].Name = "a.b" },
		"node b at h:2 is named":     func(o *Options) { o.Members[0].Name = "b" },
		"node b at h:1 is named":     func(o *Options) { o.Members[1].Addr = "h:1" },
		"which is none of its":       func(o *Options) { o.Node = "d" },
		"a secret, or certificates":  func(o *Options) { o.Secret = "" },
		"its secret has 5 character": func(o *Options) { o.Secret = "short" },
	} {
		o := good()
		spoil(&o)
		if err := o.Check(); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestWritesAreForTheLeader(t *testing.T) {
	for call, want := range map[string]bool{
		"GET /api/tasks": false, "GET /api/workers": true, "GET /api/workers/": true, "HEAD /api/stats": false, "OPTIONS /api/tasks/submit": false,
		"POST /api/tasks/submit": true, "DELETE /api/tasks/x": true, "PATCH /api/tasks/x": true, "POST /api/leases": true,
		"POST /api/files": false, "POST /api/files/": false, "POST /sign-in": false, "GET /": false, "PUT /api/task-types/x": true,
	} {
		method, path, _ := strings.Cut(call, " ")
		if got := forLeader(method, path); got != want {
			t.Errorf("%s: for the leader is %t", call, got)
		}
	}
}

// A server that lags behind must not say that there is no such file.
func TestFilesAreReadAtTheServerThatOrdersThem(t *testing.T) {
	n := lone(t)
	for range 2 { // also a bucket that is there
		shared := n.Files()
		if err := shared.Put(t.Context(), files.Info{ID: "x", Name: "x.csv"}, strings.NewReader("a\n1\n")); err != nil {
			t.Fatal(err)
		}
		s, err := n.stream.Stream(t.Context(), "OBJ_"+n.bucketName())
		if err != nil {
			t.Fatal(err)
		}
		if s.CachedInfo().Config.AllowDirect {
			t.Error("any server may answer")
		}
		content, info, err := shared.Get(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(content); err != nil || string(text) != "a\n1\n" || info.Name != "x.csv" {
			t.Errorf("%q, %+v, %v", text, info, err)
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
		for range 3 {
			if _, _, err := shared.Get(t.Context(), "y"); !errors.Is(err, files.ErrNotFound) {
				t.Error(err)
			}
		}
		if info, err := s.Info(t.Context()); err != nil || info.State.Msgs != 3 { // the file, what it is called, and one mark of this node
			t.Errorf("%d messages, %v", info.State.Msgs, err)
		}
	}
}

// echo answers with the request.
func echo(as string, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-As", as)
	w.Header().Set("X-Was", r.Method+" "+r.URL.RequestURI()+" "+r.Host+" "+r.RemoteAddr+" "+r.Header.Get("X-Mine"))
	w.WriteHeader(http.StatusTeapot)
	_, _ = io.Copy(w, r.Body)
}

func TestARequestIsPassedOnWhole(t *testing.T) {
	n := lone(t)
	stop, err := n.answerOthers(func(as string, w *Answer, r *http.Request) { echo(as, w, r) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	n.beats.by["a"] = Beat{Node: "a", heard: time.Now().Add(time.Hour)}
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 5*chunk + 7} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		r, err := http.NewRequest(http.MethodPut, "http://queue.example/api/x?y=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "10.0.0.9:1234"
		r.Header.Set("X-Mine", "yes")
		answer, err := n.pass(t.Context(), "a", "me", r, body)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if answer.Code != http.StatusTeapot || !bytes.Equal(answer.Body.Bytes(), body) {
			t.Errorf("%d bytes: status %d, %d bytes came back", size, answer.Code, answer.Body.Len())
		}
		if as, was := answer.Header().Get("X-As"), answer.Header().Get("X-Was"); as != "me" || was != "PUT /api/x?y=1 queue.example 10.0.0.9:1234 yes" {
			t.Errorf("%d bytes: as %q, it was %q", size, as, was)
		}
	}
}

func TestARequestToNobodyHasNotHappened(t *testing.T) {
	n := lone(t)
	r, err := http.NewRequest(http.MethodPost, "http://queue.example/api/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	n.beats.by["b"] = Beat{Node: "b", heard: time.Now().Add(time.Hour)}
	if _, err := n.pass(t.Context(), "b", "", r, nil); !errors.Is(err, errNotThere) {
		t.Errorf("pass: %v", err)
	}
}

// The one who asked has left: the leader is told, so that it does not wait on.
func TestARequestThatNobodyWaitsForEnds(t *testing.T) {
	n := lone(t)
	began, ended := make(chan struct{}), make(chan struct{})
	stop, err := n.answerOthers(func(_ string, _ *Answer, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	n.beats.by["a"] = Beat{Node: "a", heard: time.Now().Add(time.Hour)}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequest(http.MethodPost, "http://queue.example/api/leases", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-began; cancel() }()
	if _, err := n.pass(ctx, "a", "", r, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("pass: %v", err)
	}
	<-ended
}

// silentLeader is an API whose refusals are kept.
type silentLeader struct {
	API
	refused error
}

func (s *silentLeader) Refuse(_ http.ResponseWriter, _ *http.Request, err error) { s.refused = err }

// The leader got a write and is not heard any more: it may have carried it out. The write is not sent again when the leader is back.
func TestAWriteOfUnknownOutcomeIsSentOnce(t *testing.T) {
	n := lone(t)
	beat := func(stopped bool) {
		n.beats.mu.Lock()
		defer n.beats.mu.Unlock()
		n.beats.by["b"] = Beat{Node: "b", Leads: true, Term: 1, Stopped: stopped, heard: time.Now().Add(time.Hour)}
	}
	beat(false)
	var sent atomic.Int64
	heard, err := n.conn.Subscribe(n.subjectOf("b"), func(*nats.Msg) {
		sent.Add(1)
		beat(true)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = heard.Unsubscribe() }()
	back := time.AfterFunc(leadPatience/2, func() { beat(false) }) // a write that waits for it would be sent again
	defer back.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://queue.example/api/tasks/submit", nil)
	if err != nil {
		t.Fatal(err)
	}
	api := &silentLeader{}
	n.write(api, httptest.NewRecorder(), r, nil, "a")
	if !errors.Is(api.refused, eventlog.ErrUnknown) || sent.Load() != 1 {
		t.Errorf("the leader got the write %d times, and its outcome is %v", sent.Load(), api.refused)
	}
}

// A node hears itself and those whose beats are new; half is no majority.
func TestAMajorityIsMoreThanHalf(t *testing.T) {
	n := &Node{o: Options{Node: "a", Members: []Member{{"a", ""}, {"b", ""}, {"c", ""}}}}
	n.beats.init()
	if n.hasMajority() {
		t.Error("one of three is a majority")
	}
	n.beats.by["b"] = Beat{heard: time.Now().Add(-2 * silentAfter)}
	if n.hasMajority() {
		t.Error("a silent node counts")
	}
	n.beats.by["b"] = Beat{heard: time.Now().Add(time.Hour), Stopped: true}
	if n.hasMajority() {
		t.Error("a stopped node counts")
	}
	n.beats.by["b"] = Beat{heard: time.Now().Add(time.Hour)}
	if !n.hasMajority() {
		t.Error("two of three are no majority")
	}
}

// The clock of each node is compared with that of the node that answers.
func TestAClockThatIsOffIsNamed(t *testing.T) {
	n := &Node{o: Options{Node: "a", NATS: &NATS{}}}
	n.beats.init()
	s := &Status{Node: "a"}
	for name, skew := range map[string]float64{"b": 366 * 24 * 3600, "c": -3600, "d": 4.9, "e": -4.9} {
		s.Nodes = append(s.Nodes, NodeState{Name: name, SkewSeconds: skew})
	}
	said := strings.Join(n.missing(s, nil), "\n")
	for _, want := range []string{"clock of node b is off by 8784h0m0s", "clock of node c is off by -1h0m0s"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
	if strings.Contains(said, "node d") || strings.Contains(said, "node e") {
		t.Error(said)
	}
}
