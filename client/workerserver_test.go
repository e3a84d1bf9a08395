package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"daybook/client"
)

// work runs a worker of a real server until the test ends.
func work(t *testing.T, c *client.Client, o client.WorkerOptions, handlers func(w *client.Worker)) {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	w := client.NewWorker(c, o)
	handlers(w)
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// known submits a task again and again until its type is known: the worker has asked for it.
func known(t *testing.T, c *client.Client, s client.Submit) client.Submitted {
	t.Helper()
	for {
		done, err := c.Submit(t.Context(), s)
		if err == nil {
			return done
		}
		if client.StatusOf(err) != http.StatusBadRequest {
			t.Fatal(err)
		}
	}
}

func TestAWorkerRunsTasksOfARealServer(t *testing.T) {
	c := connect(t)
	work(t, c, client.WorkerOptions{Slots: 16}, func(w *client.Worker) {
		double(w)
		client.Handle(w, "wrong", func(context.Context, client.Lease[params]) (any, error) {
			return nil, client.Permanent(errors.New("never"))
		})
		client.Handle(w, "break", func(context.Context, client.Lease[params]) (any, error) { panic("no hands") })
	})
	known(t, c, client.Submit{TaskType: "double", Parameters: params{}})
	batch := make([]client.Submit, 300)
	for i := range batch {
		batch[i] = client.Submit{TaskType: "double", Parameters: params{i}}
	}
	tasks, err := c.SubmitBatch(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, task := range tasks {
		done, err := c.Wait(t.Context(), task.ID)
		if err != nil || done.Status != client.Success || string(done.ResultData) != fmt.Sprint(2*i) || done.Attempt != 1 {
			t.Fatalf("%v: %s", err, done.Raw)
		}
	}
	for taskType, why := range map[string]string{"wrong": "never", "break": "panic: no hands"} {
		failed, err := c.SubmitAndWait(t.Context(), client.Submit{TaskType: taskType, MaxAttempts: 1})
		if err != nil || failed.Status != client.Failed || !strings.Contains(*failed.ErrorMessage, why) {
			t.Errorf("%s: %v, %s", taskType, err, failed.Raw)
		}
	}
}

func TestCancelOnARealServerEndsTheHandlerAndTheTask(t *testing.T) {
	c := connect(t)
	causes := make(chan error, 1)
	work(t, c, client.WorkerOptions{Slots: 1, Lease: 3 * time.Second}, func(w *client.Worker) {
		client.Handle(w, "long", func(ctx context.Context, l client.Lease[params]) (any, error) {
			l.Progress(40, "under way")
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil, ctx.Err()
		})
	})
	task := known(t, c, client.Submit{TaskType: "long"})
	for now, err := range c.Watch(t.Context(), task.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if now.Status == client.Running && now.Progress == 40 {
			if _, err := c.Cancel(t.Context(), task.ID); err != nil {
				t.Fatal(err)
			}
		}
		if now.Status.Ended() && now.Status != client.Cancelled {
			t.Errorf("%s", now.Raw)
		}
	}
	if err := <-causes; !errors.Is(err, client.ErrCancelled) {
		t.Errorf("the cause is %v", err)
	}
}

func TestAWorkerDeclaresItsTypes(t *testing.T) {
	c := connect(t)
	declared := client.TypeDeclaration{
		Title:            "Halve",
		ParametersSchema: json.RawMessage(`{"type":"object","required":["N"],"properties":{"N":{"type":"integer","minimum":2}}}`),
		ResultSchema:     json.RawMessage(`{"type":"integer"}`),
		Defaults:         &client.TypeDefaults{MaxAttempts: 1, Priority: 7},
	}
	work(t, c, client.WorkerOptions{Slots: 1}, func(w *client.Worker) {
		client.Handle(w, "halve", func(_ context.Context, l client.Lease[params]) (float64, error) {
			return float64(l.Parameters.N) / 2, nil
		})
		w.Declare("halve", declared)
	})
	done := known(t, c, client.Submit{TaskType: "halve", Parameters: params{8}})
	if done.Priority != 7 || done.MaxAttempts != 1 {
		t.Errorf("%s", done.Raw)
	}
	if ended, err := c.Wait(t.Context(), done.ID); err != nil || string(ended.ResultData) != "4" {
		t.Errorf("%v: %s", err, ended.Raw)
	}
	if _, err := c.Submit(t.Context(), client.Submit{TaskType: "halve", Parameters: params{1}}); client.StatusOf(err) != http.StatusBadRequest {
		t.Errorf("parameters that the schema refuses: %v", err)
	}
	odd, err := c.SubmitAndWait(t.Context(), client.Submit{TaskType: "halve", Parameters: params{9}})
	if err != nil || odd.Status != client.Failed || !strings.Contains(*odd.ErrorMessage, "must be an integer") {
		t.Errorf("a result that the schema refuses: %v: %s", err, odd.Raw)
	}
	if again, err := c.DeclareTaskType(t.Context(), "halve", declared); err != nil || again.Title != "Halve" || again.DeclaredBy == nil {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := c.DeclareTaskType(t.Context(), "SLEEP", declared); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("a built-in type: %v", err)
	}
}
