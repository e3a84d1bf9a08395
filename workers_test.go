package daybook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"daybook"
	"daybook/handler"
	"daybook/task"
)

// call sends a request to the API and returns the status and the body of the answer.
func call(d *daybook.Daybook, method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestNoWorkerCanOfferABuiltInType(t *testing.T) {
	d, _ := running(t, daybook.Options{})
	for _, name := range []string{"DATA_PROCESSING", "SLEEP", "EMAIL_SIMULATION", "IMAGE_PROCESSING", "HTTP_REQUEST", "EMAIL", "COMMAND"} {
		code, body := call(d, "POST", "/api/leases", `{"worker":"w","task_types":["mine","`+name+`"],"max":1}`)
		if code != 400 || !strings.Contains(body, `"/task_types/1"`) || !strings.Contains(body, "only the server runs "+name) {
			t.Errorf("a worker offers %s: %d %s", name, code, body)
		}
	}
	for _, name := range []string{"EMAIL", "COMMAND"} {
		code, body := call(d, "POST", "/api/tasks/submit", `{"task_type":"`+name+`","parameters":{"anything":true}}`)
		if code != 400 || !strings.Contains(body, "configuration file") {
			t.Errorf("a submit of %s, which is not configured: %d %s", name, code, body)
		}
	}
	for _, spec := range specs(t, d) {
		if spec == "EMAIL" || spec == "COMMAND" || spec == "mine" {
			t.Errorf("%s is known after a refused offer", spec)
		}
	}
}

// specs are the names of the types that are known.
func specs(t *testing.T, d *daybook.Daybook) (names []string) {
	t.Helper()
	code, body := call(d, "GET", "/api/task-types", "")
	if code != 200 {
		t.Fatal(code, body)
	}
	for _, part := range strings.Split(body, `{"name":"`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		names = append(names, name)
	}
	return names
}

func TestTasksInTheLogDoNotMakeABuiltInTypeKnown(t *testing.T) {
	data := t.TempDir()
	mail := daybook.Settings{Email: &daybook.MailServer{Host: "127.0.0.1", Port: 1, From: "a@example.com", Encryption: "none"}}
	d, stop := running(t, daybook.Options{Data: data, Settings: mail})
	code, body := call(d, "POST", "/api/tasks/submit",
		`{"task_type":"EMAIL","delay_seconds":3600,"parameters":{"recipients":["b@example.com"],"subject":"s","body":"b"}}`)
	if code != 200 {
		t.Fatal(code, body)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d, _ = running(t, daybook.Options{Data: data})
	if code, body := call(d, "POST", "/api/tasks/submit", `{"task_type":"EMAIL","parameters":{"x":1}}`); code != 400 || !strings.Contains(body, "[email]") {
		t.Errorf("after a restart without a mail server: %d %s", code, body)
	}
	if code, body := call(d, "GET", "/api/tasks", ""); code != 200 || !strings.Contains(body, `"EMAIL"`) {
		t.Errorf("the old task: %d %s", code, body)
	}
}

func TestAWorkerMayOfferTheTypeOfAHandler(t *testing.T) {
	d, _ := running(t, daybook.Options{Concurrency: 1}, handle{"BOTH", func(ctx context.Context, _ handler.Call) (any, error) { <-ctx.Done(); return nil, ctx.Err() }})
	for range 2 {
		if _, err := d.Submit(t.Context(), task.Submit{Type: "BOTH"}); err != nil {
			t.Fatal(err)
		}
	}
	if code, body := call(d, "POST", "/api/leases", `{"worker":"w","task_types":["BOTH"],"max":1,"wait_seconds":30}`); code != 200 || !strings.Contains(body, `"worker":"w"`) {
		t.Errorf("%d %s", code, body)
	}
}

const resize = `{"title":"Resize","description":"Makes pictures smaller.",
	"parameters_schema":{"type":"object","required":["width"],"additionalProperties":false,
		"properties":{"width":{"type":"integer","minimum":1},"fit":{"enum":["contain","cover"],"default":"contain"}}},
	"result_schema":{"type":"object","required":["bytes"],"properties":{"bytes":{"type":"integer"}}},
	"defaults":{"queue":"pictures","priority":-5,"max_attempts":7,"timeout_seconds":60,"backoff":{"kind":"constant","base_seconds":5},"lease_seconds":120}}`

// wantDeclared checks that the type is what resize says, whoever submits a task of it.
func wantDeclared(t *testing.T, d *daybook.Daybook, worker string) {
	t.Helper()
	code, body := call(d, "POST", "/api/tasks/submit", `{"task_type":"resize","parameters":{"width":0,"colour":1}}`)
	if code != 400 || !strings.Contains(body, `"/parameters/width"`) || !strings.Contains(body, `"/parameters/colour"`) {
		t.Errorf("wrong parameters: %d %s", code, body)
	}
	if _, err := d.Submit(t.Context(), task.Submit{Type: "resize"}); err == nil {
		t.Error("a program submits what the schema refuses")
	}
	code, body = call(d, "POST", "/api/tasks/submit", `{"task_type":"resize","parameters":{"width":800}}`)
	if code != 200 {
		t.Fatal(code, body)
	}
	for _, want := range []string{`"fit":"contain"`, `"queue":"pictures"`, `"priority":-5`, `"max_attempts":7`, `"timeout_seconds":60`} {
		if !strings.Contains(body, want) {
			t.Errorf("the task has no %s: %s", want, body)
		}
	}
	made, err := d.Submit(t.Context(), task.Submit{Type: "resize", Parameters: []byte(`{"width":1}`), Queue: "other", Priority: 3})
	if err != nil || made[0].Task.Queue != "other" || made[0].Task.Priority != 3 || made[0].Task.MaxAttempts != 7 {
		t.Fatalf("%+v, %v", made, err)
	}
	code, body = call(d, "POST", "/api/leases", `{"worker":"`+worker+`","task_types":["resize"],"max":1,"wait_seconds":30}`)
	token := between(body, `"token":"`, `"`)
	if code != 200 || token == "" || !strings.Contains(body, `"beat_seconds":10`) {
		t.Fatal(code, body)
	}
	got, _, err := d.Views().Get(t.Context(), made[0].Task.ID)
	if err != nil || got.Held().LeaseSeconds != 120 {
		t.Errorf("the lease lasts %d s, %v", got.Held().LeaseSeconds, err)
	}
	code, body = call(d, "POST", "/api/leases/"+token+"/complete", `{"result":{"bytes":"many"}}`)
	if code != 400 || !strings.Contains(body, `"/result/bytes"`) || !strings.Contains(body, "must be an integer") {
		t.Errorf("a result that the schema refuses: %d %s", code, body)
	}
	code, body = call(d, "POST", "/api/leases", `{"worker":"`+worker+`","max":0,"reports":[{"token":"`+token+`","do":"complete","result":[]},{"token":"`+token+`","do":"complete","result":{"bytes":7}}]}`)
	if code != 200 || !strings.Contains(body, `"/result"`) || !strings.Contains(body, `{"status":200}`) {
		t.Errorf("reports together: %d %s", code, body)
	}
}

func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

func TestADeclaredTypeIsEnforcedForEverybodyAndAfterARestart(t *testing.T) {
	data := t.TempDir()
	d, stop := running(t, daybook.Options{Data: data})
	if code, body := call(d, "PUT", "/api/task-types/resize", `{"title":"Old"}`); code != 201 || !strings.Contains(body, `"title":"Old"`) {
		t.Fatal(code, body)
	}
	code, body := call(d, "PUT", "/api/task-types/resize", resize)
	if code != 200 || !strings.Contains(body, `"title":"Resize"`) || !strings.Contains(body, `"task_defaults":{"queue":"pictures"`) || !strings.Contains(body, `"declared_by":"anonymous"`) {
		t.Fatal(code, body)
	}
	seq := d.Views().Seq()
	if code, again := call(d, "PUT", "/api/task-types/resize", resize); code != 200 || again != body || d.Views().Seq() != seq {
		t.Errorf("the same again: %d %s, seq %d after %d", code, again, d.Views().Seq(), seq)
	}
	wantDeclared(t, d, "w1")
	_, before := call(d, "GET", "/api/task-types", "")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d, _ = running(t, daybook.Options{Data: data})
	if _, after := call(d, "GET", "/api/task-types", ""); after != before {
		t.Errorf("after a restart:\n%s\nbefore:\n%s", after, before)
	}
	wantDeclared(t, d, "w2")
}

func TestADeclarationThatCannotBeIsRefused(t *testing.T) {
	s := daybook.Settings{Types: map[string]json.RawMessage{"filed": []byte(`{"max_attempts":9}`)}}
	s.Declared.File = "daybook.toml"
	d, _ := running(t, daybook.Options{Settings: s}, handle{"MINE", func(context.Context, handler.Call) (any, error) { return 1, nil }})
	for _, test := range []struct {
		name, body string
		code       int
		want       string
	}{
		{"SLEEP", `{}`, 409, "built-in-type"},
		{"EMAIL", `{}`, 409, "built-in-type"},
		{"MINE", `{}`, 409, "built-in-type"},
		{"filed", `{}`, 409, "daybook.toml"},
		{"a", `{"parameters_schema":{"properties":{"n":{"type":"whole"}}}}`, 400, `"/parameters_schema/properties/n/type"`},
		{"a", `{"result_schema":{"minimum":"1"}}`, 400, `"/result_schema/minimum"`},
		{"a", `{"parameters_schema":[]}`, 400, `"/parameters_schema"`},
		{"a", `{"parameters_schema":{"properties":{"n":{"type":"integer","default":"x"}}}}`, 400, `"/parameters_schema/properties/n/default"`},
		{"a", `{"defaults":{"priority":1000}}`, 400, `"/defaults/priority"`},
		{"a", `{"defaults":{"lease_seconds":3601}}`, 400, `"/defaults/lease_seconds"`},
		{"a", `{"defaults":{"tags":["x"]}}`, 400, `"/defaults/tags"`},
		{"a", `{"schema":{}}`, 400, `"/schema"`},
		{"a", `{"title":7}`, 400, `"/title"`},
		{"a%20b", `{}`, 400, "1 to 64"},
		{"a", `{"description":"` + strings.Repeat("x", 300<<10) + `"}`, 400, "262144"},
	} {
		if code, body := call(d, "PUT", "/api/task-types/"+test.name, test.body); code != test.code || !strings.Contains(body, test.want) {
			t.Errorf("%s %.100s: %d %s, want %d with %s", test.name, test.body, code, body, test.code, test.want)
		}
	}
	if list, _ := d.Views().DeclaredTypes(); len(list) != 0 {
		t.Errorf("%d of them were declared", len(list))
	}
}

func TestAScheduleTakesTheDefaultsOfADeclaredType(t *testing.T) {
	d, _ := running(t, daybook.Options{})
	if code, body := call(d, "PUT", "/api/task-types/resize", resize); code != 201 {
		t.Fatal(code, body)
	}
	schedule := func(width string) (int, string) {
		return call(d, "PUT", "/api/schedules/nightly", `{"cron":"0 3 * * *","task":{"task_type":"resize","parameters":{"width":`+width+`}}}`)
	}
	if code, body := schedule("0"); code != 400 || !strings.Contains(body, "/task/parameters/width") {
		t.Errorf("wrong parameters: %d %s", code, body)
	}
	if code, body := schedule("5"); code != 200 {
		t.Fatal(code, body)
	}
	if code, body := call(d, "POST", "/api/schedules/nightly/run", ""); code != 200 {
		t.Fatal(code, body)
	}
	if _, body := call(d, "GET", "/api/tasks", ""); !strings.Contains(body, `"queue":"pictures"`) || !strings.Contains(body, `"max_attempts":7`) {
		t.Error(body)
	}
}

func TestAWorkerLearnsWhichTypesAreTooMany(t *testing.T) {
	d, _ := running(t, daybook.Options{Data: t.TempDir()})
	lease := func(types string) (int, string) {
		return call(d, "POST", "/api/leases", `{"worker":"w","max":0,"task_types":[`+types+`]}`)
	}
	code, body := 200, ""
	for i := 0; code == 200 && i <= handler.MaxTypes; i++ {
		code, body = lease(fmt.Sprintf(`"t%d"`, i))
	}
	if code != 400 {
		t.Fatalf("more than the maximum: %d %s", code, body)
	}
	code, body = lease(`"t0","new","t1"`)
	if code != 400 || !strings.Contains(body, "#too-many-types") || strings.Contains(body, "/task_types/0") ||
		!strings.Contains(body, `"errors":[{"pointer":"/task_types/1","detail":"must be a type that the server knows, as new is not; `) {
		t.Error(code, body)
	}
	if code, body := lease(`"t0","t1"`); code != 200 {
		t.Errorf("those that are known: %d %s", code, body)
	}
	if code, body := call(d, "PUT", "/api/task-types/other", `{}`); code != 400 || !strings.Contains(body, "#too-many-types") {
		t.Errorf("one more declared: %d %s", code, body)
	}
}
