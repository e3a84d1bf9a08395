package api

import (
	"strings"
	"testing"
)

func TestABadSuspensionIsRefusedWithTheReason(t *testing.T) {
	h := open(t, nil)
	id, token, _ := h.leaseOne()
	for _, test := range []struct{ body, want string }{
		{`{}`, `"/step"`},
		{`{"step":"a b","seconds":1}`, `must be 1 to 128 of`},
		{`{"step":"s"}`, "must say what the task waits for"},
		{`{"step":"s","seconds":1,"events":["a"]}`, "must say what the task waits for"},
		{`{"step":"s","seconds":null,"events":null}`, "must say what the task waits for"},
		{`{"step":"s","seconds":-1}`, `"/seconds"`},
		{`{"step":"s","until":"tomorrow"}`, `"/until"`},
		{`{"step":"s","seconds":1,"timeout_seconds":5}`, "a sleep ends by itself"},
		{`{"step":"s","seconds":1,"match":"all"}`, "goes only with events"},
		{`{"step":"s","events":[]}`, "at least one event"},
		{`{"step":"s","events":["a","a"]}`, "must not be there twice"},
		{`{"step":"s","events":["a b"]}`, `"/events/0"`},
		{`{"step":"s","events":["a"],"match":"some"}`, `"/match"`},
		{`{"step":"s","events":["a"],"timeout_seconds":0}`, `"/timeout_seconds"`},
		{`{"step":"s","approval":{"role":"king"}}`, `"/approval/role"`},
		{`{"step":"s","approval":{"fields":{"type":"objekt"}}}`, `"/approval/fields/type"`},
		{`{"step":"s","approval":{"title":"` + strings.Repeat("é", 201) + `"}}`, "at most 200 characters"},
		{`{"step":"s","approval":{"why":1}}`, "is not a field of this request"},
		{`{"step":"s","children":false}`, "must be true, for all children"},
		{`{"step":"s","children":"a b"}`, `"/children"`},
		{`{"step":"s","children":true,"seconds":1}`, "must say what the task waits for"},
		{`{"step":"s","children":"none"}`, "must be a step that has made children"},
	} {
		if got := h.do("POST", "/api/leases/"+token+"/suspend", test.body); got.status != 400 || !strings.Contains(got.body, test.want) {
			t.Errorf("%s: %d %.400s", test.body, got.status, got.body)
		}
	}
	if row := h.want("GET", "/api/tasks/"+id, "").object(h); row["status"] != "RUNNING" {
		t.Errorf("after what was refused it is %v", row["status"])
	}
	h.want("DELETE", "/api/tasks/"+id, "")
	if got := h.do("POST", "/api/leases/"+token+"/suspend", `{"step":"s","seconds":1}`); got.status != 409 || !strings.Contains(got.body, "#cancelled") {
		t.Errorf("of a cancelled task: %d %s", got.status, got.body)
	}
	h.until(id, "CANCELLED")
	if got := h.do("POST", "/api/leases/"+token+"/suspend", `{"step":"s","seconds":1}`); got.status != 409 || !strings.Contains(got.body, "#stale-lease") {
		t.Errorf("of a lease that is over: %d %s", got.status, got.body)
	}
}

func TestASuspendThatIsSentAgainSaysThatTheFirstMayHaveBeenKept(t *testing.T) {
	h := open(t, nil)
	id, token, _ := h.leaseOne()
	h.want("POST", "/api/leases/"+token+"/suspend", `{"step":"paid","events":["paid:42"]}`)
	if got := h.do("POST", "/api/leases/"+token+"/suspend", `{"step":"paid","events":["paid:42"]}`); got.status != 409 || !strings.Contains(got.body, "#stale-lease") || !strings.Contains(got.body, "its wait may have been kept") {
		t.Errorf("sent again: %d %s", got.status, got.body)
	}
	if row := h.want("GET", "/api/tasks/"+id, "").object(h); row["status"] != "PENDING" {
		t.Errorf("it is %v", row["status"])
	}
}

func TestABadEventIsRefusedWithTheReason(t *testing.T) {
	h := open(t, nil)
	for _, test := range []struct{ body, want string }{
		{`{}`, `"/name"`},
		{`{"name":""}`, `"/name"`},
		{`{"name":"a b"}`, "must be 1 to 200 of"},
		{`{"name":"` + strings.Repeat("n", 201) + `"}`, `"/name"`},
		{`{"name":"a","payload":"` + strings.Repeat("x", 64<<10) + `"}`, "has 65538 bytes"},
		{`{"name":"a","keep_seconds":0}`, `"/keep_seconds"`},
		{`{"name":"a","for":1}`, "is not a field"},
	} {
		if got := h.do("POST", "/api/events", test.body); got.status != 400 || !strings.Contains(got.body, test.want) {
			t.Errorf("%.60s: %d %.300s", test.body, got.status, got.body)
		}
	}
	if got := h.want("POST", "/api/events", `{"name":"a"}`).object(h); got["first"] != true {
		t.Errorf("some of what was refused is kept: %v", got)
	}
}

func TestAnApprovalNeedsItsRole(t *testing.T) {
	h := open(t, nil)
	root := bearer(h.token("", `{"name":"root","role":"admin"}`))
	worker := bearer(h.token(root[len("Authorization: Bearer "):], `{"name":"w","role":"worker"}`))
	operator := bearer(h.token(root[len("Authorization: Bearer "):], `{"name":"op","role":"operator"}`))
	submitter := bearer(h.token(root[len("Authorization: Bearer "):], `{"name":"sub","role":"submitter"}`))
	lease := func() (id, token string) {
		h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":0}`, worker)
		id = h.want("POST", "/api/tasks/submit", `{"task_type":"REMOTE"}`, root).object(t)["id"].(string)
		got := h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":1,"wait_seconds":10}`, worker).object(t)
		return id, got["leases"].([]any)[0].(map[string]any)["token"].(string)
	}
	for _, test := range []struct {
		role, by string
		want     int
	}{{"", submitter, 403}, {"", operator, 200}, {"admin", operator, 403}, {"admin", root, 200}, {"submitter", submitter, 200}, {"", worker, 403}} {
		id, token := lease()
		ask := `{"step":"ask","approval":{"title":"Refund?"}}`
		if test.role != "" {
			ask = `{"step":"ask","approval":{"role":"` + test.role + `"}}`
		}
		h.want("POST", "/api/leases/"+token+"/suspend", ask, worker)
		got := h.do("POST", "/api/tasks/"+id+"/approvals/ask", `{"approve":false,"reason":"no"}`, test.by)
		if got.status != test.want {
			t.Errorf("the role %q by %s: %d %s", test.role, test.by, got.status, got.body)
		}
		if steps := h.want("GET", "/api/tasks/"+id+"/steps", "", root).body; strings.Contains(steps, `"approved":false,"answer":null,"reason":"no","by":"token:`) != (test.want == 200) {
			t.Errorf("the role %q by %s: %s", test.role, test.by, steps)
		}
		h.want("DELETE", "/api/tasks/"+id, "", root) // or the next lease is of this one
	}
}
