package scheduler

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// progressOf is how far the task is and what it says, once all is decided.
func (b *bench) progressOf(id ulid.ULID) string {
	b.t.Helper()
	t := b.get(id)
	message, err := b.log.Payload(b.t.Context(), t.MessageSeq)
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprint(t.Progress, " ", string(message))
}

func TestTheLatestProgressOfAWorkerIsWrittenWhenItsTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		for _, p := range []task.Progress{{Percent: 10, Message: "one"}, {Percent: 90, Message: "two"}, {Percent: 80}} {
			if _, err := b.report(l.Token, p); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.progressOf(id); got != `1000 {"message":"one"}` {
			t.Error("at once:", got)
		}
		time.Sleep(progressEvery - 1)
		if got := b.progressOf(id); got != `1000 {"message":"one"}` {
			t.Error("too early:", got)
		}
		time.Sleep(time.Nanosecond)
		if got := b.progressOf(id); got != `9000 {"message":"two"}` {
			t.Error("after the interval:", got)
		}
		time.Sleep(10 * time.Second)
		b.wantHistory(id, "submitted started progressed progressed")
		if n := b.s.leases.progress.list.Len(); n != 0 {
			t.Errorf("%d reports wait", n)
		}
	})
}

func TestAWorkerThatReportsOftenWritesAtMostFourTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		for i := range 200 {
			if _, err := b.report(l.Token, task.Progress{Percent: float64(i) / 4}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		page, err := b.log.Read(t.Context(), 0, filterProgress, 100)
		if n := len(page.Events); err != nil || n < 7 || n > 9 {
			t.Errorf("%d events in 2 s, %v", n, err)
		}
		if got := b.get(id); got.Progress != 4975 {
			t.Errorf("progress is %d, want the latest", got.Progress)
		}
	})
}

func TestProgressThatWaitsEndsWithTheAttempt(t *testing.T) {
	for _, end := range []struct {
		name    string
		command task.Command
		history string
	}{
		{"a failure comes after it", task.Fail{Code: task.CodePermanent, Error: "no"}, "submitted started progressed progressed failed"},
		{"a release comes after it", task.Release{After: 60 * task.Second}, "submitted started progressed progressed released snoozed"},
		{"a success comes after it", task.Succeed{Result: []byte("1")}, "submitted started progressed progressed succeeded"},
	} {
		t.Run(end.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, eventlogtest.NewMemory(), Options{})
				defer b.stop()
				id := b.submit(remote()).ID
				l := b.lease("w")
				for _, p := range []float64{10, 90} {
					if _, err := b.report(l.Token, task.Progress{Percent: p}); err != nil {
						t.Fatal(err)
					}
				}
				if got, err := b.report(l.Token, end.command); err != nil || got.LastSeq != b.log.Head().Seq {
					t.Errorf("%v, %v", got.LastSeq, err)
				}
				time.Sleep(time.Second)
				b.wantHistory(id, end.history)
				if n := b.s.leases.progress.list.Len(); n != 0 {
					t.Errorf("%d reports wait", n)
				}
			})
		})
	}
}

func TestProgressOfACancelledTaskIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		for _, p := range []float64{10, 90} {
			_, _ = b.report(l.Token, task.Progress{Percent: p})
		}
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_, _ = b.report(l.Token, task.Release{})
		b.wantHistory(id, "submitted started progressed cancel_requested cancelled")
	})
}

func TestProgressThatFoundNoRoomIsWrittenWhenThereIsSome(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		full := &fullLog{Log: log}
		b := open(t, full, Options{})
		defer b.stop()
		b.does["T"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			a.Report(10, "one")
			time.Sleep(time.Second)
			a.Report(90, "two")
			return until(ctx, a)
		}
		local, far := b.submit(task.Submit{Type: "T"}).ID, b.submit(remote()).ID
		l := b.lease("w")
		for _, p := range []float64{10, 90} {
			_, _ = b.report(l.Token, task.Progress{Percent: p, Message: "two"})
		}
		b.get(local)
		full.full.Store(true)
		time.Sleep(5 * time.Second)
		if got := b.get(local).Progress; got != 1000 {
			t.Errorf("in process it is at %d while the log is full", got)
		}
		if got := b.get(far).Progress; got != 1000 {
			t.Errorf("at the worker it is at %d while the log is full", got)
		}
		full.full.Store(false)
		time.Sleep(5 * time.Second)
		for _, id := range []ulid.ULID{local, far} {
			if got := b.progressOf(id); got != `9000 {"message":"two"}` {
				t.Error("once there is room:", got)
			}
		}
	})
}
