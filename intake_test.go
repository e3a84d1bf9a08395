package daybook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"daybook"
	"daybook/scheduler"
	"daybook/task"
)

func TestAKeyThatWasUsedForAnotherRequestIsRefused(t *testing.T) {
	d, _ := running(t, daybook.Options{})
	first := task.Submit{Type: "SLEEP", IdempotencyKey: "k", Parameters: []byte(`{"seconds":0,"result":"é"}`), RunAt: task.MicrosOf(time.Now().Add(time.Hour))}
	made, err := d.Submit(t.Context(), first)
	if err != nil || made[0].Replayed {
		t.Fatal(made, err)
	}
	same := first
	same.Parameters = []byte("{ \"result\": \"\\u00e9\", \"seconds\": 0.0 }")
	same.RunAt = task.MicrosOf(time.Now().Add(2 * time.Hour))
	again, err := d.Submit(t.Context(), same)
	if err != nil || !again[0].Replayed || again[0].Task.ID != made[0].Task.ID {
		t.Errorf("the same request again: %+v, %v", again, err)
	}
	for name, change := range map[string]func(*task.Submit){
		"parameters": func(s *task.Submit) { s.Parameters = []byte(`{"seconds":1}`) },
		"tags":       func(s *task.Submit) { s.Tags = []string{"x"} },
		"priority":   func(s *task.Submit) { s.Priority = 1 },
		"queue":      func(s *task.Submit) { s.Queue = "other" },
	} {
		other := first
		change(&other)
		_, err := d.Submit(t.Context(), other)
		if !errors.Is(err, task.ErrKeyReused) {
			t.Errorf("other %s under the same key: %v", name, err)
		}
	}
}

func TestAFileThatIsNotThereIsRefused(t *testing.T) {
	d, _ := running(t, daybook.Options{})
	id := strings.Repeat("ab", 32)
	_, err := d.Submit(t.Context(), task.Submit{Type: "DATA_PROCESSING", Parameters: []byte(`{"file":"` + id + `"}`)})
	var batch *scheduler.BatchError
	var refusal *task.Refusal
	if !errors.As(err, &batch) || !errors.As(err, &refusal) || len(refusal.Fields) != 1 || !strings.Contains(refusal.Fields[0].Detail, id) {
		t.Errorf("got %v", err)
	}
}
