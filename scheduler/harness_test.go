package scheduler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/payloadcache"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a scheduler under test, in a synctest bubble, over a log in memory.
type bench struct {
	t      *testing.T
	log    eventlog.Log
	s      *Scheduler
	cancel context.CancelFunc
	done   chan error

	mu   sync.Mutex
	runs []string // "type#n started" in order; guarded by mu
	does map[string]func(ctx context.Context, a Attempt) (Outcome, error)
	gone map[string]bool // types that nobody runs any more; guarded by mu
}

// open starts a scheduler over the log as a new process would.
func open(t *testing.T, log eventlog.Log, o Options) *bench {
	t.Helper()
	return openDoing(t, log, o, map[string]func(context.Context, Attempt) (Outcome, error){})
}

// openDoing is open with what the types do from the start on.
func openDoing(t *testing.T, log eventlog.Log, o Options, does map[string]func(context.Context, Attempt) (Outcome, error)) *bench {
	t.Helper()
	views, err := projection.Rebuild(t.Context(), log, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, log: log, does: does}
	o.Log, o.Views, o.Payloads, o.Runner = log, views, payloadcache.New(log, 1<<20), b
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if b.s, err = New(o); err != nil {
		t.Fatal(err)
	}
	b.s.eager = 1 // every command is decided at once
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.done = cancel, make(chan error, 1)
	go func() { b.done <- b.s.Run(ctx) }()
	synctest.Wait()
	return b
}

// stop ends the scheduler in order and returns what Run returned.
func (b *bench) stop() error {
	b.cancel()
	return <-b.done
}

func (b *bench) Knows(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return name != "UNKNOWN" && !b.gone[name]
}

// Runs refuses the types that start with REMOTE: these are for workers.
func (b *bench) Runs(name string) bool { return b.Knows(name) && !strings.HasPrefix(name, "REMOTE") }

// CheckParameters refuses one text.
func (b *bench) CheckParameters(_ string, parameters []byte) ([]byte, []task.FieldError) {
	if strings.Contains(string(parameters), "not allowed") {
		return nil, []task.FieldError{{Pointer: "/parameters/in", Detail: "must be allowed"}}
	}
	return parameters, nil
}

// CheckResult refuses one text.
func (b *bench) CheckResult(_ string, result []byte) []task.FieldError {
	if string(result) == `"not allowed"` {
		return []task.FieldError{{Pointer: "/result", Detail: "must be allowed"}}
	}
	return nil
}

// LeaseLength is that of workers that do not say.
func (b *bench) LeaseLength(string) time.Duration { return 50 * time.Second }

// Run does what the test has set for the type: see does; else it succeeds at once.
func (b *bench) Run(ctx context.Context, a Attempt) (Outcome, error) {
	b.mu.Lock()
	b.runs = append(b.runs, fmt.Sprintf("%s#%d", a.Task.Type, a.Task.Attempt))
	do := b.does[a.Task.Type]
	b.mu.Unlock()
	if do == nil {
		return Outcome{Result: []byte(`"done"`)}, nil
	}
	return do(ctx, a)
}

func (b *bench) ran() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.runs, " ")
}

func (b *bench) submit(c task.Submit) task.Task {
	b.t.Helper()
	got, err := b.s.Submit(b.t.Context(), "anonymous", []task.Submit{c})
	if err != nil {
		b.t.Fatalf("submit: %v", err)
	}
	return got[0].Task
}

func (b *bench) get(id ulid.ULID) task.Task {
	b.t.Helper()
	synctest.Wait()
	t, _, err := b.s.o.Views.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

func (b *bench) want(id ulid.ULID, status task.Status) task.Task {
	b.t.Helper()
	got := b.get(id)
	if got.Status != status {
		b.t.Fatalf("task is %s, want %s; its history: %s", got.Status, status, b.history(id))
	}
	return got
}

// history is the types of the task's events, without their prefix.
func (b *bench) history(id ulid.ULID) string {
	b.t.Helper()
	synctest.Wait()
	var names []string
	for _, e := range eventsOf(b.t, b.log, eventlog.Filter{Streams: []string{task.StreamOf(id)}}) {
		names = append(names, strings.TrimPrefix(e.Type, "task."))
	}
	return strings.Join(names, " ")
}

// eventsOf reads all events of a log that match.
func eventsOf(t *testing.T, log eventlog.Log, f eventlog.Filter) (events []*eventlog.Event) {
	t.Helper()
	for after := int64(0); after < log.Head().Seq; {
		page, err := log.Read(t.Context(), after, f, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		events, after = append(events, page.Events...), page.Scanned
	}
	return events
}

func (b *bench) wantHistory(id ulid.ULID, want string) {
	b.t.Helper()
	if got := b.history(id); got != want {
		b.t.Errorf("history:\n got %s\nwant %s", got, want)
	}
}

// errorText is the text of the task's latest error.
func (b *bench) errorText(id ulid.ULID) string {
	b.t.Helper()
	body, err := b.log.Payload(b.t.Context(), b.get(id).ErrorSeq)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

// until blocks until ctx ends, as a polite handler does.
func until(ctx context.Context, _ Attempt) (Outcome, error) {
	<-ctx.Done()
	return Outcome{}, ctx.Err()
}

func failing(text string) func(context.Context, Attempt) (Outcome, error) {
	return func(context.Context, Attempt) (Outcome, error) { return Outcome{}, errors.New(text) }
}

type permanentError struct{ error }

func (permanentError) Permanent() bool { return true }

// bubble runs the test in a synctest bubble with an empty log.
func bubble(t *testing.T, test func(t *testing.T, log *eventlogtest.Memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, eventlogtest.NewMemory()) })
}

var _ = time.Second
