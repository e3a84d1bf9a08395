package daybook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"daybook"
	"daybook/internal/foreignnats"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"

	"github.com/nats-io/nats-server/v2/server"

	oklog "github.com/oklog/ulid/v2"
)

// A program asks any node of a cluster as it asks a server that is alone, and gets the same answers and the same errors.
func TestAProgramAsksAnyNode(t *testing.T) {
	nats := foreignnats.Start(t, server.Options{JetStream: true})
	nodes := map[string]*daybook.Daybook{}
	for _, name := range []string{"a", "b"} {
		nodes[name], _ = onNATS(t, nats.ClientURL(), name)
	}
	leads := func() string {
		for {
			for _, d := range nodes {
				changed := d.Views().Changed()
				if name := d.Views().Lead().Node; name != "" {
					return name
				}
				<-changed
			}
		}
	}()
	follower := map[string]string{"a": "b", "b": "a"}[leads]
	var told []map[string]string
	for _, name := range []string{leads, follower} {
		told = append(told, askAll(t, nodes[name], name))
	}
	if !maps.Equal(told[0], told[1]) {
		for _, what := range slices.Sorted(maps.Keys(told[0])) {
			if a, b := told[0][what], told[1][what]; a != b {
				t.Errorf("%s\n the leader:   %s\n the follower: %s", what, a, b)
			}
		}
	}
}

// askAll asks a node for everything that a program can ask for, and returns what it got.
func askAll(t *testing.T, d *daybook.Daybook, name string) map[string]string {
	t.Helper()
	ctx, told := t.Context(), map[string]string{}
	say := func(what string, err error, v ...any) {
		text := ""
		if err != nil {
			text = err.Error()
			for _, one := range []error{task.ErrInvalid, task.ErrKeyReused, task.ErrNotUnique, task.ErrEnded, task.ErrNotEnded, task.ErrNotFound, projection.ErrNotFound} {
				if errors.Is(err, one) {
					text += " | is " + one.Error()
				}
			}
			var batch *scheduler.BatchError
			var refusal *task.Refusal
			if errors.As(err, &batch) {
				text += fmt.Sprintf(" | item %d", batch.Index)
			}
			if errors.As(err, &refusal) {
				text += fmt.Sprintf(" | %s %v %t", refusal.Kind, refusal.Fields, refusal.Other != oklog.ULID{})
			}
		}
		told[what] = text + fmt.Sprint(v...)
	}
	hour := task.Submit{Type: "SLEEP", Parameters: []byte(`{"seconds":3600}`), RunAt: task.MicrosOf(time.Now().Add(time.Hour)), Tags: []string{"x"},
		Backoff: &task.Backoff{Base: task.Second, Max: task.Second}, IdempotencyKey: name, Unique: &task.UniqueSubmit{Key: name}, Subject: "a subject"}
	done, err := d.Submit(ctx, hour)
	if err != nil {
		t.Fatal(name, err)
	}
	first := done[0].Task
	say("submit", err, first.Status, first.Tags(), first.Subject(), first.Backoff().Max, first.RequestHash() != [32]byte{}, done[0].Replayed, first.Links.Unique.Key == name)
	seen, _, err := d.Views().Get(ctx, first.ID)
	say("the views have it", err, seen.LastSeq == first.LastSeq)
	done, err = d.Submit(ctx, hour)
	say("the same again", err, len(done), done[0].Replayed, done[0].Task.ID == first.ID)
	other := hour
	other.Parameters = []byte(`{"seconds":1}`)
	_, err = d.Submit(ctx, other)
	say("another with the key", err)
	other.IdempotencyKey, other.Unique = "", &task.UniqueSubmit{Key: name, OnConflict: task.ConflictReject}
	_, err = d.Submit(ctx, other)
	say("not unique", nil, errors.Is(err, task.ErrNotUnique), errors.As(err, new(*task.Refusal)))
	_, err = d.Submit(ctx, task.Submit{Type: "SLEEP", Parameters: []byte(`{"seconds":1}`)}, task.Submit{Type: "SLEEP", Parameters: []byte(`{"seconds":"x"}`)})
	say("wrong parameters", err)
	_, err = d.Submit(ctx, task.Submit{Type: "NONE"})
	say("no such type", err)
	changed, err := d.Reprioritise(ctx, first.ID, 7)
	say("reprioritise", err, changed.Priority)
	_, err = d.Reprioritise(ctx, first.ID, 700)
	say("reprioritise too much", err)
	due := time.Now().Add(2 * time.Hour)
	changed, err = d.Reschedule(ctx, first.ID, due)
	say("reschedule", err, changed.RunAt == task.MicrosOf(due))
	_, err = d.Retry(ctx, first.ID, "")
	say("retry too early", err)
	_, err = d.Cancel(ctx, oklog.Make(), "")
	say("cancel nothing", err)
	changed, err = d.Cancel(ctx, first.ID, "why")
	say("cancel", err, changed.Status)
	_, err = d.Cancel(ctx, first.ID, "why")
	say("cancel again", err)
	changed, err = d.Retry(ctx, first.ID, "again")
	say("retry", err, changed.Status)
	_, err = d.Cancel(ctx, first.ID, "")
	say("cancel the retry", err)
	as, err := d.RetryWith(ctx, first.ID, daybook.Changes{Parameters: []byte(`{"seconds":0.01,"result":5}`), IdempotencyKey: name + "2"})
	say("retry with", err, as.Task.Status, as.Task.Links.RetryOf == first.ID)
	_, err = d.RetryWith(ctx, first.ID, daybook.Changes{Parameters: []byte(`[]`)})
	say("retry with no object", err)
	done, err = d.Submit(ctx, task.Submit{Type: "SLEEP", Parameters: []byte(`{"seconds":0.01,"result":5}`)})
	if err != nil {
		t.Fatal(name, err)
	}
	ended, result, err := d.Wait(ctx, done[0].Task.ID)
	say("wait", err, ended.Status, string(result))
	_, _, err = d.Wait(ctx, oklog.Make())
	say("wait for nothing", err)
	return told
}

// Whatever a program asks for, and a task says, gets to another node and back.
func TestWhatAProgramAsksForIsPassedWhole(t *testing.T) {
	var submit task.Submit
	fill(reflect.ValueOf(&submit).Elem())
	var given scheduler.Submitted
	fill(reflect.ValueOf(&given).Elem())
	for _, value := range []any{submit, given} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(value))
		if err := json.Unmarshal(text, back.Interface()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back.Elem().Interface(), value) {
			t.Errorf("%T: %+v\n came as %+v", value, value, back.Elem().Interface())
		}
	}
}

// fill gives every field a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 << 40)
	case reflect.Int32:
		v.SetInt(1 << 20)
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(1)
	default:
		panic(v.Type().String())
	}
}
