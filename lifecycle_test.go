package daybook_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"daybook"
	"daybook/handler"
	"daybook/projection"
	"daybook/task"
)

func opened(t *testing.T) *daybook.Daybook {
	t.Helper()
	d, err := daybook.Open(t.Context(), daybook.Options{Data: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestRunCanBeCalledOnce(t *testing.T) {
	d := opened(t)
	ctx, stop := context.WithCancel(t.Context())
	results := make(chan error, 3)
	for range 3 {
		go func() { results <- d.Run(ctx) }()
	}
	for range 2 {
		if err := <-results; !errors.Is(err, daybook.ErrRanBefore) {
			t.Errorf("a second Run: %v", err)
		}
	}
	if got, _, _ := ended(t, d, task.Submit{Type: "SLEEP"}); got.Status != task.Success {
		t.Errorf("beside them a task is %s", got.Status)
	}
	stop()
	if err := <-results; err != nil {
		t.Errorf("the first Run: %v", err)
	}
	if err := d.Run(t.Context()); !errors.Is(err, daybook.ErrRanBefore) {
		t.Errorf("Run after Run: %v", err)
	}
}

func TestCloseMayBeCalledAgainByAnybodyAtAnyTime(t *testing.T) {
	d := opened(t)
	over := make(chan error, 1)
	go func() { over <- d.Run(context.Background()) }()
	done, err := d.Submit(t.Context(), task.Submit{Type: "SLEEP"})
	if err != nil {
		t.Fatal(err)
	}
	id := done[0].Task.ID
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() {
			if err := d.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	closers.Wait()
	if err := <-over; err != nil {
		t.Errorf("run: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("close once more: %v", err)
	}
	_, submit := d.Submit(t.Context(), task.Submit{Type: "SLEEP"})
	_, cancel := d.Cancel(t.Context(), id, "")
	_, _, wait := d.Wait(t.Context(), id)
	for what, err := range map[string]error{"submit": submit, "cancel": cancel, "wait": wait} {
		if !errors.Is(err, daybook.ErrClosed) {
			t.Errorf("%s on a closed queue: %v", what, err)
		}
	}
	get(t, d, "/api/tasks/"+id.String()) // an answer, whatever it is
	get(t, d, "/api/tasks/")
}

func TestAClosedQueueDoesNotRun(t *testing.T) {
	d := opened(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Run(t.Context()); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("run: %v", err)
	}
}

func TestBeforeRunACommandSaysWhatIsMissing(t *testing.T) {
	d := opened(t)
	_, submit := d.Submit(t.Context(), task.Submit{Type: "SLEEP"})
	if !errors.Is(submit, daybook.ErrNotRunning) {
		t.Errorf("submit: %v", submit)
	}
}

// TestAProgramChangesTasks holds each method against the state that it leads to.
func TestAProgramChangesTasks(t *testing.T) {
	d, _ := running(t, daybook.Options{})
	ctx := t.Context()
	done, err := d.Submit(ctx, task.Submit{Type: "SLEEP", RunAt: task.MicrosOf(time.Now().Add(time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	id := done[0].Task.ID
	due := time.Now().Add(2 * time.Hour).Truncate(time.Microsecond)
	if got, err := d.Reschedule(ctx, id, due); err != nil || got.DueAt != task.MicrosOf(due) {
		t.Errorf("reschedule: due %v, %v", got.DueAt.Time(), err)
	}
	if got, err := d.Reprioritise(ctx, id, 7); err != nil || got.Priority != 7 {
		t.Errorf("reprioritise: %d, %v", got.Priority, err)
	}
	if _, err := d.Reprioritise(ctx, id, 101); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("reprioritise to 101: %v", err)
	}
	if got, err := d.Cancel(ctx, id, "changed my mind"); err != nil || got.Status != task.Cancelled {
		t.Errorf("cancel: %s, %v", got.Status, err)
	}
	if _, err := d.Cancel(ctx, id, ""); !errors.Is(err, task.ErrEnded) {
		t.Errorf("cancel again: %v", err)
	}
	if _, err := d.Retry(ctx, id, "and again"); err != nil {
		t.Errorf("retry: %v", err)
	}
	if _, err := d.Cancel(ctx, [16]byte{1}, ""); !errors.Is(err, projection.ErrNotFound) {
		t.Errorf("cancel of nothing: %v", err)
	}
}

func TestACallSaysWhichAttemptOfWhatItIs(t *testing.T) {
	type said struct {
		Type               string
		Attempt, Max       int
		Last               bool
		Tags               []string
		Key, FromMiddleman string
	}
	type key struct{}
	var calls []said
	again := handle{"AGAIN", func(ctx context.Context, c handler.Call) (any, error) {
		calls = append(calls, said{c.TaskType, c.Attempt, c.MaxAttempts, c.LastAttempt, c.Tags, c.IdempotencyKey, ctx.Value(key{}).(string)})
		return nil, errors.New("no luck")
	}}
	d := opened(t)
	var order []string
	around := func(name string) handler.Middleware {
		return func(next handler.RunFunc) handler.RunFunc {
			return func(ctx context.Context, call handler.Call) (any, error) {
				order = append(order, name+" "+call.TaskType)
				outer, _ := ctx.Value(key{}).(string)
				result, err := next(context.WithValue(ctx, key{}, outer+name), call)
				order = append(order, "/"+name)
				return result, err
			}
		}
	}
	d.Use(around("a"))
	if err := d.Register(again); err != nil {
		t.Fatal(err)
	}
	d.Use(around("b"))
	go func() {
		if err := d.Run(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	submit := task.Submit{Type: "AGAIN", MaxAttempts: 2, Tags: []string{"x", "y"}, IdempotencyKey: "k",
		Backoff: &task.Backoff{Kind: task.Constant, NoJitter: true}}
	got, _, failure := ended(t, d, submit)
	if got.Status != task.Failed || failure != "no luck" {
		t.Errorf("%s, %s", got.Status, failure)
	}
	tags := []string{"x", "y"}
	want := []said{{"AGAIN", 1, 2, false, tags, "k", "ab"}, {"AGAIN", 2, 2, true, tags, "k", "ab"}}
	if !reflect.DeepEqual(calls, want) {
		t.Errorf("calls are %+v\nwant %+v", calls, want)
	}
	if !slices.Equal(order, []string{"a AGAIN", "b AGAIN", "/b", "/a", "a AGAIN", "b AGAIN", "/b", "/a"}) {
		t.Errorf("middleware ran as %q", order)
	}
}

func TestAMiddlewareThatPanicsFailsTheAttempt(t *testing.T) {
	d := opened(t)
	d.Use(func(handler.RunFunc) handler.RunFunc {
		return func(context.Context, handler.Call) (any, error) { panic(json.Number("7")) }
	})
	go func() { _ = d.Run(context.WithoutCancel(t.Context())) }()
	got, _, failure := ended(t, d, task.Submit{Type: "SLEEP", MaxAttempts: 1})
	if got.Code != task.CodePanic || failure != "the handler panicked: 7" {
		t.Errorf("%s, %q", got.Code, failure)
	}
}
