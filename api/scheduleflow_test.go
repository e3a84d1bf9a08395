package api

import (
	"strings"
	"testing"
)

const twoTasks = `"workflow":{"name":"night","tasks":{"b":{"task_type":"ECHO","depends_on":["a"],"parameters":{"of":{"$from":"a","path":"/n"}}},"a":{"task_type":"ECHO","parameters":{"n":1}}},` +
	`"on_end":{"task_type":"ECHO"}}`

func TestAScheduleSubmitsWorkflowsOverHTTP(t *testing.T) {
	h := open(t, nil)
	made := h.want("POST", "/api/schedules", `{"name":"s","every_seconds":60,`+twoTasks+`}`)
	if !strings.Contains(made.body, `"task":null,"workflow":{"name":"night"`) {
		t.Errorf("made: %s", made.body)
	}
	head := h.log.Head().Seq
	h.want("PUT", "/api/schedules/s", `{"every_seconds":60,`+twoTasks+`}`)
	if h.log.Head().Seq != head {
		t.Error("the same definition was written again")
	}
	run := h.want("POST", "/api/schedules/s/run", "").object(h)
	id, _ := run["id"].(string)
	if run["task_type"] != "WORKFLOW" {
		t.Errorf("run: %v", run)
	}
	h.want("GET", "/api/tasks/"+id, "", "Prefer: wait=10")
	flow := h.want("GET", "/api/workflows/"+id, "").object(h)
	if tasks := flow["tasks"].(map[string]any); len(tasks) != 3 || flow["status"] != "SUCCESS" || flow["name"] != "night" {
		t.Errorf("the workflow: %v", flow)
	}
	if runs := h.want("GET", "/api/schedules/s/runs", "").list(h); runs[0]["task_id"] != id || runs[0]["status"] != "SUCCESS" {
		t.Errorf("runs: %v", runs)
	}
	patched := h.want("PATCH", "/api/schedules/s", `{"overlap":"allow","task":null}`).body
	if !strings.Contains(patched, `"workflow":{"name":"night"`) || !strings.Contains(patched, `"overlap":"allow"`) {
		t.Errorf("patched: %s", patched)
	}
	if patched := h.want("PATCH", "/api/schedules/s", `{"task":{"task_type":"ECHO"}}`).body; !strings.Contains(patched, `"workflow":null`) || !strings.Contains(patched, `"task":{"task_type":"ECHO"}`) {
		t.Errorf("with a task: %s", patched)
	}
	if patched := h.want("PATCH", "/api/schedules/s", `{`+twoTasks+`}`).body; !strings.Contains(patched, `"task":null,"workflow":{"name":"night"`) {
		t.Errorf("with a workflow again: %s", patched)
	}
}

func TestAWorkflowOfAScheduleIsCheckedWithItsPlaces(t *testing.T) {
	h := open(t, nil)
	flow := func(tasks string) string { return `"workflow":{"name":"n","tasks":{` + tasks + `}}` }
	for body, want := range map[string]string{
		``:               `"/task"`,
		`,"workflow":[]`: `"/workflow"`,
		`,"workflow":{}`: `"/workflow/name"`,
		`,"task":{"task_type":"ECHO"},` + twoTasks:                                                `"/workflow"`,
		`,` + flow(`"a":{"task_type":"NONE"}`):                                                    `"/workflow/tasks/a/task_type"`,
		`,` + flow(`"a":{"task_type":"ECHO","depends_on":["a"]}`):                                 `"/workflow/tasks/a/depends_on`,
		`,` + flow(`"a/b":{"task_type":"ECHO"}`):                                                  `"/workflow/tasks/a~1b"`,
		`,` + flow(`"a":{"task_type":"ECHO","run_at":"2027-01-01T00:00:00Z"}`):                    `"/workflow/tasks/a/run_at"`,
		`,` + flow(`"a":{"task_type":"ECHO","idempotency_key":"k"}`):                              `"/workflow/tasks/a/idempotency_key"`,
		`,` + flow(`"a":{"task_type":"ECHO","tags":["\u0007"]}`):                                  `"/workflow/tasks/a/tags`,
		`,` + flow(`"a":{"task_type":"ECHO","on_dependency_failure":"run"}`):                      `"/workflow/tasks/a/on_dependency_failure"`,
		`,"workflow":{"name":"n","tasks":{"a":{"task_type":"ECHO"}},"on_end":{"task_type":"NO"}}`: `"/workflow/on_end/task_type"`,
		`,"workflow":{"name":"\u202e","tasks":{"a":{"task_type":"ECHO"}}}`:                        `"/workflow/name"`,
	} {
		got := h.do("POST", "/api/schedules", `{"name":"s","cron":"@daily"`+body+`}`)
		if got.status != 400 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s, want %s", body, got.status, got.body, want)
		}
	}
	if list := h.want("GET", "/api/schedules", "").list(h); len(list) != 0 {
		t.Errorf("made: %v", list)
	}
}
