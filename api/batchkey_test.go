package api

import (
	"fmt"
	"strings"
	"testing"

	"daybook/eventlog/sqlitelog"
)

func (a answer) ids(h *house) (ids []string) {
	for _, one := range a.list(h) {
		ids = append(ids, one["id"].(string))
	}
	return ids
}

func TestABatchUnderAKeyIsMadeOnceAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	var first []string
	array := `[{"task_type":"ECHO","parameters":{"n":1}},{"task_type":"HOLD","delay_seconds":3600},{"parameters":{"n":1},"task_type":"ECHO"}]`
	lines := "{\"task_type\":\"ECHO\",\"parameters\":{\"n\":1}}\n\n{\"delay_seconds\":3600,\"task_type\":\"HOLD\"}\n{\"task_type\":\"ECHO\",\"parameters\":{\"n\":1}}"
	for round := range 2 {
		t.Run(fmt.Sprint("start ", round), func(t *testing.T) {
			log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := log.Close(); err != nil {
					t.Error(err)
				}
			})
			h := open(t, log)
			a := h.want("POST", "/api/tasks/batch", array, "Idempotency-Key: import")
			if round == 0 {
				if first = a.ids(h); a.header.Get("Idempotent-Replayed") != "" || first[0] == first[2] {
					t.Fatal(first, a.header)
				}
				h.until(first[2], "SUCCESS")
			}
			for range 2 {
				again := h.want("POST", "/api/tasks/batch", lines, "Idempotency-Key: import", "Content-Type: application/x-ndjson")
				if fmt.Sprint(again.ids(h)) != fmt.Sprint(first) || again.header.Get("Idempotent-Replayed") != "true" ||
					again.header.Get("Idempotent-Replayed-Items") != "0-2" {
					t.Error(again.header, again.body)
				}
			}
			if total := h.want("GET", "/api/tasks/", "").header.Get("X-Total-Count"); total != "3" {
				t.Error(total, "tasks")
			}
		})
	}
}

func TestAKeyOfABatchStandsForThatBatchAlone(t *testing.T) {
	h := open(t, nil)
	one, two := `{"task_type":"ECHO","delay_seconds":3600}`, `{"task_type":"ECHO","delay_seconds":3600,"parameters":{"n":2}}`
	h.want("POST", "/api/tasks/batch", "["+one+","+two+"]", "Idempotency-Key: k")
	h.want("POST", "/api/tasks/submit", one, "Idempotency-Key: alone")
	count := h.want("GET", "/api/tasks/", "").header.Get("X-Total-Count")
	for _, c := range []struct{ path, key, body string }{
		{"/api/tasks/batch", "k", "[" + one + "]"},
		{"/api/tasks/batch", "k", "[" + two + "," + one + "]"},
		{"/api/tasks/batch", "k", "[" + one + "," + two + "," + one + "]"},
		{"/api/tasks/batch", "k", "[" + one + "," + one + "]"},
		{"/api/tasks/submit", "k", one},
		{"/api/tasks/batch", "alone", "[" + one + "]"},
		{"/api/tasks/batch", "alone", "[" + one + "," + two + "]"},
	} {
		a := h.do("POST", c.path, c.body, "Idempotency-Key: "+c.key)
		if a.status != 409 || a.object(t)["type"] != "/docs#key-reused" || strings.Contains(a.body, "errors") {
			t.Errorf("%v: %d %s", c, a.status, a.body)
		}
	}
	if now := h.want("GET", "/api/tasks/", "").header.Get("X-Total-Count"); now != count {
		t.Error(now, "tasks, not", count)
	}
	// What a client may well call its own tasks meets no key that follows from a batch's.
	for _, key := range []string{"k#0", "k#1", "k#2", "k-1", "k/1"} {
		if a := h.want("POST", "/api/tasks/submit", one, "Idempotency-Key: "+key); a.header.Get("Idempotent-Replayed") != "" {
			t.Error(key, "was used already")
		}
	}
	if a := h.do("POST", "/api/tasks/batch", `[`+one+`,{"task_type":"ECHO","idempotency_key":"x"}]`, "Idempotency-Key: y"); a.status != 400 ||
		!strings.Contains(a.body, `"/1/idempotency_key"`) {
		t.Error(a)
	}
}
