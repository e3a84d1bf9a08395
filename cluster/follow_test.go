package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"
	"daybook/eventlog/payloadcache"
	"daybook/eventlog/sqlitelog"
	"daybook/internal/foreignnats"
	"daybook/projection"
	"daybook/scheduler"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// onNATS opens a node on a NATS of others.
func onNATS(t *testing.T, url, name string) *Node {
	t.Helper()
	n, err := Open(Options{Node: name, NATS: &NATS{URLs: []string{url}, Replicas: 1}, Data: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n.log != nil {
			if err := n.log.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// openLog opens the log of a node.
func openLog(t *testing.T, n *Node) *natslog.Log {
	t.Helper()
	log, err := n.Log(t.Context(), sqlitelog.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// runFollower has a node follow the log until the test ends. It must not have ended by itself.
func runFollower(t *testing.T, n *Node) {
	t.Helper()
	n.Follow(projection.New())
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() {
		over <- n.Run(ctx, Hooks{NewScheduler: func() (*scheduler.Scheduler, error) { return &scheduler.Scheduler{}, nil }})
	}()
	t.Cleanup(func() {
		select {
		case err := <-over:
			t.Errorf("the node has ended: %v", err)
		default:
			cancel()
			if err := <-over; err != nil {
				t.Error(err)
			}
		}
	})
}

// echoAPI answers each request with what it is.
type echoAPI struct{ API }

func (echoAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) { echo("here", w, r) }

func (echoAPI) Take(http.ResponseWriter, *http.Request) (body []byte, release func(), err error) {
	return nil, func() {}, nil
}

// append1 appends an event to the log.
func append1(t *testing.T, log *natslog.Log, e *eventlog.Event) {
	t.Helper()
	e.At, e.Version, e.Actor = time.Now().UnixMicro(), 1, "test"
	if r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
}

// queueEvent is an event that all versions know.
func queueEvent(name string) *eventlog.Event {
	return &eventlog.Event{Stream: "queue:" + name, Type: "queue.paused", V: 1, Data: []byte(`{}`)}
}

// A node that cannot read what is in the stream until a person acts goes on: it says why, answers reads, and passes writes on. It does
// not lead, and begins with no tasks. When the stream is right again, it follows again.
func TestANodeThatCannotReadTheStreamSaysSoAndGoesOn(t *testing.T) {
	edit := func(t *testing.T, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
		t.Helper()
		s, err := js.Stream(t.Context(), natslog.StreamName("daybook"))
		if err != nil {
			t.Fatal(err)
		}
		config := s.CachedInfo().Config
		change(&config)
		if _, err := js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, w *Node)
		want  string
		mend  func(t *testing.T, w *Node)
	}{
		"a message of a newer format": {func(t *testing.T, w *Node) {
			s, err := w.stream.Stream(t.Context(), natslog.StreamName("daybook"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.stream.Publish(t.Context(), s.CachedInfo().Config.Subjects[0], []byte{'D', 200, 1}); err != nil {
				t.Fatal(err)
			}
		}, "it has format 200, this version reads up to", nil},
		"an event of a newer version": {func(t *testing.T, w *Node) {
			append1(t, w.log, &eventlog.Event{Stream: "queue:q", Type: "queue.teleported", V: 3, Data: []byte(`{}`)})
		}, "a newer version of Daybook has written event 3 (queue.teleported in schema version 3), which this one does not know: upgrade this node", nil},
		"the stream is told to discard messages": {func(t *testing.T, w *Node) {
			edit(t, w.stream, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour })
		}, "it discards messages: remove its limits", func(t *testing.T, w *Node) {
			edit(t, w.stream, func(c *jetstream.StreamConfig) { c.MaxAge = 0 })
		}},
		"messages are gone": {func(t *testing.T, w *Node) {
			edit(t, w.stream, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 1, jetstream.DiscardOld })
			edit(t, w.stream, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = -1, jetstream.DiscardNew })
		}, "1 messages of the stream are missing, and erasures explain 0 of them: somebody has deleted some", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := foreignnats.Start(t, server.Options{JetStream: true}).ClientURL()
			writer, follower, leader := onNATS(t, url, "w"), onNATS(t, url, "b"), onNATS(t, url, "z")
			openLog(t, writer)
			append1(t, writer.log, queueEvent("x"))
			append1(t, writer.log, queueEvent("y"))
			openLog(t, follower)
			leads := func() {
				follower.beats.mu.Lock()
				defer follower.beats.mu.Unlock()
				follower.beats.by["z"] = Beat{Node: "z", Leads: true, Term: 1, Seq: 2, heard: time.Now().Add(time.Hour)}
			}
			leads()
			stop, err := leader.answerOthers(func(as string, w *Answer, r *http.Request) {
				w.Header().Set("X-Log-Seq", "3")
				echo("leader"+as, w, r)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			runFollower(t, follower)
			if err := follower.views.Await(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			following, end := follower.WhileFollowing(t.Context())
			defer end()
			c.spoil(t, writer)
			select {
			case <-following.Done(): // it has halted
			case <-time.After(patience):
				t.Fatal("it does not halt")
			}
			state := stateIn(t, follower, "b")
			for deadline := time.Now().Add(patience); !strings.Contains(problemOf(state), c.want) && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond) // between two edits it saw another problem
				state = stateIn(t, follower, "b")
			}
			if state.State != stateHalted || state.Problem == nil || !strings.Contains(*state.Problem, c.want) {
				t.Errorf("the status says %s, %s; want %q", state.State, problemOf(state), c.want)
			}
			if err := follower.Ready(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ready: %v", err)
			}
			for method, want := range map[string]string{http.MethodGet: "here", http.MethodPost: "leader"} {
				w := httptest.NewRecorder()
				follower.Front(echoAPI{}, "").ServeHTTP(w, httptest.NewRequest(method, "/api/tasks", nil))
				if as := w.Header().Get("X-As"); w.Code != http.StatusTeapot || as != want {
					t.Errorf("%s: answered by %q, %d", method, as, w.Code)
				}
			}
			follower.beats.mu.Lock()
			clear(follower.beats.by) // it does not lead in place of the one that is gone
			follower.beats.mu.Unlock()
			if follower.shouldTry(time.Time{}) {
				t.Error("it tries to lead")
			}
			leads() // when it follows again, it is not to lead: it has no scheduler that can run
			if c.mend == nil {
				return
			}
			c.mend(t, writer)
			_, end = follower.WhileFollowing(t.Context())
			end()
			append1(t, writer.log, queueEvent("z"))
			if err := follower.views.Await(t.Context(), 3); err != nil {
				t.Fatal(err)
			}
			if state := stateIn(t, follower, "b"); state.Problem != nil {
				t.Errorf("it follows again, and says %s", *state.Problem)
			}
		})
	}
}

// stateIn is a node as another one sees it.
func stateIn(t *testing.T, n *Node, name string) NodeState {
	t.Helper()
	for _, one := range n.Status(t.Context()).Nodes {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("node %s is in no list", name)
	return NodeState{}
}

func problemOf(s NodeState) string {
	if s.Problem == nil {
		return "no problem"
	}
	return fmt.Sprintf("%q", *s.Problem)
}

// refusingAPI answers each request with a status, and refuses with 503.
type refusingAPI struct {
	API
	status int
	seq    string // "" = nothing was appended
}

func (a refusingAPI) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if a.seq != "" {
		w.Header().Set("X-Log-Seq", a.seq)
	}
	w.WriteHeader(a.status)
}
func (refusingAPI) Within(ctx context.Context, _ string) context.Context { return ctx }
func (refusingAPI) Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

// A node that has led and does not know yet that another one leads refuses nothing, and tells no worker that it has lost a lease.
func TestANodeThatLeadsNoMoreRefusesNothing(t *testing.T) {
	url := foreignnats.Start(t, server.Options{JetStream: true}).ClientURL()
	old, next := onNATS(t, url, "a"), onNATS(t, url, "b")
	log := openLog(t, old)
	views := projection.New()
	old.Follow(views)
	led := func(log *natslog.Log, node string, term int) {
		append1(t, log, &eventlog.Event{Stream: "server:" + node, Type: "server.led", V: 1, Data: fmt.Appendf(nil, `{"node":%q,"term":%d}`, node, term)})
	}
	led(log, "01M8PFP494AWD1DRDVB473XGVF", 1)
	if err := old.fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if old.current, err = scheduler.New(scheduler.Options{Log: log, Views: views, Payloads: payloadcache.New(log, 1<<20), Runner: struct{ scheduler.Runner }{}, Node: "a"}); err != nil {
		t.Fatal(err)
	}
	old.setTerm(1)
	seq := ""
	answers := func(status int, path string) int {
		w := NewAnswer()
		old.decide(refusingAPI{status: status, seq: seq}, w, httptest.NewRequest(http.MethodPost, path, nil), "")
		return w.Code
	}
	for range 2 {
		if got := answers(http.StatusNotFound, "/api/tasks/x/retry"); got != http.StatusNotFound {
			t.Errorf("the node leads, and answers %d", got)
		}
	}
	other := openLog(t, next)
	if err := other.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	append1(t, other, queueEvent("q"))
	if got := answers(http.StatusNotFound, "/api/tasks/x/retry"); got != http.StatusNotFound {
		t.Errorf("another node has appended, not led, and it answers %d", got)
	}
	led(other, "01M8PFP494AWD1DRDVB473XGVG", 2)
	for path, status := range map[string]int{"/api/tasks/x/retry": http.StatusConflict, "/api/workers/w/beat": http.StatusOK, "/api/leases/x/heartbeat/": http.StatusOK,
		"/api/leases": http.StatusOK, "/base/api/leases/": http.StatusOK} {
		if got := answers(status, path); got != http.StatusServiceUnavailable {
			t.Errorf("another node leads, and %s is answered with %d", path, got)
		}
	}
	seq = "3"
	for _, path := range []string{"/api/tasks/submit", "/api/leases"} {
		if got := answers(http.StatusOK, path); got != http.StatusOK {
			t.Errorf("%s: what was appended is answered with %d", path, got)
		}
	}
}
