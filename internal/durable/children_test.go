package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

// run is a Run whose steps are in memory.
type run struct {
	steps map[string]Step
	calls []string
	fails error
}

func (r *run) Steps(context.Context) (map[string]Step, error) { return r.steps, nil }

func (r *run) Record(_ context.Context, name string, value []byte) (Step, error) {
	r.calls = append(r.calls, "record "+name)
	r.steps[name] = Step{Name: name, Outcome: "done", Value: value}
	return r.steps[name], r.fails
}

func (r *run) Suspend(_ context.Context, w Wait) (Step, error) {
	r.calls = append(r.calls, fmt.Sprint("suspend ", w.Step, " for ", w.ChildrenOf))
	return Step{}, ErrSuspended
}

func (r *run) Children(_ context.Context, step string, f Family, detached bool) error {
	r.calls = append(r.calls, fmt.Sprint("make ", step, " ", len(f.Tasks), " ", detached))
	r.steps[step] = Step{Name: step, Kind: "children", Outcome: "done", Value: json.RawMessage(`{"count":1}`)}
	return r.fails
}

func TestChildrenAreMadeOnceAndWaitedFor(t *testing.T) {
	r := &run{steps: map[string]Step{}}
	family := Family{Tasks: map[string]Child{"a": {Type: "resize"}}}
	if _, err := Children(With(t.Context(), r), "fan", family); !errors.Is(err, ErrSuspended) {
		t.Errorf("the first attempt: %v", err)
	}
	if _, err := Children(With(t.Context(), r), "fan", family); !errors.Is(err, ErrSuspended) {
		t.Errorf("the second: %v", err)
	}
	r.steps["fan:ended"] = Step{Name: "fan:ended", Kind: "children", Outcome: "fired", Value: json.RawMessage(`{"a":{"id":"1","status":"FAILED","error_message":"no disk"}}`)}
	ends, err := Children(With(t.Context(), r), "fan", family)
	if err != nil || ends["a"].Status != "FAILED" || ends["a"].Error != "no disk" {
		t.Errorf("the third: %v, %v", ends, err)
	}
	if got := fmt.Sprint(r.calls); got != "[make fan 1 false suspend fan:ended for fan suspend fan:ended for fan]" {
		t.Errorf("it did %s", got)
	}
}

func TestDetachedChildrenAreNotWaitedFor(t *testing.T) {
	r := &run{steps: map[string]Step{}}
	for range 2 {
		if err := Detach(With(t.Context(), r), "mails", map[string]Child{"a": {Type: "EMAIL"}}); err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(r.calls); got != "[make mails 1 true]" {
		t.Errorf("it did %s", got)
	}
}

func TestChildrenThatCannotBeMadeAreAnError(t *testing.T) {
	r := &run{steps: map[string]Step{}, fails: errors.New("the server is gone")}
	if _, err := Children(With(t.Context(), r), "fan", Family{}); err == nil {
		t.Error("none are made")
	}
	if _, err := Children(With(t.Context(), r), "more", Family{Tasks: map[string]Child{"a": {}}}); !errors.Is(err, r.fails) {
		t.Errorf("the error is %v", err)
	}
	if _, err := Children(t.Context(), "fan", Family{}); !errors.Is(err, ErrNoRun) {
		t.Errorf("without a handler: %v", err)
	}
	timedOut := &run{steps: map[string]Step{"fan": {}, "fan:ended": {Outcome: "timeout"}}}
	if _, err := Children(With(t.Context(), timedOut), "fan", Family{}); !errors.Is(err, ErrTimeout) {
		t.Errorf("too late: %v", err)
	}
	wrong := &run{steps: map[string]Step{"fan": {}, "fan:ended": {Value: json.RawMessage(`[]`)}}}
	if _, err := Children(With(t.Context(), wrong), "fan", Family{}); err == nil {
		t.Error("a value that does not fit is taken")
	}
}

func TestAStepIsDoneOnceAndUsedOnceInAnAttempt(t *testing.T) {
	r := &run{steps: map[string]Step{}}
	n := 0
	do := func(context.Context) (int, error) { n++; return n, nil }
	ctx := With(t.Context(), r)
	if got, err := Do(ctx, "count", do); got != 1 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if _, err := Do(ctx, "count", do); err == nil {
		t.Error("a name is used twice")
	}
	if got, err := Do(With(t.Context(), r), "count", do); got != 1 || err != nil || n != 1 {
		t.Errorf("the next attempt: %d, %v, done %d times", got, err, n)
	}
	r.steps["bad"] = Step{Damaged: true}
	if _, err := Do(With(t.Context(), r), "bad", do); err == nil || n != 1 {
		t.Errorf("a damaged step: %v", err)
	}
}
