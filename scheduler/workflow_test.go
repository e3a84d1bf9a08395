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
)

// flow is a workflow of tasks, each "name" or "name: after other …" with the type NAME.
func flow(key string, lines ...string) *task.Workflow {
	w := &task.Workflow{Whole: task.Submit{Type: task.TypeWorkflow, Queue: task.QueueWorkflow, ConcurrencyKey: key, MaxAttempts: 1, Timeout: task.NoTimeout, Subject: "flow"}}
	at := map[string]int{}
	for i, line := range lines {
		name, after, _ := strings.Cut(line, ": ")
		one := task.WorkflowTask{Name: name, Submit: task.Submit{Type: strings.ToUpper(name), MaxAttempts: 1}}
		for _, on := range strings.Fields(after) {
			on, when, _ := strings.Cut(on, "!")
			parsed, _ := task.ParseWhen(when)
			one.After = append(one.After, task.After{Task: at[on], Name: on, When: parsed})
		}
		at[name] = i
		w.Tasks = append(w.Tasks, one)
	}
	return w
}

// begin submits a workflow and returns it, and its tasks by name.
func (b *bench) begin(w *task.Workflow) (task.Task, map[string]task.Task) {
	b.t.Helper()
	made, err := b.s.SubmitWorkflow(b.t.Context(), "anonymous", w)
	if err != nil {
		b.t.Fatal(err)
	}
	tasks := map[string]task.Task{}
	for i := range w.Tasks {
		tasks[w.Tasks[i].Name] = made[i+1].Task
	}
	synctest.Wait()
	return made[0].Task, tasks
}

// stand is how a workflow and its tasks stand: "SUCCESS a=SUCCESS …" in the order of the workflow.
func (b *bench) stand(w *task.Workflow, whole task.Task, tasks map[string]task.Task) string {
	b.t.Helper()
	text := b.get(whole.ID).Status.String()
	for i := range w.Tasks {
		text += fmt.Sprintf(" %s=%s", w.Tasks[i].Name, b.get(tasks[w.Tasks[i].Name].ID).Status)
	}
	return text
}

func TestAWorkflowRunsItsTasksInOrderAndEndsWithThem(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		release := make(chan struct{})
		b.does["A"] = func(context.Context, Attempt) (Outcome, error) {
			<-release
			return Outcome{}, nil
		}
		w := flow("", "a", "b: a", "c: a b", "clean: a!failed", "last: c!ended clean!ended")
		whole, tasks := b.begin(w)
		if got := b.stand(w, whole, tasks); got != "RUNNING a=RUNNING b=PENDING c=PENDING clean=PENDING last=PENDING" {
			t.Error(got)
		}
		if used := b.s.State().Running; used != 1 {
			t.Errorf("%d slots are used", used)
		}
		close(release)
		if got := b.stand(w, whole, tasks); got != "SUCCESS a=SUCCESS b=SUCCESS c=SUCCESS clean=CANCELLED last=SUCCESS" {
			t.Error(got)
		}
		if got := b.ran(); got != "A#1 B#1 C#1 LAST#1" {
			t.Errorf("ran %s", got)
		}
		result, err := log.Payload(t.Context(), b.get(whole.ID).ResultSeq)
		if string(result) != `{"tasks":5,"succeeded":4,"not_needed":1}` {
			t.Errorf("result %s %v", result, err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAWorkflowThatHasFailedGoesOnWhereItFailed(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["B"] = permanently
		w := flow("", "a", "b: a", "c: b", "d: a", "on_end: a!ended b!ended c!ended d!ended")
		whole, tasks := b.begin(w)
		if got := b.stand(w, whole, tasks); got != "FAILED a=SUCCESS b=FAILED c=CANCELLED d=SUCCESS on_end=SUCCESS" {
			t.Error(got)
		}
		text, err := log.Payload(t.Context(), b.get(whole.ID).ErrorSeq)
		if !strings.Contains(string(text), "failed: b; 3 of 5 tasks have succeeded") {
			t.Errorf("%s %v", text, err)
		}
		if _, err := b.s.Do(t.Context(), "anonymous", tasks["b"].ID, task.Retry{}); !errors.Is(err, task.ErrParentEnded) {
			t.Errorf("a retry of one task is answered with %v", err)
		}
		b.does["B"], b.runs = nil, nil
		if _, err := b.s.RetryWorkflow(t.Context(), "anonymous", whole.ID, WorkflowRetry{}); err != nil {
			t.Fatal(err)
		}
		if got := b.stand(w, whole, tasks); got != "SUCCESS a=SUCCESS b=SUCCESS c=SUCCESS d=SUCCESS on_end=SUCCESS" {
			t.Error(got)
		}
		if got := b.ran(); got != "B#2 C#1 ON_END#2" {
			t.Errorf("the retry ran %s", got)
		}
		if _, err := b.s.RetryWorkflow(t.Context(), "anonymous", whole.ID, WorkflowRetry{}); !errors.Is(err, task.ErrSucceeded) {
			t.Errorf("a retry of what has succeeded is answered with %v", err)
		}
		if _, err := b.s.RetryWorkflow(t.Context(), "anonymous", whole.ID, WorkflowRetry{From: "x"}); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("a retry from nothing is answered with %v", err)
		}
		b.runs = nil
		if _, err := b.s.RetryWorkflow(t.Context(), "anonymous", whole.ID, WorkflowRetry{From: "b"}); err != nil {
			t.Fatal(err)
		}
		if got := b.stand(w, whole, tasks) + "; " + b.ran(); got != "SUCCESS a=SUCCESS b=SUCCESS c=SUCCESS d=SUCCESS on_end=SUCCESS; B#3 C#2 ON_END#3" {
			t.Error(got)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestARetryOfATaskOfAWorkflowTakesThoseAlongThatWereCancelledForIt(t *testing.T) {
	for _, how := range []string{"retry", "undo"} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			b := open(t, log, Options{})
			release := make(chan struct{})
			b.does["LONG"] = func(context.Context, Attempt) (Outcome, error) {
				<-release
				return Outcome{}, nil
			}
			stood := "RUNNING long=RUNNING wait=SUCCESS a=FAILED b=CANCELLED c=CANCELLED other=CANCELLED on_end=PENDING"
			w := flow("", "long", "wait", "a: wait", "b: a", "c: b long", "other: wait!failed", "on_end: long!ended a!ended b!ended c!ended other!ended")
			b.does["A"] = permanently
			if how == "undo" {
				stood = "RUNNING long=RUNNING wait=RUNNING a=CANCELLED b=CANCELLED c=CANCELLED other=PENDING on_end=PENDING"
				b.does["WAIT"] = b.does["LONG"]
			}
			whole, tasks := b.begin(w)
			if how == "undo" {
				if _, err := b.s.Do(t.Context(), "anonymous", tasks["a"].ID, task.Cancel{}); err != nil {
					t.Fatal(err)
				}
			}
			if got := b.stand(w, whole, tasks); got != stood {
				t.Error(got)
			}
			b.does["A"] = nil
			if how == "retry" {
				if _, err := b.s.Do(t.Context(), "anonymous", tasks["a"].ID, task.Retry{}); err != nil {
					t.Fatal(err)
				}
			} else {
				state := b.get(tasks["a"].ID)
				e, err := log.Events(t.Context(), []int64{state.LastSeq})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.s.UndoTask(t.Context(), "anonymous", state.ID, e[0], ""); err != nil {
					t.Fatal(err)
				}
			}
			close(release)
			if got := b.stand(w, whole, tasks); got != "SUCCESS long=SUCCESS wait=SUCCESS a=SUCCESS b=SUCCESS c=SUCCESS other=CANCELLED on_end=SUCCESS" {
				t.Errorf("%s: %s", how, got)
			}
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestACancelOfAWorkflowGoesDown(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["A"] = until
		w := flow("", "a", "b: a")
		whole, tasks := b.begin(w)
		if _, err := b.s.Do(t.Context(), "anonymous", whole.ID, task.Cancel{Reason: "enough"}); err != nil {
			t.Fatal(err)
		}
		if got := b.stand(w, whole, tasks); got != "CANCELLED a=CANCELLED b=CANCELLED" {
			t.Error(got)
		}
		byHand, tasks := b.begin(w)
		if _, err := b.s.Do(t.Context(), "anonymous", tasks["a"].ID, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		if got := b.stand(w, byHand, tasks); got != "CANCELLED a=CANCELLED b=CANCELLED" {
			t.Errorf("one task was cancelled: %s", got)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOneWorkflowOfAKeyRunsAtATimeAlsoOverARestart(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["A"] = until
		w := flow("k", "a", "b: a")
		first, ofFirst := b.begin(w)
		second, ofSecond := b.begin(w)
		other, ofOther := b.begin(flow("l", "b"))
		check := func(b *bench, when, one, two string) {
			t.Helper()
			if got := b.stand(w, first, ofFirst); got != one {
				t.Errorf("%s: the first is %s", when, got)
			}
			if got := b.stand(w, second, ofSecond); got != two {
				t.Errorf("%s: the second is %s", when, got)
			}
		}
		check(b, "at first", "RUNNING a=RUNNING b=PENDING", "PENDING a=PENDING b=PENDING")
		if got := b.stand(flow("l", "b"), other, ofOther); got != "SUCCESS b=SUCCESS" {
			t.Errorf("that of another key is %s", got)
		}
		held := b.get(ofSecond["a"].ID)
		if why := b.s.WaitingFor(&held); why == nil || why.Reason != "workflow" || why.Task != second.ID {
			t.Errorf("its task waits for %+v", why)
		}
		held = b.get(ofSecond["b"].ID)
		if why := b.s.WaitingFor(&held); why == nil || why.Reason != "dependencies" || fmt.Sprint(why.Names) != "[a]" || len(why.Also) != 1 || why.Also[0].Reason != "workflow" {
			t.Errorf("the task after it waits for %+v", why)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		hold := make(chan struct{})
		b = openDoing(t, log, Options{}, map[string]func(context.Context, Attempt) (Outcome, error){"A": func(context.Context, Attempt) (Outcome, error) {
			<-hold
			return Outcome{}, nil
		}})
		check(b, "after a restart", "RUNNING a=RUNNING b=PENDING", "PENDING a=PENDING b=PENDING")
		close(hold)
		time.Sleep(time.Second)
		check(b, "in the end", "SUCCESS a=SUCCESS b=SUCCESS", "SUCCESS a=SUCCESS b=SUCCESS")
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
