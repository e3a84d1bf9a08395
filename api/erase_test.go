package api

import (
	"fmt"
	"strings"
	"testing"

	"daybook/eventlog/eventlogtest"
	"daybook/projection"
)

func TestATaskIsErasedByAnAdminOnly(t *testing.T) {
	h := open(t, nil)
	tokens := guarded(h)
	id := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, bearer(tokens[projection.Admin]), "Prefer: wait=10").object(h)["id"].(string)
	for role, token := range tokens {
		want := map[bool]int{true: 200, false: 403}[role == projection.Admin]
		if got := h.do("POST", "/api/tasks/"+id+"/erase", `{"reason":"asked for"}`, bearer(token)); got.status != want {
			t.Errorf("%s: %d %s", role, got.status, got.body)
		}
	}
	events := h.want("GET", "/api/log?type=task.erased", "", bearer(tokens[projection.Admin])).list(h)
	if len(events) != 1 || events[0]["actor"] != "token:root" {
		t.Errorf("erasures: %v", events)
	}
}

func TestAnErasureNeedsAReasonAndAnEndedTask(t *testing.T) {
	h := open(t, nil)
	live := h.submit(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"text":"Ada"}}`)
	at := "/api/tasks/" + live + "/erase"
	for _, body := range []string{"", "{}", `{"reason":""}`, `{"reason":null}`} {
		if got := h.do("POST", at, body); got.status != 400 || !strings.Contains(got.body, `"/reason"`) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.do("POST", at, `{"reason":"`+strings.Repeat("x", 1001)+`"}`); got.status != 400 || !strings.Contains(got.body, "must have at most 1000 bytes") {
		t.Errorf("a long reason: %d %s", got.status, got.body)
	}
	if got := h.do("POST", at, `{"reason":"asked for"}`); got.status != 400 || !strings.Contains(got.body, "#not-ended") || !strings.Contains(got.body, "Cancel it first with DELETE /api/tasks/"+live) {
		t.Errorf("a live task: %d %s", got.status, got.body)
	}
	if got := h.do("POST", "/api/tasks/01KA0M5Z7Q8G4S2B6D9XEJ3V1T/erase", `{"reason":"asked for"}`); got.status != 404 {
		t.Errorf("no task: %d", got.status)
	}
	if body := h.want("GET", "/api/tasks/"+live, "").body; !strings.Contains(body, "Ada") || strings.Contains(body, `"erased"`) {
		t.Errorf("the live task: %s", body)
	}
}

func TestAnErasedTaskShowsNothingOfItsTexts(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","subject":"letter to Ada","parameters":{"text":"Ada"}}`)
	h.until(id, "SUCCESS")
	if n := len(h.want("GET", "/api/tasks/?q=ada", "").list(h)); n != 1 {
		t.Fatalf("%d tasks are found", n)
	}
	for range 2 {
		got := h.want("POST", "/api/tasks/"+id+"/erase", `{"reason":"asked for"}`).object(h)
		if got["erased"] != true || got["parameters"] != nil || got["result_data"] != nil || got["subject"] != nil || got["status"] != "SUCCESS" {
			t.Errorf("the answer: %v", got)
		}
	}
	for _, path := range []string{"/api/tasks/" + id, "/api/tasks/", "/api/tasks/" + id + "/events?payload=1", "/api/tasks/?format=csv"} {
		body := h.want("GET", path, "").body
		if path == "/api/tasks/"+id+"/events?payload=1" {
			body = strings.ReplaceAll(body, `"subject":"letter to Ada"`, "") // a fact
			if n := strings.Count(body, `"type":"task.erased"`); n != 1 || !strings.Contains(body, "asked for") {
				t.Errorf("%d erasures: %s", n, body)
			}
		}
		if strings.Contains(body, "Ada") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if n := len(h.want("GET", "/api/tasks/?q=ada", "").list(h)); n != 0 {
		t.Errorf("%d tasks are found after the erasure", n)
	}
	if got := h.do("POST", "/api/tasks/"+id+"/retry", `{"parameters":{"text":"Bob"}}`); got.status != 400 {
		t.Errorf("a retry of what has succeeded: %d %s", got.status, got.body)
	}
}

func TestAFailedTaskThatWasErasedIsRetriedOnlyWithNewParameters(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"FAIL","max_attempts":1,"unique":{}}`)
	h.until(id, "FAILED")
	h.want("POST", "/api/tasks/"+id+"/retry", "", "Idempotency-Key: first")
	h.until(id, "FAILED")
	h.want("POST", "/api/tasks/"+id+"/erase", `{"reason":"asked for"}`)
	for _, key := range []string{"X-None: 1", "Idempotency-Key: first", "Idempotency-Key: other"} {
		if got := h.do("POST", "/api/tasks/"+id+"/retry", "", key); got.status != 400 || !strings.Contains(got.body, "was erased") {
			t.Errorf("%s: %d %s", key, got.status, got.body)
		}
	}
	if got := h.do("POST", "/api/tasks/"+id+"/retry", `{"parameters":{}}`); got.status != 201 && got.status != 200 {
		t.Errorf("with parameters: %d %s", got.status, got.body)
	}
	h.want("POST", "/api/tasks/"+id+"/erase", `{"reason":"asked for"}`)
}

func TestABulkThatErasesNeedsAnAdminAndAReason(t *testing.T) {
	h := open(t, nil)
	tokens := guarded(h)
	root, olga := bearer(tokens[projection.Admin]), bearer(tokens[projection.Operator])
	for range 3 {
		h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"q"}`, root, "Prefer: wait=10")
	}
	h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"q","delay_seconds":3600}`, root)
	for _, body := range []string{`{"action":"erase","filter":{},"dry_run":true}`, `{"action":"erase","filter":{},"reason":"asked for"}`} {
		if got := h.do("POST", "/api/tasks/bulk", body, olga); got.status != 403 || !strings.Contains(got.body, "The action erase needs the role admin") {
			t.Errorf("an operator: %d %s", got.status, got.body)
		}
	}
	preview := h.want("POST", "/api/tasks/bulk", `{"action":"erase","filter":{"queue":"q"},"dry_run":true}`, root).object(h)
	if short := fmt.Sprint(preview["matched"], preview["would_change"], preview["skipped"]); short != "4 3 map[not_ended:1]" {
		t.Errorf("the preview: %s", short)
	}
	if got := h.do("POST", "/api/tasks/bulk", `{"action":"erase","filter":{"queue":"q"}}`, root); got.status != 400 || !strings.Contains(got.body, `"/reason"`) {
		t.Errorf("without a reason: %d %s", got.status, got.body)
	}
	done := h.want("POST", "/api/tasks/bulk", `{"action":"erase","filter":{"queue":"q"},"reason":"asked for"}`, root).object(h)
	if short := fmt.Sprint(done["changed"], done["skipped"], bulkIn(done)["undoable"]); short != "3 map[not_ended:1] false" {
		t.Errorf("done: %s", short)
	}
	if got := h.do("POST", "/api/bulks/"+done["id"].(string)+"/undo", "", root); got.status != 400 || !strings.Contains(got.body, "what was erased is gone") {
		t.Errorf("an undo: %d %s", got.status, got.body)
	}
	if n := len(h.want("GET", "/api/log?type=task.erased", "", root).list(h)); n != 3 {
		t.Errorf("%d tasks were erased", n)
	}
}

func TestABulkSaysWhyItDoesNotGoOn(t *testing.T) {
	h := open(t, noErasing{eventlogtest.NewMemory()})
	h.until(h.submit(`{"task_type":"ECHO","queue":"q"}`), "SUCCESS")
	got := h.do("POST", "/api/tasks/bulk", `{"action":"erase","filter":{"queue":"q"},"reason":"asked for"}`, "Prefer: wait=2").object(h)
	now := h.want("GET", "/api/bulks/"+got["id"].(string), "").object(h)
	held, _ := now["held_up"].(map[string]any)
	if now["status"] != "RUNNING" || held == nil || !strings.Contains(held["detail"].(string), "The disk is full") {
		t.Errorf("held up: %v", now)
	}
	one := h.do("POST", "/api/tasks/"+h.want("GET", "/api/tasks/?queue=q", "").list(h)[0]["id"].(string)+"/erase", `{"reason":"asked for"}`, "Prefer: wait=1")
	if one.status != 202 || !strings.Contains(one.body, `"erased":true`) || !strings.Contains(one.body, `"parameters":null`) {
		t.Errorf("one task: %d %s", one.status, one.body)
	}
}

func TestAWorkflowIsNotRetriedFromATaskThatWasErased(t *testing.T) {
	h := open(t, nil)
	made := h.want("POST", "/api/workflows", `{"name":"w","tasks":{"a":{"task_type":"FAIL","max_attempts":1},"b":{"task_type":"ECHO","depends_on":["a"]}}}`).object(h)
	whole, a := made["id"].(string), made["tasks"].(map[string]any)["a"].(map[string]any)["id"].(string)
	h.until(whole, "FAILED")
	h.want("POST", "/api/tasks/"+a+"/erase", `{"reason":"asked for"}`)
	if got := h.do("POST", "/api/workflows/"+whole+"/retry", `{"from":"a"}`); got.status != 400 || !strings.Contains(got.body, "that was not erased") {
		t.Errorf("from the erased task: %d %s", got.status, got.body)
	}
	h.want("POST", "/api/workflows/"+whole+"/retry", `{}`)
	h.until(whole, "FAILED") // it leaves the erased task as it is, and waits for nothing
}

// What was erased is not done again: each way to ask for it says so in its own words.
func TestWhatWasErasedIsNotDoneAgain(t *testing.T) {
	h := open(t, nil)
	flow := h.want("POST", "/api/workflows", `{"name":"w","tasks":{"a":{"task_type":"FAIL","max_attempts":1},"b":{"task_type":"ECHO","depends_on":["a"]},"c":{"task_type":"ECHO"}}}`).object(h)
	id := flow["id"].(string)
	h.until(id, "FAILED")
	tasks := flow["tasks"].(map[string]any)
	of := func(name string) string { return tasks[name].(map[string]any)["id"].(string) }
	h.want("POST", "/api/tasks/"+of("a")+"/erase", `{"reason":"asked for"}`)
	if got := h.do("POST", "/api/workflows/"+id+"/retry", `{"from":"a"}`); got.status != 400 || !strings.Contains(got.body, `"/from"`) || !strings.Contains(got.body, "was not erased") {
		t.Errorf("from what was erased: %d %s", got.status, got.body)
	}
	h.want("POST", "/api/tasks/"+of("b")+"/erase", `{"reason":"asked for"}`)
	if got := h.do("POST", "/api/workflows/"+id+"/retry", ""); got.status != 400 || !strings.Contains(got.body, "all that would run again was erased") {
		t.Errorf("nothing can run again: %d %s", got.status, got.body)
	}
	if got := h.want("GET", "/api/tasks/"+id, "").object(h); got["status"] != "FAILED" {
		t.Errorf("the workflow: %v", got)
	}
	h.want("POST", "/api/workflows/"+id+"/retry", `{"from":"c"}`)
	if got := h.want("POST", "/api/tasks/"+of("a")+"/retry", `{"parameters":{"text":"new"}}`).object(h); got["id"] == of("a") || got["retry_of"] != of("a") {
		t.Errorf("with new parameters: %v", got)
	}
}
