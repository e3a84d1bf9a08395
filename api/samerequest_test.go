package api

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

func TestADefaultThatIsSpelledOutIsTheSameRequest(t *testing.T) {
	h := open(t, nil)
	const plain = `"task_type":"ECHO","delay_seconds":3600`
	id := h.want("POST", "/api/tasks/submit", "{"+plain+"}", "Idempotency-Key: k").object(t)["id"]
	for _, more := range []string{`"parameters":{}`, `"parameters":null`, `"parameters":{"made":true}`, `"priority":0`, `"priority":-0.0`, `"priority":null`,
		`"queue":"default"`, `"queue":null`, `"max_attempts":3`, `"max_attempts":3.0`, `"tags":[]`, `"tags":null`, `"file_names":{}`, `"unique":null`, `"timeout_seconds":null`,
		`"backoff":{}`, `"backoff":{"kind":"exponential","base_seconds":2,"max_seconds":600,"jitter":true}`, `"run_at":null`, `"idempotency_key":"k"`} {
		a := h.do("POST", "/api/tasks/submit", "{"+plain+","+more+"}", "Idempotency-Key: k")
		if a.status != 200 || a.header.Get("Idempotent-Replayed") != "true" || a.object(t)["id"] != id {
			t.Errorf("with %s: %d %s", more, a.status, a.body)
		}
		a = h.do("POST", "/api/tasks/batch", "[{"+plain+","+strings.ReplaceAll(more, `"idempotency_key":"k"`, `"tags":[]`)+"}]", "Idempotency-Key: batch")
		if a.status != 200 {
			t.Errorf("a batch with %s: %d %s", more, a.status, a.body)
		}
	}
	for _, more := range []string{`"parameters":{"made":false}`, `"parameters":{"n":0}`, `"priority":1`, `"queue":"q"`, `"max_attempts":2`, `"tags":["t"]`, `"unique":{}`,
		`"timeout_seconds":0`, `"timeout_seconds":5`, `"backoff":{"jitter":false}`, `"backoff":{"base_seconds":3}`} {
		if a := h.do("POST", "/api/tasks/submit", "{"+plain+","+more+"}", "Idempotency-Key: k"); a.status != 409 {
			t.Errorf("another request, with %s: %d %s", more, a.status, a.body)
		}
	}
	for _, body := range []string{`{"task_type":"ECHO"}`, `{"task_type":"ECHO","delay_seconds":3601}`, `{"task_type":"ECHO","run_at":"2099-01-01T00:00:00Z"}`} {
		if a := h.do("POST", "/api/tasks/submit", body, "Idempotency-Key: k"); a.status != 409 {
			t.Errorf("another request, %s: %d %s", body, a.status, a.body)
		}
	}
}

func TestADefaultOfUniqueThatIsSpelledOutIsTheSameRequest(t *testing.T) {
	h := open(t, nil)
	const plain = `{"task_type":"ECHO","delay_seconds":3600,"unique":`
	id := h.want("POST", "/api/tasks/submit", plain+`{}}`, "Idempotency-Key: k").object(t)["id"]
	for _, unique := range []string{`{"while":"live"}`, `{"on_conflict":"return"}`, `{"key":null,"for_seconds":null}`} {
		a := h.do("POST", "/api/tasks/submit", plain+unique+"}", "Idempotency-Key: k")
		if a.status != 200 || a.header.Get("Idempotent-Replayed") != "true" || a.object(t)["id"] != id {
			t.Errorf("%s: %d %s", unique, a.status, a.body)
		}
	}
	for _, unique := range []string{`{"for_seconds":5}`, `{"on_conflict":"reject"}`, `{"key":"u"}`, "null"} {
		if a := h.do("POST", "/api/tasks/submit", plain+unique+"}", "Idempotency-Key: k"); a.status != 409 {
			t.Errorf("another request, %s: %d %s", unique, a.status, a.body)
		}
	}
}

// Logs of earlier versions have the hash of the body before defaults: first as it was spelled,
// then in the form of RFC 8785. Both stay the same request.
func TestAKeyInAnOldLogIsKnownByItsOlderHash(t *testing.T) {
	const body = `{"task_type":"ECHO", "priority":0,"parameters":{"n":1.0,"a":"\u00e9"}}`
	spelled := `{"parameters":{"a":"\u00e9","n":1.0},"priority":0,"task_type":"ECHO"}`
	normal := `{"parameters":{"a":"é","n":1},"priority":0,"task_type":"ECHO"}`
	one := sha256.Sum256([]byte(normal))
	batch := "batch\n" + string(one[:])
	old := ulid.ULID{1, 2}
	changed := sha256.Sum256([]byte(`{"a":"é","n":2}`))
	retry := "retry\n" + string(old[:]) + string(changed[:])

	log := eventlogtest.NewMemory()
	add := func(id ulid.ULID, kind task.EventType, version int64, d task.Data) {
		t.Helper()
		e := eventlog.Event{Stream: task.StreamOf(id), Version: version, Type: kind.String(), V: kind.SchemaVersion(), At: 1, Actor: "anonymous",
			Data: task.AppendData(nil, kind, &d)}
		if kind == task.EventSubmitted {
			e.HasPayload, e.Payload = true, []byte("{}")
		}
		if results := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{&e}}}); results[0].Err != nil {
			t.Fatal(results[0].Err)
		}
	}
	submitted := task.Data{TaskType: "FAIL", Queue: "default", MaxAttempts: 3, Backoff: task.DefaultBackoff, RunAt: task.MicrosOf(time.Now().Add(time.Hour))}
	add(old, task.EventSubmitted, 1, submitted)
	add(old, task.EventCancelled, 2, task.Data{})
	for i, c := range []struct{ key, hashed string }{{"spelled", spelled}, {"normal", normal}, {"batch", batch}, {"retry", retry}} {
		submitted.IdempotencyKey, submitted.RequestHash = c.key, sha256.Sum256([]byte(c.hashed))
		add(ulid.ULID{1, 1, byte(i)}, task.EventSubmitted, 1, submitted)
	}
	h := open(t, log)
	for _, key := range []string{"spelled", "normal"} {
		a := h.do("POST", "/api/tasks/submit", body, "Idempotency-Key: "+key)
		if a.status != 200 || a.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %s", key, a.status, a.body)
		}
		if a := h.do("POST", "/api/tasks/submit", strings.Replace(body, "1.0", "2", 1), "Idempotency-Key: "+key); a.status != 409 {
			t.Errorf("%s: another request: %d %s", key, a.status, a.body)
		}
	}
	for _, c := range []struct{ path, key, body string }{
		{"/api/tasks/batch", "batch", "[" + body + "]"},
		{"/api/tasks/" + old.String() + "/retry", "retry", `{"parameters":{"n":2.0,"a":"\u00e9"}}`},
	} {
		if a := h.do("POST", c.path, c.body, "Idempotency-Key: "+c.key); a.status != 200 || a.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %s", c.key, a.status, a.body)
		}
	}
}
