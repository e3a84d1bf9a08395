package daybook_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"daybook"
	"daybook/handler"
	"daybook/task"
)

// TestNobodyWritesIntoWhatIsKept changes in place whatever crosses a border of the program,
// in either direction, as soon as it has crossed.
func TestNobodyWritesIntoWhatIsKept(t *testing.T) {
	seen := make(chan string, 2)
	raw := json.RawMessage(`{"kept":"result"}`)
	scribble := func(b []byte) {
		for i := range b {
			b[i] = 'X'
		}
	}
	schema := json.RawMessage(`{"type":"object"}`)
	vandal := vandalType{handle{"VANDAL", func(_ context.Context, call handler.Call) (any, error) {
		seen <- string(call.Parameters) + strings.Join(call.Tags, ",")
		scribble(call.Parameters)
		for i := range call.Tags {
			call.Tags[i] = "spoiled"
		}
		if call.Attempt == 1 {
			return nil, errors.New("once more")
		}
		return raw, nil
	}}, schema}
	d, _ := running(t, daybook.Options{}, vandal)
	scribble(schema)
	ctx := t.Context()

	tags, parameters := []string{"a", "b"}, []byte(`{"secret":"s3cret"}`)
	submits := []task.Submit{{Type: "VANDAL", MaxAttempts: 2, Tags: tags, Parameters: parameters,
		Backoff: &task.Backoff{Kind: task.Constant, NoJitter: true}}}
	done, err := d.Submit(ctx, submits...)
	if err != nil {
		t.Fatal(err)
	}
	if string(submits[0].Parameters) != `{"secret":"s3cret"}` || submits[0].MaxAttempts != 2 || submits[0].Timeout != 0 {
		t.Errorf("the caller's submit was changed: %+v", submits[0])
	}
	tags[0], done[0].Task.Tags()[1] = "spoiled", "spoiled"
	scribble(parameters)
	submits[0].Backoff.Base = task.Second

	id := done[0].Task.ID
	got, result, err := d.Wait(ctx, id)
	if err != nil || got.Status != task.Success {
		t.Fatalf("%s, %v", got.Status, err)
	}
	scribble(result)
	scribble(raw)
	got.Tags()[0] = "spoiled"
	for attempt := range 2 {
		if s := <-seen; s != `{"secret":"s3cret"}a,b` {
			t.Errorf("attempt %d got %s", attempt+1, s)
		}
	}
	if _, again, err := d.Wait(ctx, id); err != nil || string(again) != `{"kept":"result"}` {
		t.Errorf("the result is now %s, %v", again, err)
	}
	var list []struct {
		Parameters, Result_data map[string]string
		Tags                    []string
	}
	body := get(t, d, "/api/tasks/?task_type=VANDAL")
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("the list is no JSON: %v\n%s", err, body)
	}
	if list[0].Parameters["secret"] != "s3cret" || list[0].Result_data["kept"] != "result" || strings.Join(list[0].Tags, ",") != "a,b" {
		t.Errorf("the list says %s", body)
	}
	if types := get(t, d, "/api/task-types"); !json.Valid([]byte(types)) || strings.Contains(types, "XX") {
		t.Errorf("the types are %s", types)
	}
}

// vandalType has a schema that it changes afterwards.
type vandalType struct {
	handle
	schema json.RawMessage
}

func (v vandalType) Spec() task.TypeSpec {
	return task.TypeSpec{Name: v.name, ParametersSchema: v.schema}
}

func TestNoParametersAreTheSameForEveryTask(t *testing.T) {
	seen := make(chan string, 3)
	vandal := handle{"VANDAL", func(_ context.Context, call handler.Call) (any, error) {
		seen <- string(call.Parameters)
		for i := range call.Parameters {
			call.Parameters[i] = 'X'
		}
		return nil, nil
	}}
	d, _ := running(t, daybook.Options{}, vandal)
	for range 3 {
		if got, _, _ := ended(t, d, task.Submit{Type: "VANDAL"}); got.Status != task.Success {
			t.Fatalf("it is %s", got.Status)
		}
		if s := <-seen; s != "{}" {
			t.Errorf("its parameters are %s", s)
		}
	}
	if body := get(t, d, "/api/tasks/"); !json.Valid([]byte(body)) || strings.Count(body, `"parameters":{}`) != 3 {
		t.Errorf("the list says %s", body)
	}
}
