package api

import (
	"strings"
	"testing"
)

// What the standards let a client send is taken.
func TestWhatTheStandardsAllowIsTaken(t *testing.T) {
	h := open(t, nil)
	submit := func(body string, headers ...string) answer {
		t.Helper()
		a := h.do("POST", "/api/tasks/submit", body, headers...)
		if a.status != 200 {
			t.Errorf("%q %v: %d %s", body, headers, a.status, a.body)
		}
		return a
	}
	submit("\uFEFF" + `{"task_type":"ECHO"}`)
	submit(`{"task_type":"ECHO"}`, "Content-Type: application/json; charset=iso-8859-1")
	submit(`{"task_type":"ECHO"}`, "Prefer: wait=soon")
	submit(`{"task_type":"ECHO"}`, "Prefer: respond-async, wait=-1")

	// RFC 8941: a key in quotes is the same key.
	first := submit(`{"task_type":"ECHO"}`, "Idempotency-Key: order-7")
	quoted := submit(`{"task_type":"ECHO"}`, `Idempotency-Key: "order-7"`)
	if first.object(t)["id"] != quoted.object(t)["id"] || quoted.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a key in quotes made another task: %s", quoted.body)
	}

	id, _ := first.object(t)["id"].(string)
	if a := h.do("GET", "/api/tasks/"+strings.ToLower(id), ""); a.status != 200 {
		t.Errorf("an id in lower case: %d", a.status)
	}
	file, _ := h.do("POST", "/api/files?name=a.csv", "a,b\n", "Content-Type: text/csv").object(t)["id"].(string)
	if a := h.do("GET", "/api/files/"+file, "", "Range: lines=1-2"); a.status != 200 || a.body != "a,b\n" {
		t.Errorf("a range of an unknown unit: %d %q", a.status, a.body)
	}
}

func TestOnlyAWholeStringOfRFC8941LosesItsQuotes(t *testing.T) {
	for in, want := range map[string]string{
		`plain`: `plain`, `"a"`: `a`, `"a \"b\" \\"`: `a "b" \`, `"`: `"`, `""`: `""`, `"a`: `"a`, `"a"b"`: `"a"b"`, `"a\x"`: `"a\x"`,
	} {
		if got := unquotedKey(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
