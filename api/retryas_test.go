package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"

	"github.com/google/go-cmp/cmp"
)

// failed makes a task that has failed.
func (h *house) failed(more string) string {
	h.Helper()
	id := h.submit(`{"task_type":"FAIL","parameters":{"n":1}` + more + `}`)
	h.until(id, "FAILED")
	return id
}

func TestARetryWithParametersMakesAnotherTaskAndLinksTheTwo(t *testing.T) {
	h := open(t, nil)
	old := h.failed(`,"queue":"q","priority":4,"tags":["t"],"max_attempts":2,"timeout_seconds":9`)
	a := h.want("POST", "/api/tasks/"+old+"/retry", `{"parameters":{"n":2}}`)
	made := a.object(t)
	id := made["id"].(string)
	if id == old || a.header.Get("Location") != "/api/tasks/"+id {
		t.Errorf("%s is answered at %q", id, a.header.Get("Location"))
	}
	want := map[string]any{"task_type": "FAIL", "status": "PENDING", "parameters": map[string]any{"n": 2.0, "made": true}, "queue": "q",
		"priority": 4.0, "tags": []any{"t"}, "max_attempts": 2.0, "timeout_seconds": 9.0, "retry_of": old, "retried_as": nil, "attempt": 0.0}
	for name, value := range want {
		if diff := cmp.Diff(value, made[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if first := h.want("GET", "/api/tasks/"+old, "").object(t); first["retried_as"] != id || first["status"] != "FAILED" || first["retry_of"] != nil {
		t.Errorf("the old task: %v", first)
	}
	h.until(id, "FAILED")
	if a := h.want("POST", "/api/tasks/"+id+"/retry", `{"parameters":{}}`).object(t); a["retry_of"] != id {
		t.Errorf("a retry of a retry is of %v", a["retry_of"])
	}
}

func TestARetryUnderAKeyIsDoneOnceAlsoAfterARestart(t *testing.T) {
	log := eventlogtest.NewMemory()
	var id string
	for start := range 2 {
		t.Run(fmt.Sprint("start ", start), func(t *testing.T) {
			h := open(t, log)
			retried := func() (n int) {
				return strings.Count(h.want("GET", "/api/tasks/"+id+"/events", "").body, `"type":"task.retried"`)
			}
			if start == 0 {
				id = h.failed("")
				if a := h.want("POST", "/api/tasks/"+id+"/retry", "", "Idempotency-Key: one"); a.header.Get("Idempotent-Replayed") != "" {
					t.Errorf("the first: %v", a.header)
				}
				h.until(id, "FAILED")
				h.want("POST", "/api/tasks/"+id+"/retry", "{}", "Idempotency-Key: two")
				h.until(id, "FAILED")
			}
			head := h.log.Head().Seq
			for _, key := range []string{"one", "two", `"one"`} {
				a := h.want("POST", "/api/tasks/"+id+"/retry", "", "Idempotency-Key: "+key)
				if a.header.Get("Idempotent-Replayed") != "true" || a.object(t)["id"] != id || a.object(t)["status"] != "FAILED" {
					t.Errorf("%s again: %v %s", key, a.header, a.body)
				}
			}
			if n := retried(); n != 2 {
				t.Errorf("it was retried %d times", n)
			}
			if start == 0 && h.log.Head().Seq != head {
				t.Errorf("replays wrote %d events", h.log.Head().Seq-head)
			}
			if start == 1 {
				h.want("POST", "/api/tasks/"+id+"/retry", "", "Idempotency-Key: three")
				if n := retried(); n != 3 {
					t.Errorf("with another key it was retried %d times", n)
				}
			}
		})
	}
}

func TestOfManyRetriesUnderOneKeyOneIsDone(t *testing.T) {
	h := open(t, nil)
	id := h.failed("")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if a := h.do("POST", "/api/tasks/"+id+"/retry", "", "Idempotency-Key: k"); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if n := strings.Count(h.want("GET", "/api/tasks/"+id+"/events", "").body, `"type":"task.retried"`); n != 1 {
		t.Errorf("it was retried %d times", n)
	}
}

func TestARetryMayNameItsFilesAnew(t *testing.T) {
	h := open(t, nil)
	first, second := h.want("POST", "/api/files?name=a.csv", "a").object(t)["id"].(string), h.want("POST", "/api/files?name=b.csv", "b").object(t)["id"].(string)
	old := h.submit(`{"task_type":"FAIL","parameters":{"file":"` + first + `"},"file_names":{"` + first + `":"mine.csv"}}`)
	h.until(old, "FAILED")
	path := "/api/tasks/" + old + "/retry"
	for _, c := range []struct{ body, want string }{
		{`{"parameters":{"file":"` + first + `"}}`, "mine.csv"},
		{`{"parameters":{"file":"` + first + `"},"file_names":null}`, "mine.csv"},
		{`{"file_names":{"` + first + `":"dir/new.csv"},"parameters":{"file":"` + first + `"}}`, "new.csv"},
		{`{"parameters":{"file":"` + second + `"}}`, "b.csv"},
	} {
		if subject := h.want("POST", path, c.body).object(t)["subject"]; subject != c.want {
			t.Errorf("%s: it works on %v, not %s", c.body, subject, c.want)
		}
	}
	for body, pointer := range map[string]string{
		`{"file_names":{"` + first + `":"x"}}`: "/file_names", `{"parameters":{},"file_names":[]}`: "/file_names",
		`{"parameters":{"file":"` + second + `"},"file_names":{"` + first + `":"x"}}`: "/file_names/" + first,
	} {
		if a := h.do("POST", path, body); a.status != 400 || !strings.Contains(a.body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestARetryWithoutParametersSendsTheSameTaskRoundAgain(t *testing.T) {
	h := open(t, nil)
	id := h.failed("")
	for _, body := range []string{"", " \n", "{}", `{"parameters":null}`} {
		a := h.want("POST", "/api/tasks/"+id+"/retry", body).object(t)
		if a["id"] != id || a["status"] != "PENDING" || a["retry_of"] != nil {
			t.Errorf("with %q: %v", body, a)
		}
		h.until(id, "FAILED")
	}
}

func TestARetryWithParametersIsRefusedWithTheReason(t *testing.T) {
	h := open(t, nil)
	failed, waits := h.failed(""), h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	done := h.submit(`{"task_type":"ECHO"}`)
	h.until(done, "SUCCESS")
	runs := h.submit(`{"task_type":"HOLD"}`)
	h.until(runs, "RUNNING")
	head := h.log.Head().Seq
	for _, c := range []struct {
		id, body string
		status   int
		kind     string
		pointer  string
	}{
		{failed, `{"parameters":{"n":"x"}}`, 400, "invalid", "/parameters/n"},
		{failed, `{"parameters":[]}`, 400, "invalid", "/parameters"},
		{failed, `{"parameters":"{}"}`, 400, "invalid", "/parameters"},
		{failed, `{"parameters":{},"queue":"q"}`, 400, "invalid", "/queue"},
		{failed, `{"n":1}`, 400, "invalid", "/n"},
		{failed, `[]`, 400, "invalid", ""},
		{failed, `{"parameters":`, 400, "invalid", ""},
		{failed, `{"parameters":{"file":"nonsense"}}`, 400, "invalid", "/parameters/file"},
		{failed, strings.Repeat(" ", maxSubmit+1), 413, "too-large", ""},
		{waits, `{"parameters":{}}`, 400, "not-retryable", ""},
		{runs, `{"parameters":{}}`, 400, "not-retryable", ""},
		{done, `{"parameters":{}}`, 400, "not-retryable", ""},
		{"01M8KEZ4B0J9F945DX2CYP3BH2", `{"parameters":{}}`, 404, "not-found", ""},
		{"nonsense", `{"parameters":{}}`, 404, "not-found", ""},
	} {
		a := h.do("POST", "/api/tasks/"+c.id+"/retry", c.body)
		problem := a.object(t)
		if a.status != c.status || problem["type"] != "/docs#"+c.kind {
			t.Errorf("%.60s: %d %.300s", c.body, a.status, a.body)
		}
		if c.pointer != "" && !strings.Contains(a.body, `"pointer":"`+c.pointer+`"`) {
			t.Errorf("%s: no error is at %s: %s", c.body, c.pointer, a.body)
		}
	}
	if a := h.do("POST", "/api/tasks/"+failed+"/retry", `{"parameters":{}}`, "Content-Type: text/plain"); a.status != 415 {
		t.Errorf("a text: %d %s", a.status, a.body)
	}
	page, err := h.log.Read(t.Context(), head, eventlog.Filter{Types: []string{"task.submitted", "task.resubmitted", "task.retried"}}, 10)
	if err != nil || len(page.Events) > 0 { // the task that runs may report meanwhile
		t.Errorf("refusals wrote %d events, %v", len(page.Events), err)
	}
	h.letGo(runs)
}

func TestARetryWithParametersHonoursItsIdempotencyKey(t *testing.T) {
	h := open(t, nil)
	for i, unique := range []string{"", `,"unique":{"key":"u"}`, `,"unique":{"for_seconds":3600}`} {
		old := h.failed(unique)
		path, headers := "/api/tasks/"+old+"/retry", fmt.Sprint("Idempotency-Key: retry ", i)
		first := h.want("POST", path, `{"parameters":{"n":2.0,"a":"é"}}`, headers)
		again := h.want("POST", path, `{"parameters":{"a":"\u00e9","n":2}}`, headers)
		if again.object(t)["id"] != first.object(t)["id"] || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: not replayed: %v %s", unique, again.header, again.body)
		}
		for _, other := range []struct{ path, body string }{{path, `{"parameters":{"n":3}}`}, {"/api/tasks/" + h.failed("") + "/retry", `{"parameters":{"n":2,"a":"é"}}`},
			{"/api/tasks/submit", `{"task_type":"FAIL","parameters":{"n":2,"a":"é"}}`}} {
			if a := h.do("POST", other.path, other.body, headers); a.status != 409 || a.object(t)["type"] != "/docs#key-reused" {
				t.Errorf("%s: another request with that key: %d %s", unique, a.status, a.body)
			}
		}
	}
}

func TestARetryWithParametersTakesTheUniqueKeyIfNobodyHoldsIt(t *testing.T) {
	h := open(t, nil)
	old := h.failed(`,"unique":{"key":"u"}`)
	path := "/api/tasks/" + old + "/retry"
	holder := h.submit(`{"task_type":"FAIL","delay_seconds":3600,"unique":{"key":"u"}}`)
	for _, body := range []string{`{"parameters":{"n":2}}`, ""} {
		a := h.do("POST", path, body)
		if problem := a.object(t); a.status != 409 || problem["type"] != "/docs#not-unique" || problem["task_id"] != holder {
			t.Errorf("with %q while another holds the key: %d %s", body, a.status, a.body)
		} else if strings.Contains(a.body, "on_conflict") {
			t.Errorf("with %q the answer says to send what a retry does not take: %s", body, a.body)
		}
	}
	h.want("DELETE", "/api/tasks/"+holder, "")
	made := h.want("POST", path, `{"parameters":{"n":2}}`).object(t)
	if key := made["unique"].(map[string]any)["key"]; key != "u" {
		t.Errorf("the new task holds %v", key)
	}

	byParameters := h.want("GET", "/api/tasks/"+h.failed(`,"unique":{}`), "").object(t)
	changed := h.want("POST", "/api/tasks/"+byParameters["id"].(string)+"/retry", `{"parameters":{"n":5}}`).object(t)
	fresh := h.until(h.submit(`{"task_type":"FAIL","parameters":{"n":6},"unique":{}}`), "FAILED")
	of := func(task map[string]any) any { return task["unique"].(map[string]any)["key"] }
	if of(changed) == of(byParameters) || of(changed) == of(fresh) {
		t.Errorf("the key of the parameters %v became %v", of(byParameters), of(changed))
	}
	h.until(changed["id"].(string), "FAILED")
	if same := h.want("POST", "/api/tasks/"+fresh["id"].(string)+"/retry", `{"parameters":{"n":5}}`).object(t); of(same) != of(changed) {
		t.Errorf("the same parameters have the keys %v and %v", of(same), of(changed))
	}
}
