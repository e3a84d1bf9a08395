package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"daybook/client"
)

// until gets a task until it is so.
func until(t *testing.T, c *client.Client, id string, is func(*client.Task) bool) client.Task {
	t.Helper()
	for {
		got, err := c.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if is(&got) {
			return got
		}
		if got.Status == client.Failed {
			t.Fatalf("%s", got.Raw)
		}
	}
}

func waitsFor(reason string) func(*client.Task) bool {
	return func(t *client.Task) bool { return t.WaitingFor != nil && t.WaitingFor.Reason == reason }
}

func TestAnOrderGoesOnWhereItWasAfterEachWait(t *testing.T) {
	c := connect(t)
	var charged, runs atomic.Int64
	work(t, c, client.WorkerOptions{Slots: 2, Build: "v42"}, func(w *client.Worker) {
		client.Handle(w, "order", func(ctx context.Context, l client.Lease[params]) (string, error) {
			runs.Add(1)
			payment, err := client.Step(ctx, "charge", func(context.Context) (string, error) {
				return fmt.Sprint("p-", charged.Add(1)), nil
			})
			if err != nil {
				return "", err
			}
			paid, err := client.WaitEvent[struct{ Amount int }](ctx, "paid", "paid:"+l.Task.ID, time.Hour)
			if err != nil {
				return "", err
			}
			if err := client.Sleep(ctx, "nap", time.Millisecond); err != nil {
				return "", err
			}
			answer, err := client.Approval(ctx, "ask", client.Ask{Title: "Refund?", Fields: json.RawMessage(`{"type":"object","required":["amount"]}`)})
			if err != nil {
				return "", fmt.Errorf("it waits: %w", err)
			}
			event, _, err := client.WaitAny(ctx, "never", time.Millisecond, "never:1", "never:2")
			if !errors.Is(err, client.ErrTimedOut) {
				return "", err
			}
			return fmt.Sprint(payment, " ", paid.Amount, " ", answer.Approved, " ", string(answer.Answer), " ", answer.By, event), nil
		})
	})
	id := known(t, c, client.Submit{TaskType: "order", Parameters: params{}, MaxAttempts: 1}).ID
	until(t, c, id, waitsFor("signal"))
	if sent, err := c.SendEvent(t.Context(), "paid:"+id, map[string]int{"amount": 99}, 0); err != nil || !sent.First {
		t.Fatal(err)
	}
	if again, err := c.SendEvent(t.Context(), "paid:"+id, nil, 0); err != nil || again.First || string(again.Payload) != `{"amount":99}` {
		t.Errorf("again: %v, %s", err, again.Raw)
	}
	until(t, c, id, waitsFor("approval"))
	list, err := c.Approvals(t.Context())
	if err != nil || len(list) != 1 || list[0].TaskID != id || list[0].Step != "ask" || list[0].Title != "Refund?" {
		t.Fatalf("approvals: %v, %+v", err, list)
	}
	if _, err := c.Approve(t.Context(), id, "ask", true, map[string]string{}, ""); client.StatusOf(err) != 400 {
		t.Errorf("an answer that does not fit: %v", err)
	}
	if _, err := c.Approve(t.Context(), id, "ask", true, map[string]int{"amount": 5}, "ok"); err != nil {
		t.Fatal(err)
	}
	done, err := c.Wait(t.Context(), id)
	if err != nil || string(done.ResultData) != `"p-1 99 true {\"amount\":5} anonymous"` || done.Attempt != 1 || done.Steps != 5 {
		t.Errorf("%v: %s", err, done.Raw)
	}
	steps, err := c.Steps(t.Context(), id)
	if err != nil || len(steps) != 5 || steps[0].Name != "charge" || steps[0].Build != "v42" || steps[4].Outcome != "timeout" {
		t.Errorf("%v: %+v", err, steps)
	}
	if charged.Load() != 1 || runs.Load() < 4 {
		t.Errorf("charged %d times in %d runs", charged.Load(), runs.Load())
	}
}

func TestAStepThatFailsIsDoneAgainAndOneThatIsDoneIsNot(t *testing.T) {
	c := connect(t)
	var first, second atomic.Int64
	work(t, c, client.WorkerOptions{Slots: 1}, func(w *client.Worker) {
		client.Handle(w, "two", func(ctx context.Context, _ client.Lease[params]) (any, error) {
			if _, err := client.Step(ctx, "first", func(context.Context) (int64, error) { return first.Add(1), nil }); err != nil {
				return nil, err
			}
			if _, err := client.Step(ctx, "first", func(context.Context) (int64, error) { return first.Add(1), nil }); err == nil {
				return nil, client.Permanent(errors.New("a name is used twice"))
			}
			return client.Step(ctx, "second", func(context.Context) (int64, error) {
				if n := second.Add(1); n < 3 {
					return 0, client.RetryAfter(errors.New("not yet"), time.Millisecond)
				}
				return 7, nil
			})
		})
	})
	id := known(t, c, client.Submit{TaskType: "two", Parameters: params{}, MaxAttempts: 5}).ID
	done, err := c.Wait(t.Context(), id)
	if err != nil || string(done.ResultData) != "7" || first.Load() != 1 || second.Load() != 3 || done.Attempt != 3 {
		t.Errorf("%v: first %d, second %d: %s", err, first.Load(), second.Load(), done.Raw)
	}
}
