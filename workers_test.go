package daybook_test

import (
	"context"
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
