package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestABadBulkIsRefusedWithTheReason(t *testing.T) {
	h := open(t, nil)
	for _, test := range []struct{ body, want string }{
		{``, "must not be empty"},
		{`{}`, `"/action"`},
		{`{"action":"cancel"}`, "{} means all tasks"},
		{`{"action":"destroy","filter":{}}`, "must be cancel, retry, reprioritise, run_now, move or erase"},
		{`{"action":"undo","filter":{}}`, "must be cancel, retry, reprioritise, run_now, move or erase"},
		{`{"action":"cancel","filter":[]}`, `"/filter"`},
		{`{"action":"cancel","filter":{"ids":[]}}`, "at least 1 item"},
		{`{"action":"cancel","filter":{"ids":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}}`, `"/filter/ids"`},
		{`{"action":"cancel","filter":{"ids":["01ARZ3NDEKTSV4RRFFQ69G5FAV","nothing"]}}`, `"/filter/ids/1"`},
		{`{"action":"cancel","filter":{"ids":[` + strings.Repeat(`"01ARZ3NDEKTSV4RRFFQ69G5FAV",`, 1000) + `"01ARZ3NDEKTSV4RRFFQ69G5FAV"]}}`, "at most 1000 items"},
		{`{"action":"cancel","filter":{"ids":["01ARZ3NDEKTSV4RRFFQ69G5FAV"],"queue":"q"}}`, "goes with no other filter"},
		{`{"action":"cancel","filter":{"state":"FAILED"}}`, `"/filter/state"`},
		{`{"action":"cancel","filter":{"status":"BROKEN"}}`, `"/filter/status"`},
		{`{"action":"cancel","filter":{"status":["FAILED","BROKEN"]}}`, `"/filter/status"`},
		{`{"action":"cancel","filter":{"waiting":"long"}}`, `"/filter/waiting"`},
		{`{"action":"cancel","filter":{"queue":"a b"}}`, `"/filter/queue"`},
		{`{"action":"cancel","filter":{"created_after":"yesterday"}}`, `"/filter/created_after"`},
		{`{"action":"cancel","filter":{"duration_min":-1}}`, `"/filter/duration_min"`},
		{`{"action":"cancel","filter":{"q":"` + strings.Repeat("é", 201) + `"}}`, "at most 200 characters"},
		{`{"action":"cancel","filter":{"tag":[` + strings.Repeat(`"t",`, 100) + `"t"]}}`, "at most 100 items"},
		{`{"action":"reprioritise","filter":{}}`, `"/priority"`},
		{`{"action":"reprioritise","filter":{},"priority":101}`, `"/priority"`},
		{`{"action":"cancel","filter":{},"priority":1}`, "goes only with the action reprioritise"},
		{`{"action":"move","filter":{}}`, `"/run_at"`},
		{`{"action":"run_now","filter":{},"run_at":"2100-01-01T00:00:00Z"}`, "goes only with the action move"},
		{`{"action":"cancel","filter":{},"expected_count":-1}`, `"/expected_count"`},
		{`{"action":"cancel","filter":{},"dry_run":"yes"}`, `"/dry_run"`},
		{`{"action":"cancel","filter":{},"reason":"` + strings.Repeat("r", 1001) + `"}`, `"/reason"`},
		{`{"action":"cancel","filter":{},"why":"so"}`, "is not a field of this request"},
	} {
		if got := h.do("POST", "/api/tasks/bulk", test.body); got.status != 400 || !strings.Contains(got.body, test.want) {
			t.Errorf("%.80s: %d %.300s", test.body, got.status, got.body)
		}
	}
	if list := h.want("GET", "/api/bulks", "").list(h); len(list) > 0 {
		t.Errorf("some of what was refused was started: %v", list)
	}
}

// bulkIn is the bulk in an answer.
func bulkIn(answer map[string]any) map[string]any {
	bulk, _ := answer["bulk"].(map[string]any)
	return bulk
}

func TestABulkChangesTheTasksThatAreNamed(t *testing.T) {
	h := open(t, nil)
	var all []string
	for range 250 {
		all = append(all, h.submit(`{"task_type":"ECHO","queue":"q","delay_seconds":3600}`))
	}
	ended := h.submit(`{"task_type":"ECHO","queue":"q"}`)
	h.until(ended, "SUCCESS")
	named := append(slices.Clone(all[:220]), ended, all[0], "01ARZ3NDEKTSV4RRFFQ69G5FAV") // one twice, and one that does not exist
	filter := `"filter":{"ids":["` + strings.Join(named, `","`) + `"]}`
	got := h.want("POST", "/api/tasks/bulk", `{"action":"cancel","dry_run":true,`+filter+`}`).object(h)
	if short := fmt.Sprint(got["matched"], got["would_change"], got["skipped"], len(got["sample"].([]any))); short != "221 220 map[already_ended:1] 10" {
		t.Errorf("preview: %s", short)
	}
	got = h.want("POST", "/api/tasks/bulk", `{"action":"cancel","expected_count":221,`+filter+`}`).object(h)
	if short := fmt.Sprint(got["matched"], got["changed"], got["skipped"]); short != "221 220 map[already_ended:1]" {
		t.Errorf("done: %s", short)
	}
	for i, id := range all {
		if status := h.want("GET", "/api/tasks/"+id, "").object(h)["status"]; (status == "CANCELLED") != (i < 220) {
			t.Fatalf("task %d is %v", i, status)
		}
	}
	if ids := bulkIn(got)["filter"].(map[string]any)["ids"].([]any); len(ids) != 222 {
		t.Errorf("the filter has %d ids", len(ids))
	}
	event := h.want("GET", "/api/log?type=bulk.started", "").list(h)
	if len(event) != 1 || event[0]["v"] != 2.0 {
		t.Errorf("%v", event)
	}
	h.want("POST", "/api/tasks/bulk", `{"action":"reprioritise","priority":1,"filter":{"queue":"q"}}`)
	if event = h.want("GET", "/api/log?type=bulk.started", "").list(h); event[1]["v"] != 1.0 {
		t.Errorf("%v", event)
	}
	root := h.token("", `{"name":"root","role":"admin"}`)
	limited := h.token(root, `{"name":"some","role":"operator","queues":["other"]}`)
	if got := h.want("POST", "/api/tasks/bulk", `{"action":"cancel","dry_run":true,"filter":{"ids":["`+all[230]+`"]}}`, bearer(limited)).object(h); got["matched"] != 0.0 {
		t.Errorf("a token of other queues: %v", got)
	}
}

func TestADryRunSaysWhatWouldHappenAndWritesNothing(t *testing.T) {
	h := open(t, nil)
	for range 12 {
		h.submit(`{"task_type":"ECHO","queue":"q","delay_seconds":3600}`)
	}
	h.until(h.submit(`{"task_type":"ECHO","queue":"q"}`), "SUCCESS")
	h.until(h.submit(`{"task_type":"FAIL","queue":"q","max_attempts":1}`), "FAILED")
	seq := h.want("GET", "/api/stats", "").object(h)["seq"]
	for action, want := range map[string]string{
		"cancel": "14 12 map[already_ended:2] 10", "retry": "14 1 map[not_ended:12 succeeded:1] 1", "run_now": "14 12 map[not_pending:2] 10",
	} {
		got := h.want("POST", "/api/tasks/bulk", `{"action":"`+action+`","dry_run":true,"filter":{"queue":"q"}}`).object(h)
		if short := fmt.Sprint(got["matched"], got["would_change"], got["skipped"], len(got["sample"].([]any))); short != want {
			t.Errorf("%s: %s, not %s", action, short, want)
		}
	}
	if now := h.want("GET", "/api/stats", "").object(h)["seq"]; now != seq {
		t.Errorf("the log is at %v, not %v", now, seq)
	}
	refused := h.do("POST", "/api/tasks/bulk", `{"action":"cancel","expected_count":13,"filter":{"queue":"q"}}`)
	if problem := refused.object(h); refused.status != 409 || problem["matched"] != 14.0 || !strings.Contains(refused.body, "expected_count is 13") {
		t.Errorf("%d %s", refused.status, refused.body)
	}
	got := h.want("POST", "/api/tasks/bulk", `{"action":"cancel","expected_count":14,"filter":{"queue":"q"},"reason":"not needed"}`).object(h)
	if short := fmt.Sprint(got["matched"], got["changed"], got["skipped"], bulkIn(got)["status"], bulkIn(got)["undoable"]); short != "14 12 map[already_ended:2]DONEtrue" {
		t.Errorf("done: %s", short)
	}
}

func TestABulkFindsWhatAListFinds(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","queue":"q","tags":["a"],"delay_seconds":3600,"parameters":{"text":"sales of may"}}`)
	h.submit(`{"task_type":"ECHO","queue":"q","tags":["b"],"delay_seconds":3600,"parameters":{"text":"sales of june"}}`)
	h.submit(`{"task_type":"ECHO","queue":"other","delay_seconds":3600}`)
	for filter, want := range map[string]float64{
		`{}`: 3, `{"queue":"q"}`: 2, `{"queue":["q","other"]}`: 3, `{"tag":"a"}`: 1, `{"tag":["a","b"]}`: 2, `{"q":"sales"}`: 2, `{"q":"sal jun"}`: 1,
		`{"q":"` + id + `"}`: 1, `{"waiting":"scheduled"}`: 3, `{"waiting":"ready"}`: 0, `{"status":"RUNNING"}`: 0, `{"task_type":"ECHO"}`: 3,
		`{"created_before":"2020-01-01T00:00:00Z"}`: 0, `{"created_after":"2020-01-01T00:00:00Z"}`: 3, `{"status":""}`: 3,
	} {
		got := h.want("POST", "/api/tasks/bulk", `{"action":"run_now","dry_run":true,"filter":`+filter+`}`).object(h)
		if got["matched"] != want {
			t.Errorf("%s matches %v, not %v", filter, got["matched"], want)
		}
	}
	done := h.want("POST", "/api/tasks/bulk", `{"action":"cancel","filter":{"q":"sales jun"}}`).object(h)
	if done["changed"] != 1.0 || fmt.Sprint(bulkIn(done)["filter"]) != "map[q:sales jun]" {
		t.Errorf("done: %v", done)
	}
	if h.want("GET", "/api/tasks/"+id, "").object(h)["status"] != "PENDING" {
		t.Error("another task was cancelled")
	}
}

func TestATokenForSomeQueuesChangesOnlyTheirTasks(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	mine := bearer(h.token(root, `{"name":"mine","role":"operator","queues":["q"]}`))
	viewer := bearer(h.token(root, `{"name":"viewer","role":"viewer"}`))
	ids := map[string]string{}
	for _, queue := range []string{"q", "other"} {
		ids[queue] = h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"`+queue+`","delay_seconds":3600}`, bearer(root)).object(h)["id"].(string)
	}
	all := h.want("POST", "/api/tasks/bulk", `{"action":"reprioritise","priority":2,"filter":{}}`, bearer(root)).object(h)
	if got := h.do("POST", "/api/tasks/bulk", `{"action":"cancel","filter":{}}`, viewer); got.status != 403 {
		t.Errorf("a viewer: %d", got.status)
	}
	if got := h.do("POST", "/api/tasks/bulk", `{"action":"cancel","filter":{"queue":"other"}}`, mine); got.status != 403 {
		t.Errorf("another queue: %d %s", got.status, got.body)
	}
	done := h.want("POST", "/api/tasks/bulk", `{"action":"cancel","filter":{}}`, mine).object(h)
	if done["changed"] != 1.0 || bulkIn(done)["actor"] != "token:mine" {
		t.Errorf("done: %v", done)
	}
	if got := h.want("GET", "/api/tasks/"+ids["other"], "", bearer(root)).object(h)["status"]; got != "PENDING" {
		t.Errorf("the task of another queue is %v", got)
	}
	if list := h.want("GET", "/api/bulks", "", mine).list(h); len(list) != 1 || list[0]["id"] != done["id"] {
		t.Errorf("it sees %v", list)
	}
	if got := h.do("POST", "/api/bulks/"+all["id"].(string)+"/undo", "", mine); got.status != 404 {
		t.Errorf("it undoes the bulk of another: %d", got.status)
	}
	seq := h.want("DELETE", "/api/tasks/"+ids["other"], "", bearer(root)).header.Get("X-Log-Seq")
	if got := h.do("POST", "/api/undo", `{"seq":`+seq+`}`, mine); got.status != 404 {
		t.Errorf("it undoes the cancel of another queue: %d", got.status)
	}
	if got := h.do("POST", "/api/undo", `{"seq":`+seq+`}`, viewer); got.status != 403 {
		t.Errorf("a viewer undoes: %d", got.status)
	}
	undone := h.want("POST", "/api/bulks/"+done["id"].(string)+"/undo", `{"reason":"oops"}`, mine).object(h)
	if undone["changed"] != 1.0 || bulkIn(undone)["undoes"] != done["id"] {
		t.Errorf("undone: %v", undone)
	}
}

func TestAnUndoOfAPauseNeedsThatPause(t *testing.T) {
	h := open(t, nil)
	pause := func() string {
		h.want("POST", "/api/queues/q/pause", "")
		events := h.want("GET", "/api/log?type=queue.paused&stream=queue:q", "").list(h)
		return fmt.Sprint(events[len(events)-1]["seq"])
	}
	first := pause()
	undone := h.want("POST", "/api/undo", `{"seq":`+first+`}`).object(h)
	if undone["queue"] != "q" || h.want("GET", "/api/queues/q", "").object(h)["paused"] != false {
		t.Errorf("undone: %v", undone)
	}
	second := pause()
	if got := h.do("POST", "/api/undo", `{"seq":`+first+`}`); got.status != 409 || !strings.Contains(got.body, "#changed-since") {
		t.Errorf("the first pause: %d %s", got.status, got.body)
	}
	h.want("POST", "/api/undo", `{"seq":`+second+`}`)
	for body, want := range map[string]int{`{"seq":100000}`: 404, `{"seq":0}`: 400, `{}`: 400, `{"seq":1,"why":1}`: 400, `{"seq":1}`: 400} {
		if got := h.do("POST", "/api/undo", body); got.status != want {
			t.Errorf("%s: %d, not %d: %s", body, got.status, want, got.body)
		}
	}
}
