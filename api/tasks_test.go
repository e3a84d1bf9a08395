package api

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// steady replaces what differs from run to run.
func steady(body string) string {
	for _, r := range []struct{ pattern, with string }{
		{`"[0-9A-HJKMNP-TV-Z]{26}"`, `"ID"`},
		{`(task|server):[0-9A-HJKMNP-TV-Z]{26}`, `$1:ID`},
		{`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"`, `"TIME"`},
		{`"[0-9a-f]{64}"`, `"HASH"`},
	} {
		body = regexp.MustCompile(r.pattern).ReplaceAllString(body, r.with)
	}
	return body
}

func TestASubmittedTaskIsAnsweredAsItsOwnEventMadeIt(t *testing.T) {
	h := open(t, nil)
	a := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","parameters":{"n":1.50},"queue":"q","priority":-3,
		"run_at":"2099-01-02T03:04:05.5+01:00","max_attempts":5,"timeout_seconds":1.5,"tags":["a","ü \"x\""],"idempotency_key":"k"}`)
	want := `{"id":"ID","task_type":"ECHO","status":"PENDING","created_at":"TIME","started_at":null,"completed_at":null,` +
		`"ready_at":"TIME","progress":0,"progress_message":null,"parameters":{"n":1.50,"made":true},"result_data":null,"error_message":null,` +
		`"queue":"q","priority":-3,"run_at":"TIME","waiting_for":{"reason":"run_at","until":"TIME"},"subject":"number 1.50","outcome":null,"partial":false,"attempt":0,"max_attempts":5,` +
		`"attempts_before_retry":0,"timeout_seconds":1.5,"tags":["a","ü \"x\""],"idempotency_key":"k","concurrency_key":null,"unique":null,"retry_of":null,"retried_as":null,"replaced_by":null,"parent_id":null,"child_name":null,"workflow_id":null,"traceparent":null,"depends_on":[],"on_dependency_failure":null,"because":null,"worker":null,"version":1,"progress_reports":0,"steps":0,"children":0,"last_seq":2}`
	if diff := cmp.Diff(want, steady(a.body)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(a.body, `"run_at":"2099-01-02T02:04:05.500000Z"`) {
		t.Error("run_at is not what was asked for:", a.body)
	}
	if got := a.header.Get("Location"); got != "/api/tasks/"+a.object(t)["id"].(string) {
		t.Error("Location:", got)
	}
	if free := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`).object(t); free["waiting_for"] != nil {
		t.Error("a slot is free, and yet it waits for", free["waiting_for"])
	}
	if a.header.Get("Content-Length") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("header:", a.header)
	}
}

func TestATaskIsReadWithItsResultAndTheSeqItShows(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO"}`)
	h.until(id, "SUCCESS")
	a := h.want("GET", "/api/tasks/"+id+"/", "")
	want := `{"id":"ID","task_type":"ECHO","status":"SUCCESS","created_at":"TIME","started_at":"TIME","completed_at":"TIME",` +
		`"ready_at":"TIME","progress":100,"progress_message":null,"parameters":{"made":true},"result_data":{"made":true},"error_message":null,` +
		`"queue":"default","priority":0,"run_at":null,"waiting_for":null,"subject":null,"outcome":null,"partial":false,"attempt":1,"max_attempts":3,` +
		`"attempts_before_retry":0,"timeout_seconds":null,"tags":[],"idempotency_key":null,"concurrency_key":null,"unique":null,"retry_of":null,"retried_as":null,"replaced_by":null,"parent_id":null,"child_name":null,"workflow_id":null,"traceparent":null,"depends_on":[],"on_dependency_failure":null,"because":null,"worker":null,"version":3,"progress_reports":0,"steps":0,"children":0,"last_seq":4}`
	if diff := cmp.Diff(want, steady(a.body)); diff != "" {
		t.Error(diff)
	}
	if a.header.Get("X-Log-Seq") != "4" {
		t.Error("X-Log-Seq:", a.header.Get("X-Log-Seq"))
	}
}

func TestARunningTaskIsCancelledOnceAndAnEndedOneNever(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"HOLD"}`)
	running := h.until(id, "RUNNING")
	for running["progress"] != 50.0 {
		running = h.until(id, "RUNNING")
	}
	if running["progress_message"] != "half way" {
		t.Error("progress message:", running["progress_message"])
	}
	a := h.want("DELETE", "/api/tasks/"+id, "")
	want := `{"message":"Cancellation requested; the task stops within a second","task_id":"ID","status":"RUNNING"}`
	if diff := cmp.Diff(want, steady(a.body)); diff != "" {
		t.Error(diff)
	}
	h.until(id, "CANCELLED")
	again := h.do("DELETE", "/api/tasks/"+id, "")
	if again.status != 400 || again.object(t)["type"] != "/docs#already-ended" {
		t.Error("a second cancel:", again.status, again.body)
	}
}

func TestACancelSaysWhatItsEndWaitsFor(t *testing.T) {
	h := open(t, nil)
	id, token, _ := h.leaseOne()
	if a := h.want("DELETE", "/api/tasks/"+id, ""); !strings.Contains(a.body, "the worker is told by its next call") {
		t.Error("while a worker has it:", a.body)
	}
	h.do("POST", "/api/leases/"+token+"/release", "{}") // 409: it was cancelled
	h.until(id, "CANCELLED")
	parent, token, _ := h.leaseOne()
	h.want("POST", "/api/leases/"+token+"/children", `{"step":"fan","tasks":{"a":{"task_type":"HOLD"}}}`)
	h.want("POST", "/api/leases/"+token+"/complete", `{"result":1}`)
	if a := h.want("DELETE", "/api/tasks/"+parent, ""); !strings.Contains(a.body, "the task ends when its children have") {
		t.Error("while its child runs:", a.body)
	}
	h.until(parent, "CANCELLED")
}

func TestAPendingTaskIsCancelledAtOnce(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	a := h.want("DELETE", "/api/tasks/"+id+"/", "")
	if want := `{"message":"Task cancelled","task_id":"` + id + `","status":"CANCELLED"}`; a.body != want {
		t.Error(a.body)
	}
}

func TestAFailedTaskIsSentRoundAgainAndAPendingOneIsNot(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"FAIL"}`)
	failed := h.until(id, "FAILED")
	if failed["error_message"] != `it "broke"` {
		t.Error("error_message:", failed["error_message"])
	}
	again := h.want("POST", "/api/tasks/"+id+"/retry", "").object(t)
	if again["id"] != id || again["status"] != "PENDING" || again["error_message"] != nil || again["completed_at"] != nil {
		t.Error("retried:", again)
	}
	waits := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	if a := h.do("POST", "/api/tasks/"+waits+"/retry", ""); a.status != 400 {
		t.Error("retry of a pending task:", a.status, a.body)
	}
}

func TestTheSameKeyGivesTheFirstTaskWhateverTheOrderOfTheKeys(t *testing.T) {
	h := open(t, nil)
	first := h.want("POST", "/api/tasks/submit", `{"task_type":"HOLD","parameters":{"a":1,"b":{"c":2,"d":3}}}`, "Idempotency-Key: key 1")
	again := h.want("POST", "/api/tasks/submit", `{"parameters":{"b":{"d":3,"c":2},"a":1},"idempotency_key":"key 1","task_type":"HOLD"}`)
	if again.object(t)["id"] != first.object(t)["id"] || again.header.Get("Idempotent-Replayed") != "true" {
		t.Error("not replayed:", again.header, again.body)
	}
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first one was no replay")
	}
	other := h.do("POST", "/api/tasks/submit", `{"task_type":"HOLD","parameters":{"a":2}}`, "Idempotency-Key: key 1")
	if other.status != 409 || other.object(t)["type"] != "/docs#key-reused" {
		t.Error("another request with that key:", other.status, other.body)
	}
}

func TestABatchSaysWhichItemsWereThereAlready(t *testing.T) {
	h := open(t, nil)
	const header = "Idempotent-Replayed-Items"
	first := h.want("POST", "/api/tasks/batch", `[{"task_type":"HOLD","idempotency_key":"a"},{"task_type":"HOLD"}]`)
	if got, ok := first.header[header]; ok {
		t.Errorf("nothing was replayed, the header says %q", got)
	}
	again := h.want("POST", "/api/tasks/batch", `[{"task_type":"HOLD","idempotency_key":"a"},{"task_type":"HOLD"},
		{"task_type":"HOLD","idempotency_key":"b"},{"task_type":"HOLD","idempotency_key":"b"}]`)
	if got := again.header.Get(header); got != "0,3" {
		t.Errorf("the header says %q", got)
	}
	all := `[` + strings.Repeat(`{"task_type":"HOLD","idempotency_key":"a"},`, 999) + `{"task_type":"HOLD"}]`
	if got := h.want("POST", "/api/tasks/batch", all).header.Get(header); got != "0-998" {
		t.Errorf("a long run: the header says %q", got)
	}
	tasks := again.list(t)
	if tasks[0]["id"] != first.list(t)[0]["id"] || tasks[2]["id"] != tasks[3]["id"] || tasks[1]["id"] == first.list(t)[1]["id"] {
		t.Error(again.body)
	}
}

func TestPreferWaitHoldsTheAnswerUntilTheTaskEnds(t *testing.T) {
	h := open(t, nil)
	a := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","parameters":{"n":7}}`, "Prefer: respond-async, wait=20")
	got := a.object(t)
	if got["status"] != "SUCCESS" || a.header.Get("Preference-Applied") != "wait=20" {
		t.Error(a.header, a.body)
	}
	if diff := cmp.Diff(map[string]any{"n": 7.0, "made": true}, got["result_data"]); diff != "" {
		t.Error(diff)
	}
}

func TestALongPollEndsWhenTheServerStops(t *testing.T) {
	h := open(t, nil)
	done := make(chan answer)
	go func() {
		done <- h.do("POST", "/api/tasks/submit", `{"task_type":"HOLD"}`, "Prefer: wait=60")
	}()
	for h.views.Seq() < 3 {
		changed := h.views.Changed()
		if h.views.Seq() < 3 {
			<-changed
		}
	}
	h.api.StopStreams()
	if a := <-done; a.status != 200 || a.object(t)["status"] == "SUCCESS" {
		t.Error(a.status, a.body)
	}
}

func TestABatchIsAnsweredInOrder(t *testing.T) {
	h := open(t, nil)
	for _, c := range []struct{ kind, body string }{
		{"application/json", `[{"task_type":"ECHO","parameters":{"n":0}}, {"task_type":"ECHO","parameters":{"n":1}}]`},
		{"application/x-ndjson", "{\"task_type\":\"ECHO\",\"parameters\":{\"n\":0}}\n\n {\"task_type\" : \"ECHO\",\"parameters\":{\"n\":1}}"},
	} {
		tasks := h.want("POST", "/api/tasks/batch", c.body, "Content-Type: "+c.kind).list(t)
		if len(tasks) != 2 {
			t.Fatal(c.kind, tasks)
		}
		for i, one := range tasks {
			if n := one["parameters"].(map[string]any)["n"]; n != float64(i) {
				t.Errorf("%s: task %d has n %v", c.kind, i, n)
			}
		}
	}
}

func TestABatchWithOneBadItemSubmitsNothing(t *testing.T) {
	h := open(t, nil)
	before := h.log.Head().Seq
	for pointer, body := range map[string]string{
		"/3/priority":     `[{"task_type":"ECHO"},{"task_type":"ECHO"},{"task_type":"ECHO"},{"task_type":"ECHO","priority":101}]`,
		"/1/task_type":    `[{"task_type":"ECHO"},{"task_type":"NOPE"}]`,
		"/1/parameters/n": `[{"task_type":"ECHO"},{"task_type":"ECHO","parameters":{"n":"x"}}]`,
		"/1/tags/0":       `[{"task_type":"ECHO"},{"task_type":"ECHO","tags":[""]}]`, // refused by the domain
		"/1":              `[{"task_type":"ECHO"},5]`,
		"/0/x":            `[{"task_type":"ECHO","x":1}]`,
	} {
		a := h.do("POST", "/api/tasks/batch", body)
		if a.status != 400 || !strings.Contains(a.body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s: %d %s", pointer, a.status, a.body)
		}
	}
	h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","idempotency_key":"used","delay_seconds":3600}`)
	a := h.do("POST", "/api/tasks/batch", `[{"task_type":"ECHO"},{"task_type":"FAIL","idempotency_key":"used"}]`)
	if a.status != 409 || !strings.Contains(a.body, `"pointer":"/1"`) {
		t.Error("key reuse:", a.status, a.body)
	}
	if head := h.log.Head().Seq; head > before+2 {
		t.Errorf("head moved from %d to %d", before, head)
	}
}

func TestATaskWaitsForCapacityOnlyWhileAllSlotsAreBusy(t *testing.T) {
	h := open(t, nil)
	for range 2 {
		a := h.want("POST", "/api/tasks/submit", `{"task_type":"HOLD"}`).object(t)
		h.until(a["id"].(string), "RUNNING")
	}
	third := h.want("POST", "/api/tasks/submit", `{"task_type":"HOLD"}`).object(t)
	if diff := cmp.Diff(map[string]any{"reason": "capacity", "running": 2.0, "slots": 2.0}, third["waiting_for"]); diff != "" {
		t.Error(diff)
	}
}

func TestHealthIsWhatOldClientsExpect(t *testing.T) {
	h := open(t, nil)
	var got map[string]string
	if err := json.Unmarshal([]byte(h.want("GET", "/api/health", "").body), &got); err != nil {
		t.Fatal(err)
	}
	if got["status"] != "healthy" || got["message"] == "" || len(got) != 2 {
		t.Error(got)
	}
}

func TestATimeoutOfZeroIsNone(t *testing.T) {
	h := open(t, nil)
	for given, want := range map[string]any{"0": nil, "0.0": nil, "-0": nil, "0.001": 0.001, "2592000": 2592000.0} {
		task := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","timeout_seconds":`+given+`}`).object(t)
		if task["timeout_seconds"] != want {
			t.Error(given, task["timeout_seconds"])
		}
	}
}
