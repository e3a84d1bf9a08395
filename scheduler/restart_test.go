package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

var (
	filterAll      = eventlog.Filter{}
	filterProgress = eventlog.Filter{Types: []string{"task.progressed"}}
)

// crash leaves the scheduler as a killed process would: nothing more reaches the log.
func (b *bench) crash() *eventlogtest.Memory {
	b.t.Helper()
	synctest.Wait()
	b.t.Cleanup(func() { b.stop() })
	copied := eventlogtest.NewMemory()
	for copied.Head().Seq < b.log.Head().Seq {
		page, err := b.log.Read(b.t.Context(), copied.Head().Seq, eventlog.Filter{}, 10_000)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range page.Events {
			again := &eventlog.Event{At: e.At, Stream: e.Stream, Version: e.Version, Type: e.Type, V: e.V, Actor: e.Actor, Data: e.Data}
			if e.HasPayload {
				if again.Payload, err = b.log.Payload(b.t.Context(), e.Seq); err != nil {
					b.t.Fatal(err)
				}
			}
			if r := copied.Append(b.t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{again}}}); r[0].Err != nil {
				b.t.Fatal(r[0].Err)
			}
		}
	}
	return copied
}

// fullLog has no room while full is set; what may use the reserve finds some while
// reserve is set.
type fullLog struct {
	eventlog.Log
	full, reserve atomic.Bool
}

// HasRoom is what an engine knows of its disk.
func (f *fullLog) HasRoom() bool { return !f.full.Load() }

func (f *fullLog) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	if !f.full.Load() {
		return f.Log.Append(ctx, entries)
	}
	results := make([]eventlog.Result, len(entries))
	var some []eventlog.Entry
	var places []int
	for i, e := range entries {
		if !e.Reserve || !f.reserve.Load() {
			results[i].Err = eventlog.ErrFull
			continue
		}
		e.Needs = nil // they have other places
		some, places = append(some, e), append(places, i)
	}
	if len(some) == 0 {
		return results
	}
	for k, r := range f.Log.Append(ctx, some) {
		results[places[k]] = r
	}
	return results
}

func TestWhatRanTogetherWhenTheProcessDiedRunsAgainAtOnceAtNoCost(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["T"] = until
		running := b.submit(task.Submit{Type: "T"}).ID
		last := b.submit(task.Submit{Type: "T", MaxAttempts: 1}).ID
		waiting := b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Hour))}).ID
		b.want(running, task.Running)
		b.want(last, task.Running)

		again := open(t, b.crash(), Options{})
		defer again.stop()
		for _, id := range []ulid.ULID{running, last} {
			again.wantHistory(id, "submitted started lease_expired started succeeded")
			if got := again.want(id, task.Success); got.Attempt != 1 {
				t.Errorf("attempt is %d, want 1: nobody knows which of the two killed the process", got.Attempt)
			}
		}
		again.want(waiting, task.Pending)
		time.Sleep(time.Hour)
		again.want(waiting, task.Success)
	})
}

func TestABacklogRunsAfterARestartEachTaskWithItsOwnParameters(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		due := task.MicrosOf(time.Now().Add(time.Hour))
		var tasks []task.Task
		for i := range 50 {
			tasks = append(tasks, b.submit(task.Submit{Type: "T", RunAt: due, MaxAttempts: 1, Parameters: fmt.Appendf(nil, `{"n":%d}`, i)}))
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		erased := b.get(tasks[7].ID)
		if err := log.ErasePayloads(t.Context(), erased.SubmitSeq); err != nil {
			t.Fatal(err)
		}

		again := open(t, log, Options{Concurrency: 20})
		defer again.stop()
		again.mu.Lock()
		again.does["T"] = func(_ context.Context, a Attempt) (Outcome, error) { return Outcome{Result: a.Parameters}, nil }
		again.mu.Unlock()
		time.Sleep(time.Hour)
		for i := range tasks {
			if i == 7 {
				again.want(tasks[i].ID, task.Failed)
				if text := again.errorText(tasks[i].ID); !strings.Contains(text, "read the parameters") {
					t.Error(text)
				}
				continue
			}
			result, err := log.Payload(t.Context(), again.want(tasks[i].ID, task.Success).ResultSeq)
			if want := fmt.Sprintf(`{"n":%d}`, i); err != nil || string(result) != want {
				t.Errorf("task %d ran with %s, want %s: %v", i, result, want, err)
			}
		}
	})
}

func TestACancelThatWasAskedForBeforeTheCrashIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["DEAF"] = func(context.Context, Attempt) (Outcome, error) { time.Sleep(time.Minute); return Outcome{}, nil }
		id := b.submit(task.Submit{Type: "DEAF"}).ID
		b.want(id, task.Running)
		if _, err := b.s.Do(t.Context(), "a", id, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		again := open(t, b.crash(), Options{})
		defer again.stop()
		again.want(id, task.Cancelled)
		again.wantHistory(id, "submitted started cancel_requested lease_expired cancelled")
		time.Sleep(time.Minute) // the deaf handler of the old process ends
	})
}

func TestAStopGivesHandlersTheGraceAndReleasesWhatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Grace: 10 * time.Second, Concurrency: 2})
		b.does["QUICK"] = func(context.Context, Attempt) (Outcome, error) { time.Sleep(5 * time.Second); return Outcome{}, nil }
		b.does["LONG"] = until
		quick, long := b.submit(task.Submit{Type: "QUICK"}).ID, b.submit(task.Submit{Type: "LONG"}).ID
		never := b.submit(task.Submit{Type: "T"}).ID
		b.want(long, task.Running)
		start := time.Now()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("it stopped after %v, want the grace", took)
		}
		b.wantHistory(quick, "submitted started succeeded")
		b.wantHistory(long, "submitted started released")
		b.wantHistory(never, "submitted")
		if got := b.want(long, task.Pending); got.Attempt != 0 {
			t.Errorf("attempt is %d, want 0: a release costs nothing", got.Attempt)
		}
		if _, err := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}}); !errors.Is(err, ErrStopped) {
			t.Errorf("after the stop: %v", err)
		}
	})
}

func TestAHandlerThatIgnoresTheStopIsReleasedToo(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Grace: time.Second})
		free := make(chan struct{})
		b.does["DEAF"] = func(context.Context, Attempt) (Outcome, error) { <-free; return Outcome{}, nil }
		id := b.submit(task.Submit{Type: "DEAF"}).ID
		b.want(id, task.Running)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b.wantHistory(id, "submitted started released")
		close(free)
	})
}

func TestAnUnknownOutcomeStopsTheSchedulerAndTellsEverybody(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		failing := eventlogtest.NewFailing(log)
		b := open(t, failing, Options{})
		failing.FailAppend(1, eventlogtest.AfterWriting, eventlog.ErrUnknown)
		_, err := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}})
		if !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("submit: %v", err)
		}
		if err := <-b.done; !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("run: %v", err)
		}
		if _, err = b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}}); !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("after it: %v", err)
		}
		if !b.s.State().Failed {
			t.Error("the state does not say so")
		}
		synctest.Wait()
	})
}

func TestAFullLogRefusesNewWorkKeepsResultsAndHeals(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		full := &fullLog{Log: log}
		b := open(t, full, Options{Concurrency: 1})
		defer b.stop()
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{Result: []byte("1")}, nil }
		id := b.submit(task.Submit{Type: "GATE"}).ID
		b.want(id, task.Running)

		full.full.Store(true)
		if _, err := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}}); !errors.Is(err, eventlog.ErrFull) {
			t.Fatalf("submit: %v", err)
		}
		if !b.s.State().Full {
			t.Error("the state does not say that the log is full")
		}
		close(gate)
		b.want(id, task.Running)
		for range 40 {
			time.Sleep(250 * time.Millisecond)
			if b.want(id, task.Running); !b.s.State().Full {
				t.Fatal("the state says that there is room, and there is none")
			}
		}

		full.full.Store(false)
		time.Sleep(2 * time.Second)
		b.want(id, task.Success)
		b.wantHistory(id, "submitted started succeeded")
		next := b.submit(task.Submit{Type: "T"}).ID
		b.want(next, task.Success)
		if b.s.State().Full {
			t.Error("the state still says that the log is full")
		}
	})
}

func TestAFullLogStillTakesTheEndsOfWork(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		full := &fullLog{Log: log}
		b := open(t, full, Options{Concurrency: 2})
		defer b.stop()
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		running, waiting := b.submit(task.Submit{Type: "GATE"}).ID, b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Hour))}).ID
		full.full.Store(true)
		full.reserve.Store(true)
		if _, err := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}}); !errors.Is(err, eventlog.ErrFull) {
			t.Fatalf("submit: %v", err)
		}
		close(gate)
		b.want(running, task.Success)
		if got, err := b.s.Do(t.Context(), "a", waiting, task.Cancel{}); err != nil || got.Status != task.Cancelled {
			t.Errorf("cancel: %s, %v", got.Status, err)
		}
	})
}

func TestWhatRanBeforeAStartOnAFullDiskIsReadyOnceThereIsRoom(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["T"] = until
		id := b.submit(task.Submit{Type: "T"}).ID
		b.want(id, task.Running)

		full := &fullLog{Log: b.crash()}
		full.full.Store(true)
		again := open(t, full, Options{})
		defer again.stop()
		again.want(id, task.Running)
		full.full.Store(false)
		time.Sleep(2 * time.Second)
		again.want(id, task.Success)
		again.wantHistory(id, "submitted started lease_expired started succeeded")
	})
}

func TestALossThatCannotBeWrittenDownIsNotAccepted(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		full := &fullLog{Log: log}
		full.full.Store(true)
		b := open(t, full, Options{AcceptedLoss: &Loss{First: 3, Last: 5, Head: 2}})
		if err := <-b.done; !errors.Is(err, eventlog.ErrFull) {
			t.Errorf("run: %v", err)
		}
	})
}

func TestOneWhoWaitsForTheEndIsNotWokenByAnEndThatFoundNoRoom(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		full := &fullLog{Log: log}
		b := open(t, full, Options{})
		defer b.stop()
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		id := b.submit(task.Submit{Type: "GATE"}).ID
		b.want(id, task.Running)
		ended := make(chan task.Status, 1)
		go func() {
			got, _ := b.s.WaitEnded(t.Context(), id)
			ended <- got.Status
		}()
		synctest.Wait()
		full.full.Store(true)
		close(gate)
		time.Sleep(5 * time.Second)
		select {
		case status := <-ended:
			t.Fatalf("woken while it is %s", status)
		default:
		}
		full.full.Store(false)
		if status := <-ended; status != task.Success {
			t.Errorf("woken when it is %s", status)
		}
	})
}
