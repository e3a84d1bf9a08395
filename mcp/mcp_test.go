package mcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"daybook/internal/testserver"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agent is a client of the Model Context Protocol that is connected to a real server.
type agent struct {
	t       *testing.T
	web     *httptest.Server
	session *mcp.ClientSession
}

// bearer sends a token with each request.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

func connect(t *testing.T, web *httptest.Server, token string) *agent {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "assistant", Version: "7"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: web.URL + "/mcp", DisableStandaloneSSE: true,
		HTTPClient: &http.Client{Transport: bearer{token, web.Client().Transport}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() }) // before the server ends
	return &agent{t, web, session}
}

// call calls a tool and returns its text, and whether that is an error.
func (a *agent) call(name string, args map[string]any) (text string, isError bool) {
	a.t.Helper()
	got, err := a.session.CallTool(context.Background(), &mcp.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		a.t.Fatalf("%s: %v", name, err)
	}
	return got.Content[0].(*mcp.TextContent).Text, got.IsError
}

// want calls a tool that must succeed, and returns its answer.
func (a *agent) want(name string, args map[string]any) map[string]any {
	a.t.Helper()
	text, isError := a.call(name, args)
	var answer map[string]any
	if isError || json.Unmarshal([]byte(text), &answer) != nil {
		a.t.Fatalf("%s: %s", name, text)
	}
	return answer
}

// refuses calls a tool that must fail with a text that has want.
func (a *agent) refuses(name string, args map[string]any, want string) {
	a.t.Helper()
	text, isError := a.call(name, args)
	if !isError || !strings.Contains(text, want) {
		a.t.Errorf("%s %v: %s; want an error with %q", name, args, text, want)
	}
	if strings.Contains(text, " /api/") || strings.Contains(text, "dry_run") {
		a.t.Errorf("%s %v: %s; an agent has tools, and no HTTP", name, args, text)
	}
}

// post calls the API beside the agent.
func (a *agent) post(path, body, token string) string {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.web.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := a.web.Client().Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		a.t.Fatalf("POST %s: %d %s", path, answer.StatusCode, text)
	}
	return string(text)
}

type args = map[string]any

func TestAnAgentSubmitsFindsChangesAndUndoes(t *testing.T) {
	a := connect(t, testserver.Start(t, nil), "")
	seq := a.want("what_changed", nil)["seq"]
	done := a.want("submit", args{"task_type": "SLEEP", "parameters": args{"seconds": 0}, "subject": "a nap", "tags": []string{"x"}, "wait_seconds": 20})
	if done["status"] != "SUCCESS" || fmt.Sprint(done["tags"]) != "[x agent:assistant/7]" {
		t.Errorf("submitted: %v", done)
	}
	id := a.want("submit", args{"task_type": "SLEEP", "delay_seconds": 3600})["id"].(string)
	if list := a.want("tasks", args{"status": []string{"PENDING"}}); list["total"] != 1.0 || list["total_is_exact"] != true {
		t.Errorf("listed: %v", list)
	}
	first := a.want("tasks", args{"limit": 1})
	second := a.want("tasks", args{"limit": 1, "cursor": first["next_cursor"]})
	if tasks := second["tasks"].([]any); len(tasks) != 1 || tasks[0].(map[string]any)["id"] != done["id"] || second["next_cursor"] != nil {
		t.Errorf("the second page: %v", second)
	}
	why := a.want("why_waiting", args{"id": id})
	if why["waiting_for"].(map[string]any)["reason"] != "run_at" || why["queue"].(map[string]any)["name"] != "default" {
		t.Errorf("it waits: %v", why)
	}
	cancelled := a.want("cancel", args{"id": id, "reason": "not needed"})
	history := fmt.Sprint(a.want("history", args{"id": id}))
	if !strings.Contains(history, "not needed (agent assistant 7)") || strings.Contains(history, "hash") {
		t.Errorf("its history: %s", history)
	}
	if undone := a.want("undo", args{"seq": cancelled["seq"], "reason": "it is needed"}); undone["status"] != "PENDING" {
		t.Errorf("undone: %v", undone)
	}
	a.want("cancel", args{"id": id, "reason": "again"})
	if retried := a.want("retry", args{"id": id, "reason": "the input is there now"}); retried["status"] != "PENDING" {
		t.Errorf("retried: %v", retried)
	}
	if changed := fmt.Sprint(a.want("what_changed", args{"after": seq, "type": []string{"task.retried"}})); strings.Count(changed, "type:task.retried") != 2 {
		t.Errorf("changed: %v", changed)
	}
	if got := a.want("task", args{"id": id}); got["id"] != id || got["parameters"] == nil {
		t.Errorf("the task: %v", got)
	}
	if types := a.want("task_types", args{"name": "SLEEP"}); types["parameters_schema"] == nil {
		t.Errorf("the type: %v", types)
	}
	a.want("task_types", nil)
	a.want("queues", nil)
	a.want("approvals", nil)
}

func TestABulkNeedsItsPreview(t *testing.T) {
	a := connect(t, testserver.Start(t, nil), "")
	for range 3 {
		a.want("submit", args{"task_type": "SLEEP", "queue": "q", "delay_seconds": 3600})
	}
	order := args{"action": "cancel", "filter": args{"queue": []string{"q"}}, "reason": "wrong queue"}
	preview := a.want("bulk", order)
	if preview["matched"] != 3.0 || preview["changed"] != 0.0 || preview["dry_run"] != true || len(preview["sample"].([]any)) != 3 {
		t.Errorf("the preview: %v", preview)
	}
	order["expected_count"] = 2
	a.refuses("bulk", order, "matches 3 tasks now")
	order["expected_count"] = preview["matched"]
	done := a.want("bulk", order)
	if done["changed"] != 3.0 || done["bulk"].(map[string]any)["reason"] != "wrong queue (agent assistant 7)" {
		t.Errorf("done: %v", done)
	}
	if list := a.want("bulks", nil)["bulks"].([]any); len(list) != 1 {
		t.Errorf("the bulks: %v", list)
	}
	if one := a.want("bulks", args{"id": done["id"], "wait_seconds": 1}); one["status"] != "DONE" {
		t.Errorf("the bulk: %v", one)
	}
	a.refuses("stop_bulk", args{"id": done["id"], "reason": "late"}, "ended already")
	if undone := a.want("undo", args{"bulk": done["id"], "reason": "they were right"}); undone["changed"] != 3.0 {
		t.Errorf("undone: %v", undone)
	}
	named := args{"action": "cancel", "filter": args{"ids": []any{a.want("submit", args{"task_type": "SLEEP", "delay_seconds": 3600})["id"]}}, "reason": "the wrong one"}
	if preview := a.want("bulk", named); preview["matched"] != 1.0 {
		t.Errorf("of a task that is named: %v", preview)
	}
}

func TestWrongArgumentsAreRefusedSoThatAnAgentCanCorrectThem(t *testing.T) {
	a := connect(t, testserver.Start(t, nil), "")
	const nobody = "01M86PTPG0SMK645AEDNVB5CNS"
	for _, test := range []struct {
		tool string
		args args
		want string
	}{
		{"task", nil, "id must be given"},
		{"task", args{"id": 5}, "id must be a string"},
		{"task", args{"id": nobody}, "404 not-found"},
		{"task", args{"id": "../tokens"}, "404 not-found"},
		{"task", args{"id": nobody, "wait_seconds": 31}, "between 0 and 30"},
		{"task", args{"id": nobody, "why": 1}, `no argument "why"`},
		{"tasks", args{"limit": 51}, "between 1 and 50"},
		{"tasks", args{"status": []string{"DONE"}}, "status: must be"},
		{"tasks", args{"status": "FAILED"}, "must be a list"},
		{"history", args{"id": nobody, "limit": 101}, "between 1 and 100"},
		{"task_types", args{"name": "NONE"}, "no task type"},
		{"submit", args{"task_type": "NONE"}, "400 invalid"},
		{"submit", args{"task_type": "SLEEP", "parameters": args{"seconds": "x"}}, "parameters/seconds"},
		{"cancel", args{"id": nobody}, "reason must be given"},
		{"cancel", args{"id": nobody, "reason": "  "}, "reason must be given"},
		{"cancel", args{"id": nobody, "reason": strings.Repeat("r", 901)}, "900 is the most"},
		{"cancel", args{"id": nobody, "reason": "so"}, "404 not-found"},
		{"retry", args{"id": nobody, "reason": "so"}, "404 not-found"},
		{"undo", args{"reason": "so"}, "Give seq"},
		{"undo", args{"reason": "so", "seq": 1, "bulk": nobody}, "Give seq"},
		{"undo", args{"reason": "so", "seq": 1}, "no way back"},
		{"undo", args{"reason": "so", "bulk": nobody}, "no bulk"},
		{"bulk", args{"action": "cancel", "reason": "so"}, "filter: must be given"},
		{"bulk", args{"action": "cancel", "filter": args{}}, "reason must be given"},
		{"bulk", args{"action": "destroy", "filter": args{}, "reason": "so"}, "action: must be"},
		{"stop_bulk", args{"id": nobody, "reason": "so"}, "no bulk"},
		{"answer_approval", args{"task_id": nobody, "step": "ask", "approve": true, "reason": "so"}, "404 not-found"},
	} {
		a.refuses(test.tool, test.args, test.want)
	}
}

func TestTheRoleOfATokenSaysWhichToolsThereAre(t *testing.T) {
	web := testserver.Start(t, nil)
	var admin struct{ Token string }
	first := agent{t: t, web: web}
	token := func(body, by string) string {
		if err := json.Unmarshal([]byte(first.post("/api/tokens", body, by)), &admin); err != nil {
			t.Fatal(err)
		}
		return admin.Token
	}
	root := token(`{"name":"root","role":"admin"}`, "")
	viewer := connect(t, web, token(`{"name":"v","role":"viewer"}`, root))
	operator := connect(t, web, token(`{"name":"ops","role":"operator","queues":["mine"]}`, root))
	names := func(a *agent) (list []string) {
		got, err := a.session.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range got.Tools {
			list = append(list, tool.Name)
		}
		return list
	}
	if list := names(viewer); !slices.Contains(list, "why_waiting") || slices.Contains(list, "submit") || slices.Contains(list, "bulk") {
		t.Errorf("a viewer has %v", list)
	}
	if !slices.Contains(names(viewer), "queues") {
		t.Error("a viewer has not the queues")
	}
	if list := names(operator); !slices.Contains(list, "bulk") || !slices.Contains(list, "submit") || slices.Contains(list, "queues") {
		t.Errorf("an operator has %v", list)
	}
	viewer.refuses("cancel", args{"id": "x", "reason": "so"}, "The tool cancel needs a token with the role operator or a stronger one; this one has the role viewer.")
	viewer.refuses("submit", args{"task_type": "SLEEP"}, "the role submitter")
	operator.refuses("submit", args{"task_type": "SLEEP", "queue": "other"}, "403 forbidden")
	id := operator.want("submit", args{"task_type": "SLEEP", "queue": "mine", "delay_seconds": 3600})["id"].(string)
	operator.want("cancel", args{"id": id, "reason": "so"})
	if history := fmt.Sprint(operator.want("history", args{"id": id})); strings.Count(history, "actor:token:ops") != 2 {
		t.Errorf("its history: %s", history)
	}
	operator.refuses("what_changed", args{"after": 0}, "403 forbidden")
	operator.refuses("queues", nil, "needs a token for all queues and task types")
	if note := operator.want("what_changed", nil)["note"]; !strings.Contains(fmt.Sprint(note), `stream = ["task:ID"]`) {
		t.Errorf("a limited token is told %q", note)
	}
	if note := viewer.want("what_changed", nil)["note"]; strings.Contains(fmt.Sprint(note), "stream") {
		t.Errorf("a token for all is told %q", note)
	}
	operator.want("what_changed", args{"after": 0, "stream": []string{"task:" + id}})
	for _, token := range []string{"", "dbk_wrong"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/mcp", bytes.NewReader([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)))
		answer, err := (&http.Client{Transport: bearer{token, web.Client().Transport}}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("with the token %q: %d", token, answer.StatusCode)
		}
	}
}

func TestALargeValueIsLeftOut(t *testing.T) {
	a := connect(t, testserver.Start(t, nil), "")
	done := a.want("submit", args{"task_type": "SLEEP", "parameters": args{"seconds": 0, "result": strings.Repeat("x", 20_000)}, "wait_seconds": 20})
	for _, name := range []string{"parameters", "result_data"} {
		if text, _ := done[name].(string); !strings.Contains(text, "left out: it has 20") {
			t.Errorf("%s: %.100v", name, done[name])
		}
	}
}

func TestTheDocsHaveEveryTool(t *testing.T) {
	text, err := os.ReadFile("../docs/mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	a := connect(t, testserver.Start(t, nil), "")
	got, err := a.session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range got.Tools {
		if !strings.Contains(string(text), "\n| `"+tool.Name+"` | ") {
			t.Errorf("docs/mcp.md has no row of %s", tool.Name)
		}
		if tool.Description == "" || tool.Annotations == nil {
			t.Errorf("%s is not described", tool.Name)
		}
	}
	if rows := strings.Count(string(text), "\n| `"); rows != len(got.Tools) {
		t.Errorf("docs/mcp.md has %d rows, and there are %d tools", rows, len(got.Tools))
	}
}

// A list of tasks that depend on thousands has an answer, and so does one that has many rows with long texts.
func TestWideRowsAreShortenedAndALongListIsSplit(t *testing.T) {
	a := connect(t, testserver.Start(t, nil), "")
	tasks := map[string]any{}
	var before []any
	for i := range 3000 {
		name := fmt.Sprintf("t%d", i)
		tasks[name] = args{"task_type": "SLEEP", "delay_seconds": 3600}
		before = append(before, name)
	}
	tasks["last"] = args{"task_type": "SLEEP", "depends_on": before}
	body, err := json.Marshal(args{"name": "wide", "tasks": tasks})
	if err != nil {
		t.Fatal(err)
	}
	a.post("/api/workflows", string(body), "")
	found := false
	for _, one := range a.want("tasks", args{"limit": 3})["tasks"].([]any) {
		row := one.(map[string]any)
		if row["depends_on_total"] == nil {
			continue
		}
		found = true
		if row["depends_on_total"] != 3000.0 || len(row["depends_on"].([]any)) != 10 {
			t.Errorf("the dependencies: %.300v", row)
		}
	}
	if !found {
		t.Error("the task with 3,000 dependencies is not listed")
	}
	a.want("what_changed", args{"after": 0, "limit": 100})

	// Rows with many tags and dependencies: 40 of them are too long for one answer.
	var tags []string
	for i := range 20 {
		tags = append(tags, strings.Repeat("t", 60)+fmt.Sprint(i))
	}
	tasks = map[string]any{}
	for i := range 20 {
		tasks[fmt.Sprintf("t%d", i)] = args{"task_type": "SLEEP", "delay_seconds": 3600}
	}
	for i := range 40 {
		tasks[fmt.Sprintf("wide%d", i)] = args{"task_type": "SLEEP", "queue": "long", "tags": tags, "depends_on": before[:18]}
	}
	if body, err = json.Marshal(args{"name": "long", "tasks": tasks}); err != nil {
		t.Fatal(err)
	}
	a.post("/api/workflows", string(body), "")
	seen, pages := map[any]bool{}, 0
	for cursor := any(nil); ; pages++ {
		page := a.want("tasks", args{"queue": []string{"long"}, "limit": 50, "cursor": cursor})
		for _, row := range page["tasks"].([]any) {
			seen[row.(map[string]any)["id"]] = true
		}
		if cursor = page["next_cursor"]; cursor == nil {
			break
		}
		if page["note"] == nil {
			t.Error("nothing says that a page is shorter than asked for")
		}
	}
	if len(seen) != 40 || pages == 0 {
		t.Errorf("%d pages before the last have %d tasks; want 40 on more than one", pages, len(seen))
	}
}
