package api

import (
	"fmt"
	"strings"
	"testing"
)

const threeTasks = `{"name":"pictures","tasks":{"resize":{"task_type":"REMOTE","depends_on":["fetch"],"parameters":{"file":{"$from":"fetch","path":"/file"}}},` +
	`"fetch":{"task_type":"REMOTE"},"clean":{"task_type":"REMOTE","depends_on":[{"task":"fetch","when":"failed"}]}},"on_end":{"task_type":"REMOTE"}}`

// takeOf leases the next task and returns its name in its workflow, and its token.
func (h *house) takeOf(workflow string) (name, token string) {
	h.Helper()
	lease := h.leaseAgain()
	id := lease["task"].(map[string]any)["id"]
	for name, one := range h.want("GET", "/api/workflows/"+workflow, "").object(h)["tasks"].(map[string]any) {
		if one.(map[string]any)["id"] == id {
			return name, lease["token"].(string)
		}
	}
	h.Fatalf("%v is of no workflow", id)
	return "", ""
}

func TestAWorkflowIsSubmittedSeenAndRetried(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":0}`)
	made := h.want("POST", "/api/workflows", threeTasks, "Idempotency-Key: k").object(h)
	id := made["id"].(string)
	if tasks := made["tasks"].(map[string]any); len(tasks) != 4 || made["name"] != "pictures" || made["task_count"] != 4.0 {
		t.Errorf("made: %v", made)
	} else if fetch := tasks["fetch"].(map[string]any); fetch["workflow_id"] != id || fetch["parent_id"] != id {
		t.Errorf("a task of it: %v", fetch)
	} else if whole := h.want("GET", "/api/tasks/"+id, "").object(h); whole["workflow_id"] != nil {
		t.Errorf("the task of the workflow itself: %v", whole)
	}
	if table := h.want("GET", "/api/tasks?format=csv&task_type=REMOTE", "").body; strings.Count(table, ","+id+",false\r\n") != 4 {
		t.Errorf("as CSV: %s", table)
	}
	if again := h.want("POST", "/api/workflows", threeTasks, "Idempotency-Key: k"); again.object(h)["id"] != id || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %v", again.body)
	}
	name, token := h.takeOf(id)
	h.want("POST", "/api/leases/"+token+"/complete", `{"result":{"file":"f"}}`)
	second, token := h.takeOf(id)
	h.want("POST", "/api/leases/"+token+"/fail", `{"error":"no","retryable":false}`)
	third, token := h.takeOf(id)
	h.want("POST", "/api/leases/"+token+"/complete", `{}`)
	if name != "fetch" || second != "resize" || third != "on_end" {
		t.Errorf("ran %s, %s, %s", name, second, third)
	}
	h.want("GET", "/api/tasks/"+id, "", "Prefer: wait=10")
	failed := h.want("GET", "/api/workflows/"+id, "").object(h)
	if failed["status"] != "FAILED" || !strings.Contains(failed["error_message"].(string), "failed: resize") || failed["counts"].(map[string]any)["SUCCESS"] != 2.0 {
		t.Errorf("it ended as %v", failed)
	}
	for query, want := range map[string]int{"": 1, "?status=FAILED&name=pictures": 1, "?status=SUCCESS": 0, "?name=other": 0} {
		if list := h.want("GET", "/api/workflows"+query, "").list(h); len(list) != want {
			t.Errorf("%s: %v", query, list)
		}
	}
	if again := h.want("POST", "/api/workflows/"+id+"/retry", `{"reason":"the disk is mended"}`).object(h); again["status"] != "PENDING" && again["status"] != "RUNNING" {
		t.Errorf("retried: %v", again["status"])
	}
	if name, _ := h.takeOf(id); name != "resize" {
		t.Errorf("the retry began with %s", name)
	}
	h.want("POST", "/api/workflows/"+id+"/cancel", `{"reason":"enough"}`)
	if got := h.do("GET", "/api/workflows/"+made["tasks"].(map[string]any)["fetch"].(map[string]any)["id"].(string), ""); got.status != 404 {
		t.Errorf("a task of it as a workflow: %d", got.status)
	}
}

func TestAWorkflowThatIsWrongIsRefusedWholeWithItsPlaces(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":0}`)
	before := h.log.Head()
	task := func(more string) string { return `{"task_type":"REMOTE"` + more + `}` }
	flow := func(tasks string) string { return `{"name":"n","tasks":{` + tasks + `}}` }
	var edges strings.Builder // 460 tasks, each after all before it
	for i := range 460 {
		if i > 0 {
			edges.WriteByte(',')
		}
		fmt.Fprintf(&edges, `"t%d":{"task_type":"REMOTE","depends_on":[`, i)
		for k := range i {
			if k > 0 {
				edges.WriteByte(',')
			}
			fmt.Fprintf(&edges, `"t%d"`, k)
		}
		edges.WriteString("]}")
	}
	for body, want := range map[string]string{
		`{"tasks":{"a":` + task("") + `}}`:         `"/name"`,
		`{"name":"n"}`:                             `"/tasks"`,
		`{"name":"n","tasks":[]}`:                  `"/tasks"`,
		flow(""):                                   `"/tasks"`,
		flow(`"a b":` + task("")):                  `"/tasks/a b"`,
		flow(`"on_end":` + task("")):               `"/tasks/on_end"`,
		flow(`"a":` + task(`,"depends_on":["b"]`)): `there is none called b`,
		flow(`"a":` + task(`,"depends_on":["a"]`)): `cannot wait for itself`,
		flow(`"a":` + task(`,"depends_on":["b"],"parameters":{"x":{"$from":"c"}}`) + `,"b":` + task("") + `,"c":` + task("")):      `"/tasks/a/parameters/x/$from"`,
		flow(`"a":` + task(`,"depends_on":["c"]`) + `,"b":` + task(`,"depends_on":["a"]`) + `,"c":` + task(`,"depends_on":["b"]`)): `a → c → b → a`,
		flow(`"a":` + task(`,"idempotency_key":"k"`)):                                              `"/tasks/a/idempotency_key"`,
		flow(`"a":` + task(`,"unique":{}`)):                                                        `"/tasks/a/unique"`,
		flow(`"a":{"task_type":"NONE"}`):                                                           `"/tasks/a/task_type"`,
		`{"name":"` + strings.Repeat("n", 201) + `","tasks":{"a":` + task(`,"tags":[""]`) + `}}`:   `"/name","detail":"must be one line of 1 to 200 characters, not blank and without control characters, bidirectional ones among them"},{"pointer":"/tasks/a/tags/0"`,
		`{"name":"","tasks":{"a":` + task("") + `}}`:                                               `"/name","detail":"must be one line of 1 to 200 characters"}`,
		flow(edges.String()):                                                                       `at most 100000 dependencies in all, not 105570`,
		`{"name":"n","tasks":{"a":` + task("") + `},"on_end":` + task(`,"depends_on":["a"]`) + `}`: `"/on_end/depends_on"`,
		`{"name":"n","tasks":{"a":` + task("") + `},"more":1}`:                                     `"/more"`,
	} {
		if got := h.do("POST", "/api/workflows", body); got.status != 400 || !strings.Contains(got.body, want) {
			t.Errorf("%.200s: %d %.600s, want %s", body, got.status, got.body, want)
		}
	}
	if got := h.do("POST", "/api/tasks/submit", `{"task_type":"WORKFLOW"}`); got.status != 400 {
		t.Errorf("a WORKFLOW as a task: %d %s", got.status, got.body)
	}
	for _, id := range []string{"x", "01ARZ3NDEKTSV4RRFFQ69G5FAV"} {
		for _, call := range [][3]string{{"GET", "", ""}, {"POST", "/cancel", `{"reason":"so"}`}, {"POST", "/retry", "{}"}} {
			if got := h.do(call[0], "/api/workflows/"+id+call[1], call[2]); got.status != 404 || !strings.Contains(got.body, "no workflow with that id") {
				t.Errorf("%s %s of %s: %d %s", call[0], call[1], id, got.status, got.body)
			}
		}
	}
	if head := h.log.Head(); head.Seq != before.Seq {
		t.Errorf("the log has grown from %d to %d", before.Seq, head.Seq)
	}
}

func TestALimitedTokenSeesOnlyItsTasksOfAWorkflow(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	mine := h.token(root, `{"name":"mine","role":"operator","queues":["q","workflows"],"task_types":["ECHO","WORKFLOW"]}`)
	made := h.want("POST", "/api/workflows", `{"name":"mixed","tasks":{"a":{"task_type":"ECHO","queue":"q","delay_seconds":3600},
		"b":{"task_type":"ECHO","queue":"other","subject":"hidden","delay_seconds":3600},"c":{"task_type":"ECHO","queue":"q","depends_on":["b"]}}}`, bearer(root)).object(h)
	if all := made["tasks"].(map[string]any); len(all) != 3 {
		t.Errorf("made: %v", made)
	}
	at := "/api/workflows/" + made["id"].(string)
	for _, call := range []struct{ method, path, body string }{{"GET", at, ""}, {"POST", at + "/cancel", `{}`}, {"POST", at + "/retry", `{}`}} {
		got := h.want(call.method, call.path, call.body, bearer(mine))
		seen := got.object(h)["tasks"].(map[string]any)
		if len(seen) != 2 || seen["a"] == nil || seen["c"] == nil || strings.Contains(got.body, "hidden") {
			t.Errorf("%s %s: %s", call.method, call.path, got.body)
		}
	}
}
