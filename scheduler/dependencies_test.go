package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// after is a submit of a type that depends on tasks.
func after(taskType string, when task.When, on ...task.Task) task.Submit {
	c := task.Submit{Type: taskType, MaxAttempts: 1}
	for _, t := range on {
		c.DependsOn = append(c.DependsOn, task.Dependency{Task: t.ID, When: when})
	}
	return c
}

// permanently fails for good.
func permanently(context.Context, Attempt) (Outcome, error) {
	return Outcome{}, badOutcome{errors.New("no")}
}

func TestATaskStartsWhenWhatItDependsOnHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		release := make(chan struct{})
		b.does["FIRST"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			<-release
			return Outcome{}, nil
		}
		first := b.submit(task.Submit{Type: "FIRST"})
		second := b.submit(after("SECOND", task.WhenSucceeded, first))
		never := b.submit(after("NEVER", task.WhenFailed, first))
		third := b.submit(after("THIRD", task.WhenSucceeded, second, first))
		late := b.get(third.ID)
		if w := b.s.WaitingFor(&late); w == nil || w.Reason != "dependencies" || w.Open != 2 || fmt.Sprint(w.WaitingOn) != fmt.Sprint([]ulid.ULID{second.ID, first.ID}) {
			t.Errorf("the third waits for %+v", w)
		}
		close(release)
		b.want(third.ID, task.Success)
		if got := b.ran(); got != "FIRST#1 SECOND#1 THIRD#1" {
			t.Errorf("ran %s", got)
		}
		if got := b.want(never.ID, task.Cancelled); got.Because() != first.ID {
			t.Errorf("cancelled because of %s", got.Because())
		}
		if again := b.submit(after("FOURTH", task.WhenSucceeded, third)); b.want(again.ID, task.Success).Attempt != 1 {
			t.Error("a dependency that has ended before does not act at once")
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTasksThatCanNeverStartAreCancelledAllTheWayDown(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["BAD"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			time.Sleep(time.Second)
			return permanently(ctx, a)
		}
		bad := b.submit(task.Submit{Type: "BAD", MaxAttempts: 1})
		last, chain := bad, []task.Task{}
		for range 2*mostStranded + 10 {
			last = b.submit(after("NEXT", task.WhenSucceeded, last))
			chain = append(chain, last)
		}
		anyway := b.submit(task.Submit{Type: "ANYWAY", DependsOn: []task.Dependency{{Task: last.ID}}, RunAnyway: true})
		time.Sleep(2 * time.Second)
		b.want(bad.ID, task.Failed)
		before := bad
		for _, one := range chain {
			if got := b.want(one.ID, task.Cancelled); got.Because() != before.ID {
				t.Fatalf("%s was cancelled because of %s, not of %s", one.ID, got.Because(), before.ID)
			}
			before = one
		}
		b.want(anyway.ID, task.Success)
		if got := b.ran(); got != "BAD#1 ANYWAY#1" {
			t.Errorf("ran %s", got)
		}
		if _, err := b.s.Do(t.Context(), "anonymous", chain[0].ID, task.Retry{}); !errors.Is(err, task.ErrDependency) {
			t.Errorf("a retry that is cancelled again is answered with %v", err)
		}
		b.does["BAD"] = nil
		if _, err := b.s.Do(t.Context(), "anonymous", bad.ID, task.Retry{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.s.Do(t.Context(), "anonymous", chain[0].ID, task.Retry{}); err != nil {
			t.Fatal(err)
		}
		b.want(chain[0].ID, task.Success)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// The retry of a dependency and the start of what depends on it meet: the second is decided while the first is appended.
func TestATaskDoesNotStartWhileWhatItDependsOnIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := newHeld(memory)
		b := open(t, log, Options{Concurrency: 1})
		release := make(chan struct{})
		b.does["BAD"] = permanently
		b.does["BUSY"] = func(context.Context, Attempt) (Outcome, error) {
			<-release
			return Outcome{}, nil
		}
		bad := b.submit(task.Submit{Type: "BAD", MaxAttempts: 1})
		b.want(bad.ID, task.Failed)
		b.submit(task.Submit{Type: "BUSY"})
		onFailure := b.submit(after("CLEAN", task.WhenFailed, bad))
		synctest.Wait()
		log.holding.Store(true)
		retried := make(chan error, 1)
		go func() { _, err := b.s.Do(t.Context(), "anonymous", bad.ID, task.Retry{}); retried <- err }()
		synctest.Wait()
		close(release)
		synctest.Wait()
		log.holding.Store(false)
		log.gate <- nil
		if err := <-retried; err != nil {
			t.Fatal(err)
		}
		b.want(onFailure.ID, task.Success)
		if got := b.ran(); got != "BAD#1 BUSY#1 BAD#2 CLEAN#1" {
			t.Errorf("ran %s", got)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestASubmitThatDependsOnNothingKnownIsRefusedWhole(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		known := b.submit(task.Submit{Type: "T"})
		b.want(known.ID, task.Success)
		head := log.Head().Seq
		_, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T"}, {Type: "T", DependsOn: []task.Dependency{{Task: known.ID}, {Task: ulid.ULID{1}}}}})
		var batch *BatchError
		var refusal *task.Refusal
		if !errors.As(err, &batch) || batch.Index != 1 || !errors.As(err, &refusal) || len(refusal.Fields) != 1 || refusal.Fields[0].Pointer != "/depends_on/1" {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if now := log.Head().Seq; now != head {
			t.Errorf("the log has grown from %d to %d", head, now)
		}
	})
}

func TestAnAttemptGetsTheResultsOfItsDependencies(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		results := map[string]string{"SMALL": `{"list":[{"id":"f1"}]}`, "LARGE": `"` + strings.Repeat("x", maxDependencyResult) + `"`}
		for name, result := range results {
			b.does[name] = func(context.Context, Attempt) (Outcome, error) { return Outcome{Result: []byte(result)}, nil }
		}
		var got Attempt
		b.does["TAKE"] = func(_ context.Context, a Attempt) (Outcome, error) {
			got = a
			return Outcome{}, nil
		}
		small, large := b.submit(task.Submit{Type: "SMALL"}), b.submit(task.Submit{Type: "LARGE"})
		take := func(parameters string) task.Task {
			c := after("TAKE", task.WhenSucceeded, small, large)
			c.DependsOn[0].Name, c.Parameters, c.MaxAttempts = "small", []byte(parameters), 3
			return b.submit(c)
		}
		b.want(take(`{"id":{"$from":"small","path":"/list/0/id"},"n":{"$from":"`+large.Name()+`"}}`).ID, task.Success)
		if want := `{"id":"f1","n":` + results["LARGE"] + `}`; string(got.Parameters) != want {
			t.Errorf("parameters %.200s", got.Parameters)
		}
		if d := got.Dependencies["small"]; d.ID != small.ID || d.Status != task.Success || string(d.Result) != results["SMALL"] || d.Truncated {
			t.Errorf("small: %+v", d)
		}
		if d := got.Dependencies[large.Name()]; d.Result != nil || !d.Truncated {
			t.Errorf("large: %d bytes", len(d.Result))
		}
		for parameters, reason := range map[string]string{
			`{"id":{"$from":"small","path":"/list/1/id"}}`: `/id refers to "/list/1/id" in the result of small`,
			`{"x":"not allowed","y":{"$from":"small"}}`:    "do not fit the type: /parameters/in must be allowed",
		} {
			failed := b.want(take(parameters).ID, task.Failed)
			text, err := log.Payload(t.Context(), failed.ErrorSeq)
			if failed.Attempt != 1 || failed.Code != task.CodePermanent || !strings.Contains(strings.ReplaceAll(string(text), `\"`, `"`), reason) {
				t.Errorf("%s: attempt %d, %s: %s %v", parameters, failed.Attempt, failed.Code, text, err)
			}
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
