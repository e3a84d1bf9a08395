package api

import (
	"strings"
	"testing"
)

func TestEachMistakeOfAWorkflowIsNamedWhereItIs(t *testing.T) {
	h := open(t, nil)
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"nothing":               {`{}`, []string{`"pointer":"/name"`, `"pointer":"/tasks"`}},
		"tasks that are a list": {`{"tasks":[]}`, []string{`"pointer":"/name"`, `must be an object: the tasks by their names`}},
		"too long a name":       {`{"name":"` + strings.Repeat("n", 201) + `","tasks":{"a":{"task_type":"ECHO"}}}`, []string{`"pointer":"/name"`}},
		"a name that is a tab":  {`{"name":"a\u202eb","tasks":{"a":{"task_type":"ECHO"}}}`, []string{`"pointer":"/name"`}},
		"a cycle beside other mistakes": {`{"name":"w","tasks":{"a":{"task_type":"ECHO","depends_on":["b","nobody"]},"b":{"task_type":"ECHO","depends_on":["a"]},"c":{"task_type":"ECHO","priority":1000}}}`,
			[]string{"a → b → a", "/tasks/a/depends_on/1", "/tasks/c/priority"}},
		"a reference without a dependency": {`{"name":"w","tasks":{"a":{"task_type":"ECHO","parameters":{"x":[{"$from":"b"}]}},"b":{"task_type":"ECHO"}}}`,
			[]string{`/tasks/a/parameters/x/0/$from`, "b is not a dependency of this task, add it to depends_on"}},
		"a reference to itself": {`{"name":"w","tasks":{"a":{"task_type":"ECHO","parameters":{"x":{"$from":"a"}}}}}`, []string{`/tasks/a/parameters/x/$from`}},
	} {
		got := h.do("POST", "/api/workflows", test.body)
		for _, want := range test.want {
			if got.status != 400 || !strings.Contains(got.body, want) {
				t.Errorf("%s: %d %s, want %s", name, got.status, got.body, want)
			}
		}
		if strings.Contains(got.body, "/subject") || strings.Count(got.body, `"/tasks"`) > 1 {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	h.want("POST", "/api/workflows", `{"name":"w","tasks":{"a":{"task_type":"ECHO"}},"on_end":{"task_type":"ECHO","parameters":{"x":{"$from":"a"}}}}`)
	h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","parameters":{"since":{"$from":"2027-01-31"}}}`) // plain data
	for _, path := range []string{"01KA0M5Z7Q8G4S2B6D9XEJ3V1T", "nonsense"} {
		if got := h.do("GET", "/api/workflows/"+path, ""); got.status != 404 || !strings.Contains(got.body, "no workflow with that id") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestALimitedTokenHearsWhatItLacksForAWorkflow(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	for limits, want := range map[string]string{
		`"task_types":["ECHO"]`: "It lacks the task type WORKFLOW, which every workflow needs",
		`"queues":["q"]`:        "It lacks the queue workflows, which every workflow needs",
		`"task_types":["WORKFLOW"],"queues":["workflows"]`:    "It lacks the task type ECHO and the queue q.",
		`"task_types":["WORKFLOW","ECHO"],"queues":["q","r"]`: "It lacks the queue workflows, which",
	} {
		token := bearer(h.token(root, `{"name":"t`+strings.Trim(strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return -1
		}, limits), " ")+`","role":"submitter",`+limits+`}`))
		got := h.do("POST", "/api/workflows", `{"name":"w","tasks":{"a":{"task_type":"ECHO","queue":"q"}}}`, token)
		if got.status != 403 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", limits, got.status, got.body)
		}
	}
}
