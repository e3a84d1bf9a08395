package api

import (
	"strings"
	"testing"
)

func TestATaskSaysWhatItDependsOnAndWhyItWasCancelled(t *testing.T) {
	h := open(t, nil)
	first, token, _ := h.leaseOne()
	second := h.want("POST", "/api/tasks/submit", `{"task_type":"REMOTE","depends_on":["`+first+`"]}`).object(h)
	waits := second["waiting_for"].(map[string]any)
	if waits["reason"] != "dependencies" || waits["open"] != 1.0 || waits["waiting_on"].([]any)[0] != first || waits["names"].([]any)[0] != first {
		t.Errorf("it waits for %v", waits)
	}
	if on := second["depends_on"].([]any)[0].(map[string]any); on["task"] != first || on["when"] != "succeeded" || on["name"] != nil || second["on_dependency_failure"] != "cancel" {
		t.Errorf("it depends on %v, %v", on, second["on_dependency_failure"])
	}
	clean := h.want("POST", "/api/tasks/submit", `{"task_type":"REMOTE","depends_on":[{"task":"`+first+`","when":"failed","name":"first"}]}`).object(h)
	if waits := clean["waiting_for"].(map[string]any); waits["waiting_on"].([]any)[0] != first || waits["names"].([]any)[0] != "first" {
		t.Errorf("by a name of its own it waits for %v", waits)
	}
	anyway := h.want("POST", "/api/tasks/batch", `[{"task_type":"REMOTE","depends_on":["`+first+`"],"on_dependency_failure":"run"}]`).list(h)[0]
	h.want("POST", "/api/leases/"+token+"/fail", `{"error":"no","retryable":false}`)
	for range 2 {
		if got := h.leaseAgain()["task"].(map[string]any)["id"]; got != clean["id"] && got != anyway["id"] {
			t.Errorf("%v was leased", got)
		}
	}
	ended := h.want("GET", "/api/tasks/"+second["id"].(string), "").object(h)
	if ended["status"] != "CANCELLED" || ended["because"] != first {
		t.Errorf("it is %v because of %v", ended["status"], ended["because"])
	}
	if got := h.do("POST", "/api/tasks/"+second["id"].(string)+"/retry", ""); got.status != 400 || !strings.Contains(got.body, "#dependency-ended") || !strings.Contains(got.body, `"task_id":"`+first+`"`) {
		t.Errorf("a retry that would be cancelled again: %d %s", got.status, got.body)
	}
}

func TestDependenciesThatAreWrongAreRefusedWithTheirPlace(t *testing.T) {
	h := open(t, nil)
	id, _, _ := h.leaseOne()
	before := h.want("GET", "/api/stats", "").object(h)["seq"]
	for body, place := range map[string]string{
		`"x"`:                                            "/depends_on",
		`["x"]`:                                          "/depends_on/0",
		`["00000000000000000000000001"]`:                 "/depends_on/0",
		`["` + id + `","` + id + `"]`:                    "/depends_on/1",
		`[{"task":"` + id + `","when":"done"}]`:          "/depends_on/0/when",
		`[{"task":"` + id + `","name":"a b"}]`:           "/depends_on/0/name",
		`[{"task":"` + id + `","of":1}]`:                 "/depends_on/0/of",
		`[{"when":"ended"}]`:                             "/depends_on/0/task",
		`["` + id + `"],"on_dependency_failure":"maybe"`: "/on_dependency_failure",
		`[],"on_dependency_failure":"run"`:               "/on_dependency_failure",
		`[{"task":"` + id + `","when":"failed"}],"on_dependency_failure":"run"`: "/depends_on/0/when",
	} {
		got := h.do("POST", "/api/tasks/submit", `{"task_type":"REMOTE","depends_on":`+body+`}`)
		if got.status != 400 || !strings.Contains(got.body, `"pointer":"`+place+`"`) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if after := h.want("GET", "/api/stats", "").object(h)["seq"]; after != before {
		t.Errorf("the log has grown from %v to %v", before, after)
	}
}

func TestALeaseHasTheResultsOfTheDependencies(t *testing.T) {
	h := open(t, nil)
	first, token, lease := h.leaseOne()
	if on := lease["dependencies"].(map[string]any); len(on) != 0 {
		t.Errorf("a task that depends on none has %v", on)
	}
	submit := func(path string) string {
		return h.submit(`{"task_type":"REMOTE","depends_on":[{"task":"` + first + `","name":"first"}],"parameters":{"of":{"$from":"first","path":"` + path + `"}}}`)
	}
	fits, lost := submit("/files/0"), submit("/files/1")
	h.want("POST", "/api/leases/"+token+"/complete", `{"result":{"files":["f"]}}`)
	got := h.leaseAgain()
	if id, of := got["task"].(map[string]any)["id"], got["task"].(map[string]any)["parameters"].(map[string]any)["of"]; id != fits || of != "f" {
		t.Errorf("%v was leased with %v", id, of)
	}
	if on := got["dependencies"].(map[string]any)["first"].(map[string]any); on["id"] != first || on["status"] != "SUCCESS" || on["result_data"] == nil {
		t.Errorf("it got %v", on)
	}
	if more := h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"]}`).object(h)["leases"].([]any); len(more) != 0 {
		t.Errorf("%v was leased too", more)
	}
	if failed := h.want("GET", "/api/tasks/"+lost, "").object(h); failed["status"] != "FAILED" || !strings.Contains(failed["error_message"].(string), "/files/1") {
		t.Errorf("the other is %v: %v", failed["status"], failed["error_message"])
	}
	for reference, place := range map[string]string{`{"$from":"second"}`: "/parameters/a/$from", `{"$from":"first","path":"x"}`: "/parameters/a/path", `{"$from":"first","x":1}`: "/parameters/a/x"} {
		got := h.do("POST", "/api/tasks/submit", `{"task_type":"REMOTE","depends_on":[{"task":"`+first+`","name":"first"}],"parameters":{"a":`+reference+`}}`)
		if got.status != 400 || !strings.Contains(got.body, `"pointer":"`+place+`"`) {
			t.Errorf("%s: %d %s", reference, got.status, got.body)
		}
	}
}
