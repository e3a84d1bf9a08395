package scheduler

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

func TestATaskRunsAndItsResultIsInTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		submitted := b.submit(task.Submit{Type: "T", Parameters: []byte(`{"a":1}`)})
		if submitted.Status != task.Pending || submitted.Version != 1 || submitted.LastSeq != 2 {
			t.Errorf("submit answered with %s, version %d, seq %d; want the task as of its own event", submitted.Status, submitted.Version, submitted.LastSeq)
		}
		done := b.want(submitted.ID, task.Success)
		b.wantHistory(done.ID, "submitted started succeeded")
		result, err := log.Payload(t.Context(), done.ResultSeq)
		if err != nil || string(result) != `"done"` {
			t.Errorf("result is %s, %v", result, err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAFailedAttemptIsRetriedWhenItsBackoffEndsAndNotBefore(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = failing("no luck")
		id := b.submit(task.Submit{Type: "T", MaxAttempts: 2, Backoff: &task.Backoff{
			Kind: task.Constant, Base: 5 * task.Second, Max: 5 * task.Second, NoJitter: true,
		}}).ID
		waiting := b.want(id, task.Pending)
		if w := b.s.WaitingFor(&waiting); w == nil || w.Reason != "backoff" || w.Until != waiting.DueAt || w.Attempt != 1 {
			t.Errorf("it waits for %+v, want the backoff", w)
		}
		time.Sleep(5*time.Second - time.Nanosecond)
		b.wantHistory(id, "submitted started attempt_failed")
		time.Sleep(time.Microsecond)
		b.want(id, task.Failed)
		b.wantHistory(id, "submitted started attempt_failed started failed")
		if got := b.errorText(id); got != `{"error":"no luck"}` {
			t.Errorf("error is %s", got)
		}
	})
}

func TestAPermanentErrorIsNotRetried(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = func(context.Context, Attempt) (Outcome, error) {
			return Outcome{}, permanentError{errors.New("bad input")}
		}
		id := b.submit(task.Submit{Type: "T"}).ID
		if got := b.want(id, task.Failed); got.Code != task.CodePermanent || got.Attempt != 1 {
			t.Errorf("code %s after attempt %d", got.Code, got.Attempt)
		}
	})
}

func TestAnAttemptThatRunsTooLongFailsAtItsTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = until
		id := b.submit(task.Submit{Type: "T", Timeout: 3 * task.Second, MaxAttempts: 1}).ID
		time.Sleep(3*time.Second - time.Nanosecond)
		b.want(id, task.Running)
		time.Sleep(time.Nanosecond)
		if got := b.want(id, task.Failed); got.Code != task.CodeTimeout {
			t.Errorf("code is %s", got.Code)
		}
	})
}

func TestACancelledPendingTaskNeverStarts(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		id := b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Hour))}).ID
		got, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{Reason: "changed my mind"})
		if err != nil || got.Status != task.Cancelled {
			t.Fatalf("cancel: %s, %v", got.Status, err)
		}
		time.Sleep(2 * time.Hour)
		b.wantHistory(id, "submitted cancelled")
	})
}

func TestARunningTaskIsCancelledWhenItsHandlerReturnsAndItsResultIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = func(ctx context.Context, _ Attempt) (Outcome, error) {
			<-ctx.Done()
			return Outcome{Result: []byte(`"too late"`)}, nil
		}
		id := b.submit(task.Submit{Type: "T"}).ID
		b.want(id, task.Running)
		got, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{})
		if err != nil || got.Status != task.Running || !got.CancelRequested {
			t.Fatalf("cancel: %+v, %v", got, err)
		}
		b.want(id, task.Cancelled)
		b.wantHistory(id, "submitted started cancel_requested cancelled")
	})
}

func TestAHandlerThatIgnoresACancelLosesItsTaskAfterASecondAndKeepsItsSlot(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Concurrency: 1})
		defer b.stop()
		free := make(chan struct{})
		b.does["DEAF"] = func(context.Context, Attempt) (Outcome, error) {
			<-free
			return Outcome{Result: []byte("1")}, nil
		}
		deaf := b.submit(task.Submit{Type: "DEAF"}).ID
		next := b.submit(task.Submit{Type: "T"}).ID
		if _, err := b.s.Do(t.Context(), "anonymous", deaf, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second - time.Nanosecond)
		b.want(deaf, task.Running)
		time.Sleep(time.Nanosecond)
		b.want(deaf, task.Cancelled)
		waiting := b.want(next, task.Pending)
		if w := b.s.WaitingFor(&waiting); w == nil || w.Reason != "capacity" || w.Running != 1 || w.Slots != 1 {
			t.Errorf("it waits for %+v, want capacity", w)
		}
		close(free)
		b.want(next, task.Success)
		b.wantHistory(deaf, "submitted started cancel_requested cancelled")
	})
}

func TestReadyTasksStartByPriorityThenDueThenSubmission(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Concurrency: 1})
		defer b.stop()
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		b.submit(task.Submit{Type: "GATE"})
		now := task.MicrosOf(time.Now())
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{
			{Type: "C", Priority: 0}, {Type: "D", Priority: 0}, {Type: "E", Priority: -1},
			{Type: "A", Priority: 5, RunAt: now + 2*task.Second}, {Type: "B", Priority: 5, RunAt: now + 3*task.Second},
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		close(gate)
		synctest.Wait()
		if got, want := b.ran(), "GATE#1 A#1 B#1 C#1 D#1 E#1"; got != want {
			t.Errorf("order is %s, want %s", got, want)
		}
	})
}

func TestTheTasksOfARoundAreMergedWithThoseThatWaitInTheReadyOrder(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Concurrency: 1})
		defer b.stop()
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		b.submit(task.Submit{Type: "GATE"})
		b.submit(task.Submit{Type: "WAITS", Priority: 1})
		synctest.Wait()
		l := &b.s.loop
		turn := l.newRound()
		l.submit(turn, &request{submits: []task.Submit{{Type: "LOW"}, {Type: "HIGH", Priority: 2}, {Type: "LOW2"}}, done: make(chan answer, 1)})
		defer turn.stored.close()
		b.s.o.Concurrency = 4 // the loop is idle
		var got []string
		for range 3 {
			next := l.nextReady(turn)
			got = append(got, next.Type)
			l.startTask(turn, next)
		}
		if diff := cmp.Diff([]string{"HIGH", "WAITS", "LOW"}, got); diff != "" {
			t.Error(diff)
		}
		close(gate)
	})
}

func TestADelayedTaskStartsAtItsTime(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		id := b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(90 * time.Second))}).ID
		waiting := b.want(id, task.Pending)
		if w := b.s.WaitingFor(&waiting); w == nil || w.Reason != "run_at" {
			t.Errorf("it waits for %+v, want run_at", w)
		}
		time.Sleep(90*time.Second - time.Microsecond)
		b.want(id, task.Pending)
		time.Sleep(time.Microsecond)
		b.want(id, task.Success)
	})
}

func TestProgressIsAtMostFourEventsASecondAndTheLastWordIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = func(_ context.Context, a Attempt) (Outcome, error) {
			for i := range 200 {
				a.Report(float64(i)/4, "step")
				time.Sleep(10 * time.Millisecond)
			}
			a.Report(49.9, "last word")
			return Outcome{}, nil
		}
		id := b.submit(task.Submit{Type: "T"}).ID
		time.Sleep(3 * time.Second)
		done := b.want(id, task.Success)
		page, err := log.Read(t.Context(), 0, filterProgress, 100)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.Events); n < 8 || n > 10 {
			t.Errorf("%d progress events in 2 s, want about 4 a second", n)
		}
		message, err := log.Payload(t.Context(), done.MessageSeq)
		if err != nil || string(message) != `{"message":"last word"}` {
			t.Errorf("last message is %s, %v", message, err)
		}
	})
}

func TestTheSameKeyGivesTheSameTask(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		c := task.Submit{Type: "T", IdempotencyKey: "k", RequestHash: [32]byte{1}}
		first, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{c, c})
		if err != nil {
			t.Fatal(err)
		}
		if first[0].Replayed || !first[1].Replayed || first[0].Task.ID != first[1].Task.ID {
			t.Errorf("twice in one batch: %+v", first)
		}
		again, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{c})
		if err != nil || !again[0].Replayed || again[0].Task.ID != first[0].Task.ID {
			t.Errorf("again: %+v, %v", again, err)
		}
		c.RequestHash = [32]byte{2}
		_, err = b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T"}, c})
		var at *BatchError
		if !errors.Is(err, task.ErrKeyReused) || !errors.As(err, &at) || at.Index != 1 {
			t.Errorf("another request with the key: %v", err)
		}
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T"}, {Type: "T", Priority: 1000}}); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("one bad submit of two: %v", err)
		}
		if counts, _ := b.s.o.Views.Counts(); len(counts) != 1 || counts[0].N != 1 {
			t.Errorf("counts are %+v: a refused batch must leave nothing", counts)
		}
	})
}

func TestCommandsOnNoTaskOrAnEndedOneAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		done := b.submit(task.Submit{Type: "T"})
		b.want(done.ID, task.Success)
		_, unknown := b.s.Do(t.Context(), "a", [16]byte{1}, task.Cancel{})
		_, cancel := b.s.Do(t.Context(), "a", done.ID, task.Cancel{})
		_, retry := b.s.Do(t.Context(), "a", done.ID, task.Retry{})
		_, foreign := b.s.Do(t.Context(), "a", done.ID, task.Succeed{})
		if !errors.Is(unknown, projection.ErrNotFound) || !errors.Is(cancel, task.ErrEnded) || !errors.Is(retry, task.ErrSucceeded) || foreign == nil {
			t.Errorf("refusals: %v · %v · %v · %v", unknown, cancel, retry, foreign)
		}
	})
}

func TestWaitEndedReturnsWhenTheTaskEnds(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = func(context.Context, Attempt) (Outcome, error) { time.Sleep(7 * time.Second); return Outcome{}, nil }
		id := b.submit(task.Submit{Type: "T"}).ID
		start := time.Now()
		got, err := b.s.WaitEnded(t.Context(), id)
		if err != nil || got.Status != task.Success || time.Since(start) != 7*time.Second {
			t.Errorf("%s after %v, %v", got.Status, time.Since(start), err)
		}
		id = b.submit(task.Submit{Type: "T"}).ID
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err = b.s.WaitEnded(ctx, id); err != nil || got.Status != task.Running {
			t.Errorf("when patience ends: %s, %v", got.Status, err)
		}
		time.Sleep(10 * time.Second)
	})
}

func TestTheLogTellsTheLifeOfTheServer(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		if err := open(t, log, Options{Version: "1.2", AcceptedLoss: &Loss{First: 3, Last: 5, Head: 2}}).stop(); err != nil {
			t.Fatal(err)
		}
		page, err := log.Read(t.Context(), 0, filterAll, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range page.Events {
			got = append(got, e.Type+" "+string(e.Data))
		}
		want := []string{`server.loss_accepted {"first":3,"last":5,"head":2}`, `server.started {"version":"1.2"}`, `server.stopped {}`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A task of an earlier version has the hash of the request as it was spelled: the same
// request again must still find it.
func TestAKeyOfAnEarlierVersionIsReplayed(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		spelled, normal := [32]byte{1}, [32]byte{2}
		first := b.submit(task.Submit{Type: "A", IdempotencyKey: "k", RequestHash: spelled})
		again, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "A", IdempotencyKey: "k", RequestHash: normal, OlderHashes: [][32]byte{{9}, spelled}}})
		if err != nil || !again[0].Replayed || again[0].Task.ID != first.ID {
			t.Errorf("%+v, %v", again, err)
		}
		_, err = b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "A", IdempotencyKey: "k", RequestHash: normal}})
		if !errors.Is(err, task.ErrKeyReused) {
			t.Errorf("another request: %v", err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
