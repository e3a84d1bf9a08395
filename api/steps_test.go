package api

import (
	"strings"
	"testing"
)

// leaseOne submits a task and leases it.
func (h *house) leaseOne() (id, token string, lease map[string]any) {
	h.Helper()
	h.want("POST", "/api/leases", `{"worker":"w","build":"v42","task_types":["REMOTE"],"max":0}`)
	id = h.submit(`{"task_type":"REMOTE"}`)
	lease = h.leaseAgain()
	return id, lease["token"].(string), lease
}

func (h *house) leaseAgain() map[string]any {
	h.Helper()
	return h.want("POST", "/api/leases", `{"worker":"w","build":"v42","task_types":["REMOTE"],"max":1,"wait_seconds":10}`).object(h)["leases"].([]any)[0].(map[string]any)
}

func TestTheNextAttemptGetsTheStepsOfTheOnesBefore(t *testing.T) {
	h := open(t, nil)
	id, token, lease := h.leaseOne()
	if steps := lease["steps"].(map[string]any); len(steps) != 0 {
		t.Errorf("steps of a new task: %v", steps)
	}
	at := "/api/leases/" + token + "/steps"
	step := h.want("PUT", at+"/charge", `{"payment": "p-1"}`).object(h)
	if step["name"] != "charge" || step["kind"] != "result" || step["outcome"] != "done" || step["attempt"] != 1.0 || step["build"] != "v42" ||
		step["value"].(map[string]any)["payment"] != "p-1" {
		t.Errorf("recorded: %v", step)
	}
	if again := h.want("PUT", at+"/charge", `{"payment":"p-1"}`).object(h); again["at"] != step["at"] {
		t.Errorf("again: %v", again)
	}
	if other := h.do("PUT", at+"/charge", `{"payment":"p-2"}`); other.status != 409 || other.object(t)["step"].(map[string]any)["value"].(map[string]any)["payment"] != "p-1" {
		t.Errorf("another value: %d %s", other.status, other.body)
	}
	h.want("PUT", at, `{"steps":{"page#1":1}}`)
	if mixed := h.do("PUT", at, `{"steps":{"page#1":5,"page#2":null}}`); mixed.status != 409 || mixed.object(t)["step"].(map[string]any)["value"] != 1.0 || !strings.Contains(mixed.body, "The other steps of the request were recorded") {
		t.Errorf("one of two has another value: %d %s", mixed.status, mixed.body)
	}
	h.want("PUT", at+"/page%233", `"é"`)
	h.want("POST", "/api/leases/"+token+"/release", "")
	steps := h.leaseAgain()["steps"].(map[string]any)
	if len(steps) != 4 || steps["page#3"].(map[string]any)["value"] != "é" || steps["page#2"].(map[string]any)["value"] != nil {
		t.Errorf("of the next lease: %v", steps)
	}
	if late := h.do("PUT", at+"/late", "1"); late.status != 409 || !strings.Contains(late.body, "#stale-lease") {
		t.Errorf("by the lease before: %d %s", late.status, late.body)
	}
	list := h.want("GET", "/api/tasks/"+id+"/steps", "").list(h)
	if len(list) != 4 || list[0]["name"] != "charge" {
		t.Errorf("listed: %v", list)
	}
	if n := h.want("GET", "/api/tasks/"+id, "").object(h)["steps"]; n != 4.0 {
		t.Errorf("counted: %v", n)
	}
}

func TestAStepThatIsForgottenIsDoneAgain(t *testing.T) {
	h := open(t, nil)
	id, token, _ := h.leaseOne()
	h.want("PUT", "/api/leases/"+token+"/steps/charge", "1")
	forget := "/api/tasks/" + id + "/steps/charge/forget"
	if got := h.do("POST", forget, "{}"); got.status != 400 || !strings.Contains(got.body, "/reason") {
		t.Errorf("without a reason: %d %s", got.status, got.body)
	}
	h.want("POST", forget, `{"reason":"seen too early"}`)
	if got := h.do("POST", forget, `{"reason":"twice"}`); got.status != 404 {
		t.Errorf("twice: %d %s", got.status, got.body)
	}
	h.want("PUT", "/api/leases/"+token+"/steps/charge", "2")
	if body := h.want("GET", "/api/tasks/"+id+"/steps", "").body; !strings.Contains(body, `"value":2`) || strings.Contains(body, `"value":1`) {
		t.Error(body)
	}
	h.want("POST", "/api/leases/"+token+"/complete", "{}")
	if got := h.do("POST", forget, `{"reason":"too late"}`); got.status != 400 || !strings.Contains(got.body, "its steps are not done again") {
		t.Errorf("of a task that has succeeded: %d %s", got.status, got.body)
	}
	h.want("POST", "/api/tasks/"+id+"/erase", `{"reason":"asked for"}`)
	if got := h.do("POST", forget, `{"reason":"too late"}`); got.status != 404 && (got.status != 400 || !strings.Contains(got.body, "nothing to forget")) {
		t.Errorf("of a task that was erased: %d %s", got.status, got.body)
	}
	h.submit(`{"task_type":"REMOTE"}`)
	failed := h.leaseAgain()
	other := failed["task"].(map[string]any)["id"].(string)
	h.want("PUT", "/api/leases/"+failed["token"].(string)+"/steps/charge", "1")
	h.want("POST", "/api/leases/"+failed["token"].(string)+"/fail", `{"error":"no","retryable":false}`)
	if row := h.want("POST", "/api/tasks/"+other+"/steps/charge/forget", `{"reason":"seen too early"}`).object(h); row["status"] != "FAILED" || row["steps"] != 0.0 {
		t.Errorf("of a task that has failed: %v", row)
	}
}

func TestABadStepIsRefusedWithTheReason(t *testing.T) {
	h := open(t, nil)
	id, token, _ := h.leaseOne()
	at := "/api/leases/" + token + "/steps"
	large := `"` + strings.Repeat("x", 256<<10) + `"`
	for _, test := range []struct{ path, body, want string }{
		{at + "/a%20b", "1", "has a name that must be 1 to 128"},
		{at + "/..%2Fa", "1", "has a name that must be 1 to 128"},
		{at + "/" + strings.Repeat("n", 129), "1", "has a name that must be 1 to 128"},
		{at + "/a", "", "must not be empty"},
		{at + "/a", "{", "JSON"},
		{at + "/a", large, "has 262146 bytes; a step has at most 262144"},
		{at, `{"steps":{"ok":1,"large":` + large + `}}`, `"/steps/large"`},
		{at, `{"steps":{"ok":1,"":2}}`, `"/steps/"`},
		{at, `{"steps":[1]}`, "must be a JSON object"},
		{at, `{}`, `"/steps"`},
		{at, `{"steps":{"a":1,"a":2}}`, "duplicate key"},
	} {
		if got := h.do("PUT", test.path, test.body); got.status != 400 || !strings.Contains(got.body, test.want) {
			t.Errorf("%s %.40s: %d %.300s", test.path, test.body, got.status, got.body)
		}
	}
	if list := h.want("GET", "/api/tasks/"+id+"/steps", "").list(h); len(list) != 0 {
		t.Errorf("some of what was refused is kept: %v", list)
	}
}
