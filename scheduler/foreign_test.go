package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// foreigner is another writer of the log: it decides by the same rules, on views of its own.
type foreigner struct {
	t     *testing.T
	r     *rand.Rand
	ids   *idSource
	views *projection.Views
	quiet atomic.Bool

	tasks []ulid.ULID    // all of the log
	wrote map[string]int // events by type
}

func newForeigner(t *testing.T, seed uint64) *foreigner {
	return &foreigner{t: t, r: rand.New(rand.NewPCG(seed, 2)), ids: newIDSource(), views: projection.New(), wrote: map[string]int{}}
}

// readOn folds what the log has.
func (f *foreigner) readOn(log eventlog.Log) {
	for f.views.Seq() < log.Head().Seq {
		page, err := log.Read(context.Background(), f.views.Seq(), eventlog.Filter{}, 1000)
		if err == nil {
			err = f.views.Apply(page.Events)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		for _, e := range page.Events {
			if id, ok := task.ParseStream(e.Stream); ok && e.Type == "task.submitted" {
				f.tasks = append(f.tasks, id)
			}
		}
	}
}

// do appends what follows from the command, if it is legal.
func (f *foreigner) do(log eventlog.Log, id ulid.ULID, c task.Command) {
	f.t.Helper()
	f.readOn(log)
	state, err := f.views.Find(id)
	if err != nil {
		f.t.Fatal(err)
	}
	if state == nil {
		state = new(task.Task)
	}
	wall := task.MicrosOf(time.Now())
	now := task.Now{Wall: wall, At: max(wall, task.Micros(log.Head().At))}
	decided, refusal := task.Decide(state, c, now)
	if refusal != nil || len(decided) == 0 {
		return
	}
	e := eventlog.Entry{Expect: eventlog.NothingAfter(f.views.Seq())}
	for i := range decided {
		d := &decided[i]
		e.Events = append(e.Events, &eventlog.Event{
			At: int64(d.At), Stream: task.StreamOf(id), Version: d.Version, Type: d.Type.String(), V: d.Type.SchemaVersion(),
			Actor: "token:other", Data: task.AppendData(nil, d.Type, &d.Data), Payload: d.Payload,
		})
		f.wrote[d.Type.String()]++
	}
	if r := log.Append(context.Background(), []eventlog.Entry{e}); r[0].Err != nil {
		f.t.Errorf("the other writer's %T: %v", c, r[0].Err)
	}
}

// submit appends a task with the key, which nobody has used.
func (f *foreigner) submit(log eventlog.Log, c task.Submit) ulid.ULID {
	id := f.ids.next(task.MicrosOf(time.Now()))
	f.do(log, id, &c)
	return id
}

// act does one thing at random, or nothing.
func (f *foreigner) act(log eventlog.Log) {
	if f.quiet.Load() || f.r.IntN(3) > 0 {
		return
	}
	f.readOn(log)
	switch n := f.r.IntN(4); {
	case n == 0 || len(f.tasks) == 0:
		c := task.Submit{Type: "T", MaxAttempts: 1}
		key := fmt.Sprint("k", f.r.IntN(5))
		if used, err := f.views.FindByKey(key); used == nil && err == nil && f.r.IntN(2) == 0 {
			c.IdempotencyKey, c.RequestHash = key, [32]byte{1}
		}
		f.submit(log, c)
	case n == 1:
		for state := range f.views.Running() {
			f.do(log, state.ID, task.Expire{Fence: state.Fence(), Crash: task.CrashTogether})
			break
		}
	default:
		f.do(log, f.tasks[max(0, len(f.tasks)-1-f.r.IntN(6))], task.Cancel{})
	}
}

// TestWhateverOthersAppendNothingIsDecidedOnAnOldState has a writer that comes first at random. The
// views must be what the log says, and each answer true.
func TestWhateverOthersAppendNothingIsDecidedOnAnOldState(t *testing.T) {
	wrote := map[string]int{}
	for seed := range uint64(60) {
		bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
			other := newForeigner(t, seed)
			log := newHeld(eventlogtest.NewContested(memory, other.act))
			const slots = 3
			b := open(t, log, Options{Concurrency: slots})
			c := &chaos{b: b, log: log, r: rand.New(rand.NewPCG(seed, 1))}
			b.does["T"] = c.run
			log.holding.Store(true)
			if seed%2 == 1 { // each command of an idle log is a round
				b.s.early = 1
			}
			for range 150 {
				c.step()
				if n := b.s.State().Running; n < 0 || n > slots {
					t.Fatalf("seed %d: %d of %d slots are taken", seed, n, slots)
				}
			}
			other.quiet.Store(true)
			c.finish()
			if c.most > slots || b.s.State().Running != 0 {
				t.Errorf("seed %d: %d handlers ran at a time with %d slots, %d are taken at the end", seed, c.most, slots, b.s.State().Running)
			}
			c.check(t, seed)
			checkUnique(t, seed, memory)
			wantKeysOnce(t, seed, memory)
			if err := b.stop(); err != nil {
				t.Fatalf("seed %d: run: %v", seed, err)
			}
			b.wantSound()
			for kind, n := range other.wrote {
				wrote[kind] += n
			}
		})
	}
	for _, kind := range []string{"task.submitted", "task.cancelled", "task.cancel_requested", "task.lease_expired"} {
		if wrote[kind] == 0 {
			t.Errorf("the other writer wrote no %s: too few to learn from", kind)
		}
	}
}

// wantKeysOnce checks that no idempotency key was given to two tasks.
func wantKeysOnce(t *testing.T, seed uint64, log eventlog.Log) {
	t.Helper()
	used := map[string]string{}
	err := log.Scan(t.Context(), 0, func(e *eventlog.Event) error {
		_, rest, ok := strings.Cut(string(e.Data), `"idempotency_key":"`)
		if key, _, _ := strings.Cut(rest, `"`); ok {
			if used[key] != "" {
				t.Errorf("seed %d: key %s is that of %s and of %s", seed, key, used[key], e.Stream)
			}
			used[key] = strings.Clone(e.Stream)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// foreign runs the test with a log to which others append what next says, once, just before the
// next append of the scheduler.
func foreign(t *testing.T, o Options, test func(t *testing.T, b *bench, other *foreigner, next *func(eventlog.Log))) {
	t.Helper()
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		other := newForeigner(t, 1)
		var next func(eventlog.Log)
		b := open(t, eventlogtest.NewContested(memory, func(log eventlog.Log) {
			if do := next; do != nil {
				next = nil
				do(log)
			}
		}), o)
		test(t, b, other, &next)
		if err := b.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
		b.wantSound()
	})
}

func TestASubmitWhoseKeyAnotherWriterHasJustUsedIsAReplay(t *testing.T) {
	foreign(t, Options{}, func(t *testing.T, b *bench, other *foreigner, next *func(eventlog.Log)) {
		keyed := task.Submit{Type: "T", IdempotencyKey: "k", RequestHash: [32]byte{1}}
		var first ulid.ULID
		*next = func(log eventlog.Log) { first = other.submit(log, keyed) }
		got, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{keyed})
		if err != nil || !got[0].Replayed || got[0].Task.ID != first {
			t.Errorf("got %+v, %v; want a replay of %s", got, err, first)
		}
		b.want(first, task.Success)
		b.wantHistory(first, "submitted started succeeded")
	})
}

func TestACancelOfAnotherWriterStopsTheHandlerAndTheOneWhoWaits(t *testing.T) {
	foreign(t, Options{}, func(t *testing.T, b *bench, other *foreigner, next *func(eventlog.Log)) {
		b.does["T"] = until
		running := b.submit(task.Submit{Type: "T"}).ID
		waiting := b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Hour))}).ID
		waited := make(chan task.Task, 1)
		go func() {
			got, _ := b.s.WaitEnded(context.Background(), waiting)
			waited <- got
		}()
		synctest.Wait()
		*next = func(log eventlog.Log) {
			other.do(log, running, task.Cancel{})
			other.do(log, waiting, task.Cancel{})
		}
		b.submit(task.Submit{Type: "X"})
		b.want(running, task.Cancelled)
		b.wantHistory(running, "submitted started cancel_requested cancelled")
		if got := <-waited; got.Status != task.Cancelled {
			t.Errorf("the one who waits got %s", got.Status)
		}
	})
}

func TestATaskThatAnotherWriterTakesAwayRunsAgainOnlyWhenItsHandlerHasReturned(t *testing.T) {
	foreign(t, Options{}, func(t *testing.T, b *bench, other *foreigner, next *func(eventlog.Log)) {
		gate := make(chan struct{})
		var cause error
		var running, most atomic.Int64
		b.does["T"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			if a.Task.Fence() == 2 {
				<-ctx.Done()
				cause = context.Cause(ctx)
				<-gate
			}
			return Outcome{}, nil
		}
		id := b.submit(task.Submit{Type: "T"}).ID
		*next = func(log eventlog.Log) { other.do(log, id, task.Expire{Fence: 2, Crash: task.CrashTogether}) }
		b.submit(task.Submit{Type: "X"})
		time.Sleep(2 * returnLimit)
		if got := b.want(id, task.Pending); b.s.WaitingFor(&got).Reason != "previous_attempt" {
			t.Errorf("it waits for %+v", b.s.WaitingFor(&got))
		}
		close(gate)
		b.want(id, task.Success)
		if cause != task.ErrAttemptLeaseLost || most.Load() != 1 {
			t.Errorf("the cause is %v, and %d ran at a time", cause, most.Load())
		}
	})
}

func TestAStartAndAStopAreWrittenDownThoughOthersComeFirst(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		other, left := newForeigner(t, 1), 3
		first := other.submit(memory, task.Submit{Type: "T", MaxAttempts: 1})
		come := func(log eventlog.Log) {
			if left > 0 {
				left--
				other.submit(log, task.Submit{Type: "T", MaxAttempts: 1})
			}
		}
		b := open(t, eventlogtest.NewContested(memory, come), Options{AcceptedLoss: &Loss{First: 7, Last: 9, Head: 6}})
		b.want(first, task.Success)
		left = 3
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		if err := memory.Scan(t.Context(), 0, func(e *eventlog.Event) error { counts[e.Type]++; return nil }); err != nil {
			t.Fatal(err)
		}
		if counts["server.started"] != 1 || counts["server.loss_accepted"] != 1 || counts["server.stopped"] != 1 || counts["task.submitted"] != 7 {
			t.Errorf("events: %v", counts)
		}
		b.wantSound()
	})
}

func TestAnAppendPastAConflictStopsTheScheduler(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := &brokenGuard{Memory: memory}
		b := open(t, log, Options{})
		log.broken.Store(true)
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T"}, {Type: "T"}}); err == nil {
			t.Error("acknowledged by a log that breaks its promise")
		}
		if err := <-b.done; err == nil {
			t.Error("the scheduler goes on")
		}
	})
}

// brokenGuard appends entries and says that the first one is guarded in vain.
type brokenGuard struct {
	*eventlogtest.Memory
	broken atomic.Bool
}

func (g *brokenGuard) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	results := g.Memory.Append(ctx, entries)
	if g.broken.Load() {
		results[0] = eventlog.Result{Err: eventlog.ErrConflict}
	}
	return results
}
