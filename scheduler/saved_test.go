package scheduler

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

func TestWhatAnAttemptSavesIsReadByTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		var seen atomic.Value
		b.does["SAVES"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			values, err := a.Saved(ctx)
			if err != nil {
				return Outcome{}, err
			}
			var texts []string
			for _, v := range values {
				texts = append(texts, string(v))
			}
			seen.Store(strings.Join(texts, " "))
			if err := a.Save(ctx, 10, "half", []byte(`{ "n": 1 }`)); err != nil {
				return Outcome{}, err
			}
			a.Report(20, "more")
			if err := a.Save(ctx, 5, "", []byte(`"two"`)); err != nil {
				return Outcome{}, err
			}
			return Outcome{}, errors.New("again")
		}
		id := b.submit(task.Submit{Type: "SAVES", MaxAttempts: 2, Backoff: &task.Backoff{Kind: task.Constant, NoJitter: true}}).ID
		state := b.want(id, task.Failed)
		if got := seen.Load(); got != `{"n":1} "two"` {
			t.Errorf("the second attempt reads %s", got)
		}
		if state.Progress < 1000 {
			t.Errorf("progress is %d", state.Progress)
		}
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Retry{}); err != nil {
			t.Fatal(err)
		}
		b.want(id, task.Failed)
		if got := seen.Load(); got != strings.TrimSpace(strings.Repeat(`{"n":1} "two" `, 3)) {
			t.Errorf("after a retry by a person: %s", got)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestASaveOfAnAttemptThatIsBeingCancelledIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["SAVES"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			<-ctx.Done()
			return Outcome{}, a.Save(context.WithoutCancel(ctx), 10, "sent", []byte(`1`))
		}
		id := b.submit(task.Submit{Type: "SAVES"}).ID
		b.want(id, task.Running)
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		b.want(id, task.Cancelled)
		b.wantHistory(id, "submitted started cancel_requested progressed cancelled")
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAValueThatCannotBeSavedIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["SAVES"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			for _, value := range []string{"", "{", `"` + strings.Repeat("x", task.MaxSaved) + `"`} {
				if a.Save(ctx, 0, "", []byte(value)) == nil {
					t.Errorf("%.10q is saved", value)
				}
			}
			return Outcome{}, nil
		}
		id := b.submit(task.Submit{Type: "SAVES"}).ID
		b.want(id, task.Success)
		b.wantHistory(id, "submitted started succeeded")
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
