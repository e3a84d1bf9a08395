package api

import (
	"fmt"
	"strings"
	"testing"

	"daybook/task"
)

func TestBadChildrenAreRefusedWithTheReason(t *testing.T) {
	h := open(t, nil)
	id, token, _ := h.leaseOne()
	var many strings.Builder
	for i := range task.MaxStepChildren + 1 {
		fmt.Fprintf(&many, `%s"%d":{"task_type":"ECHO"}`, map[bool]string{true: ","}[i > 0], i)
	}
	for _, test := range []struct{ body, want string }{
		{`{}`, `"/step"`},
		{`{"step":"fan"}`, `"/tasks"`},
		{`{"step":"fan","tasks":{}}`, "at least one"},
		{`{"step":"a b","tasks":{"a":{"task_type":"ECHO"}}}`, "must be 1 to 128 of"},
		{`{"step":"fan","tasks":{"a b":{"task_type":"ECHO"}}}`, `"/tasks/a b"`},
		{`{"step":"fan","tasks":{"a":{"task_type":"ECHO"},"b/c":{}}}`, `"/tasks/b~1c`},
		{`{"step":"fan","tasks":{"a":{"task_type":"NONE"}}}`, `"/tasks/a/task_type"`},
		{`{"step":"fan","tasks":{"a":{"task_type":"ECHO","priority":101}}}`, `"/tasks/a/priority"`},
		{`{"step":"fan","tasks":{"a":{"task_type":"ECHO","idempotency_key":"k"}}}`, "a child is made once, by its name"},
		{`{"step":"fan","tasks":{"a":{"task_type":"ECHO","unique":{"key":"k"}}}}`, "a child is made once, by its name"},
		{`{"step":"fan","tasks":{"a":{"task_type":"ECHO"}},"on_failure":"ignore"}`, `"/on_failure"`},
		{`{"step":"fan","tasks":{"a":{"task_type":"ECHO"}},"join":"some"}`, `"/join"`},
		{`{"step":"fan","tasks":{"a":{"task_type":"ECHO"}},"more":1}`, "is not a field of this request"},
		{`{"step":"fan","tasks":{` + many.String() + `}}`, "has 10001 members"},
	} {
		if got := h.do("POST", "/api/leases/"+token+"/children", test.body); got.status != 400 || !strings.Contains(got.body, test.want) {
			t.Errorf("%.100s: %d %.400s", test.body, got.status, got.body)
		}
	}
	if row := h.want("GET", "/api/tasks/"+id, "").object(h); row["children"] != 0.0 || row["status"] != "RUNNING" {
		t.Errorf("after what was refused it has %v children and is %v", row["children"], row["status"])
	}
	h.want("DELETE", "/api/tasks/"+id, "")
	if got := h.do("POST", "/api/leases/"+token+"/children", `{"step":"fan","tasks":{"a":{"task_type":"ECHO"}}}`); got.status != 409 || !strings.Contains(got.body, "#cancelled") {
		t.Errorf("of a cancelled task: %d %s", got.status, got.body)
	}
}

func TestChildrenAreListedBelowTheirParent(t *testing.T) {
	h := open(t, nil)
	id, token, _ := h.leaseOne()
	h.want("POST", "/api/leases/"+token+"/children", `{"step":"fan","tasks":{"a":{"task_type":"ECHO"},"b":{"task_type":"ECHO","run_at":"2100-01-01T00:00:00Z"}}}`)
	h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`)
	children := h.want("GET", "/api/tasks?parent="+id, "").list(h)
	if len(children) != 2 || children[0]["child_name"] != "b" || children[1]["child_name"] != "a" || children[0]["parent_id"] != id {
		t.Errorf("children: %v", children)
	}
	if got := h.want("GET", "/api/tasks?parent="+id+"&status=PENDING", ""); len(got.list(h)) != 1 || got.header.Get("X-Total-Count") != "1" {
		t.Errorf("those that wait: %s", got.body)
	}
	done := h.want("POST", "/api/leases/"+token+"/complete", `{"result":1}`).object(h)
	w, _ := done["waiting_for"].(map[string]any)
	if done["status"] != "PENDING" || w["reason"] != "children" || done["children"] != 2.0 {
		t.Errorf("a parent that is complete: %v", done)
	}
	h.want("DELETE", "/api/tasks/"+children[0]["id"].(string), "")
	h.until(id, "FAILED")
}
