package api

import (
	"strings"
	"testing"
)

// A name that cannot stand in a path names nothing that could not be reached again.
func TestNamesOfDotsAreRefused(t *testing.T) {
	h := open(t, nil)
	for _, name := range []string{".", "..", "..."} {
		for _, c := range []struct{ method, path, body, want string }{
			{"POST", "/api/tasks/submit", `{"task_type":"` + name + `"}`, "/task_type"},
			{"POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"` + name + `"}`, "/queue"},
			{"POST", "/api/tasks/batch", `[{"task_type":"ECHO","queue":"` + name + `"}]`, "/0/queue"},
			{"POST", "/api/leases", `{"worker":"` + name + `","task_types":["w"]}`, "/worker"},
			{"POST", "/api/leases", `{"worker":"a","task_types":["` + name + `"]}`, "/task_types/0"},
			{"POST", "/api/leases", `{"worker":"a","task_types":["w"],"queues":["` + name + `"]}`, "/queues/0"},
			{"POST", "/api/schedules", `{"name":"` + name + `","cron":"@daily","task":{"task_type":"ECHO"}}`, "/name"},
			{"PUT", "/api/schedules/" + name, `{"cron":"@daily","task":{"task_type":"ECHO"}}`, "/name"},
			{"POST", "/api/tokens", `{"name":"` + name + `","role":"viewer"}`, "/name"},
			{"POST", "/api/tokens", `{"name":"a","role":"viewer","queues":["` + name + `"]}`, "/queues/0"},
			{"POST", "/api/queues/" + name + "/pause", `{}`, "not only dots"},
			{"PATCH", "/api/queues/" + name, `{"concurrency":1}`, "not only dots"},
		} {
			a := h.do(c.method, c.path, c.body)
			if a.status != 400 && a.status != 404 || !strings.Contains(a.body, c.want) || !strings.Contains(a.body, "dots") {
				t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.body)
			}
		}
	}
	if a := h.want("GET", "/api/log?limit=100", ""); a.body != "[]" && strings.Contains(a.body, "queue:") {
		t.Error(a.body)
	}
}

// What people give as a reason reads as it is written; what comes with a task's work is kept without what
// reorders it, for the work is not to be lost.
func TestTextsThatReadOtherwiseAreRefusedOrMadeHarmless(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/schedules", `{"name":"s","cron":"@daily","task":{"task_type":"ECHO"}}`)
	for _, path := range []string{"/api/queues/a/pause", "/api/schedules/s/pause"} {
		if a := h.do("POST", path, `{"reason":"a\u202eb"}`); a.status != 400 || !strings.Contains(a.body, `"pointer":"/reason"`) {
			t.Errorf("%s: %s", path, a.body)
		}
		h.want("POST", path, `{"reason":"שלום"}`)
	}
	id, token := h.leased("w")
	h.want("POST", "/api/leases/"+token+"/heartbeat", `{"progress":10,"message":"a\u202eb","log":[{"text":"a\u2066b"}]}`)
	if a := h.want("GET", "/api/tasks/"+id+"/log", ""); !strings.Contains(a.body, `"text":"ab"`) {
		t.Error(a.body)
	}
	if row := h.want("GET", "/api/tasks/"+id, "").object(t); row["progress_message"] != "ab" {
		t.Error(row["progress_message"])
	}
	h.want("POST", "/api/leases/"+token+"/complete", `{"result":1,"outcome":"a\u200fb"}`)
	if row := h.want("GET", "/api/tasks/"+id, "").object(t); row["status"] != "SUCCESS" || row["outcome"] != "ab" {
		t.Error(row)
	}
}

// The route of a name says what a name must be, also of one that would be two segments of the path.
func TestANameWithASlashIsRefusedByItsRoute(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/queues/a/pause", `{}`)
	for path, want := range map[string]string{
		"POST /api/queues/a%2Fb/pause":  "There is no such queue. A name must be 1 to 64 of",
		"GET /api/queues/a%2fb":         "There is no such queue. A name must be 1 to 64 of",
		"POST /api/queues/a%2Fresume":   "takes GET, HEAD, OPTIONS, PATCH",
		"GET /api/tasks/a%2Fb":          "no task with that id",
		"POST /api/workers/a%2Fb/quiet": `no worker \"a/b\"`,
		"DELETE /api/schedules/a%2Fb":   "no schedule of that name",
		"PUT /api/schedules/a%2Fb":      "/name",
		"GET /api%2Fqueues":             "nothing here",
		"GET /api/queues/a%2Fb%00":      "nothing here",
		"GET /api/queues/a%2Fb/":        "There is no such queue",
		"DELETE /api/tokens/a%2Fb":      "no token of that name",
	} {
		method, path, _ := strings.Cut(path, " ")
		body := ""
		if method == "POST" && !strings.Contains(path, "worker") || method == "PUT" {
			body = `{}`
		}
		if a := h.do(method, path, body); a.status < 400 || !strings.Contains(strings.ToLower(a.body), strings.ToLower(want)) {
			t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
		}
	}
	if a := h.want("GET", "/api/queues/a", ""); !strings.Contains(a.body, `"paused":true`) {
		t.Error("another queue was changed: ", a.body)
	}
}
