package daybook_test

import (
	"errors"
	"net/http/httptest"
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
	if !errors.As(err, &batch) || !errors.As(err, &refusal) || len(refusal.Fields) != 1 || refusal.Fields[0].Pointer != "/parameters/file" {
		t.Errorf("got %v", err)
	}
}

func TestAProgramAndAClientWithOneKeyAreOneRequest(t *testing.T) {
	d, _ := running(t, daybook.Options{})
	made, err := d.Submit(t.Context(), task.Submit{Type: "SLEEP", IdempotencyKey: "k", Parameters: []byte(`{"seconds":1e0}`), Tags: []string{"a"}, Priority: 5})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "http://localhost/api/tasks/submit",
		strings.NewReader(`{"task_type":"SLEEP","parameters":{"seconds":1,"fail_rate":0},"tags":["a"],"priority":5,"max_attempts":3}`))
	r.Header.Set("Idempotency-Key", "k")
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	if w.Code != 200 || w.Header().Get("Idempotent-Replayed") != "true" || !strings.Contains(w.Body.String(), made[0].Task.Name()) {
		t.Errorf("the same request over HTTP: %d %s", w.Code, w.Body)
	}
}

func TestAProgramRetriesATaskWithOtherParameters(t *testing.T) {
	d, _ := running(t, daybook.Options{})
	ctx := t.Context()
	made, err := d.Submit(ctx, task.Submit{Type: "SLEEP", Queue: "q", Tags: []string{"t"}, Parameters: []byte(`{"seconds":0}`), RunAt: task.MicrosOf(time.Now().Add(time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	id := made[0].Task.ID
	changes := daybook.Changes{Parameters: []byte(`{ "seconds": 0.0, "result": "x" }`), IdempotencyKey: "again"}
	if _, err := d.RetryWith(ctx, id, changes); !errors.Is(err, task.ErrNotEnded) {
		t.Errorf("retry of a pending task: %v", err)
	}
	if _, err := d.Cancel(ctx, id, ""); err != nil {
		t.Fatal(err)
	}
	var refusal *task.Refusal
	if _, err := d.RetryWith(ctx, id, daybook.Changes{Parameters: []byte(`{"seconds":-1}`)}); !errors.As(err, &refusal) || refusal.Fields[0].Pointer != "/parameters/seconds" {
		t.Errorf("wrong parameters: %v", err)
	}
	first, err := d.RetryWith(ctx, id, changes)
	if err != nil {
		t.Fatal(err)
	}
	if now := first.Task; now.ID == id || now.Queue != "q" || now.Links == nil || now.Links.RetryOf != id || len(now.Tags()) != 1 {
		t.Errorf("retried as %+v", now)
	}
	again, err := d.RetryWith(ctx, id, changes)
	if err != nil || !again.Replayed || again.Task.ID != first.Task.ID {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	changes.Parameters = []byte(`{"seconds":1}`)
	if _, err := d.RetryWith(ctx, id, changes); !errors.Is(err, task.ErrKeyReused) {
		t.Errorf("another request under its key: %v", err)
	}
}
