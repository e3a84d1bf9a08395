package scheduler

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

var (
	filterAll      = eventlog.Filter{}
	filterProgress = eventlog.Filter{Types: []string{"task.progressed"}}
)

// crash leaves the scheduler as a killed process would: nothing more reaches the log.
func (b *bench) crash() *eventlogtest.Memory {
	b.t.Helper()
	copied := b.log.(*eventlogtest.Memory).Clone()
	b.t.Cleanup(func() { b.stop() })
	return copied
}

func TestWhatRanWhenTheProcessDiedCountsAndRunsAgainAtOnce(t *testing.T) {
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
		again.wantHistory(running, "submitted started lease_expired started succeeded")
		if got := again.want(running, task.Success); got.Attempt != 2 {
			t.Errorf("attempt is %d, want 2: the one that died counts", got.Attempt)
		}
		again.want(last, task.Failed)
		again.wantHistory(last, "submitted started lease_expired failed")
		if got := again.errorText(last); got != `{"error":"its worker died while it ran"}` {
			t.Errorf("error is %s", got)
		}
		again.want(waiting, task.Pending)
		time.Sleep(time.Hour)
		again.want(waiting, task.Success)
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
		failing.FailNext(eventlog.ErrUnknown, true)
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
		failing := eventlogtest.NewFailing(log)
		b := open(t, failing, Options{Concurrency: 1})
		defer b.stop()
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{Result: []byte("1")}, nil }
		id := b.submit(task.Submit{Type: "GATE"}).ID
		b.want(id, task.Running)

		failing.SetFull(true)
		if _, err := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}}); !errors.Is(err, eventlog.ErrFull) {
			t.Fatalf("submit: %v", err)
		}
		if !b.s.State().Full {
			t.Error("the state does not say that the log is full")
		}
		close(gate)
		b.want(id, task.Running)
		time.Sleep(10 * time.Second)
		b.want(id, task.Running)

		failing.SetFull(false)
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
