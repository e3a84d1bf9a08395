package daybook_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook"
	"daybook/handler"
	"daybook/task"
)

func TestWrongSettingsAreAllNamed(t *testing.T) {
	s := daybook.Settings{
		Types:     map[string]json.RawMessage{"a b": []byte("{}"), "..": []byte("{}"), "T": []byte(`{"priority":1000}`)},
		Email:     &daybook.MailServer{Host: "", Port: -1},
		HTTPAllow: []string{"db.example", "http://db.example"},
		Commands:  map[string]daybook.Command{"ls": {Argv: []string{"ls"}}},
	}
	s.Declared.Queues = map[string]json.RawMessage{"q": []byte(`{"concurrency":0}`), "r": []byte(`{"burst":2}`), "s": []byte(`3`), ".": []byte("{}")}
	s.Declared.Schedules = map[string]json.RawMessage{"n": []byte(`{"cron":"x","timezone":"Mars","jitter_seconds":-1,"task":{"task_type":"SLEEP"}}`), "preview": []byte("{}")}
	var wrong *daybook.SettingsError
	if !errors.As(s.Check(), &wrong) {
		t.Fatal(s.Check())
	}
	var got []string
	for _, f := range wrong.Fields {
		got = append(got, f.Pointer)
	}
	want := []string{"/email/host", "/email/port", "/http_request/allow/1", "/command/ls/argv", "/types/..", "/types/T/priority", "/types/a b",
		"/queues/.", "/queues/q/concurrency", "/queues/r/burst", "/queues/s", "/schedules/n/jitter_seconds", "/schedules/n/cron", "/schedules/n/timezone", "/schedules/preview"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	if _, err := daybook.Open(t.Context(), daybook.Options{Data: t.TempDir(), Settings: s}); !errors.As(err, &wrong) {
		t.Error(err)
	}
}

func TestSettingsChangeWhileTheQueueRuns(t *testing.T) {
	s := daybook.Settings{Types: map[string]json.RawMessage{"later": []byte(`{"max_attempts":9}`)}}
	d, stop := running(t, daybook.Options{Settings: s})
	submit := func(of task.Submit) (task.Task, error) {
		got, err := d.Submit(t.Context(), of)
		if err != nil {
			return task.Task{}, err
		}
		return got[0].Task, nil
	}
	if got, err := submit(task.Submit{Type: "later"}); err != nil || got.MaxAttempts != 9 {
		t.Error(got.MaxAttempts, err)
	}
	if _, err := submit(task.Submit{Type: "COMMAND"}); err == nil || !strings.Contains(err.Error(), "COMMAND is off") {
		t.Error(err)
	}
	echo := task.Submit{Type: "COMMAND", Parameters: []byte(`{"command":"echo"}`)}
	if err := d.Configure(t.Context(), daybook.Settings{Commands: map[string]daybook.Command{"echo": {Argv: []string{"/bin/echo"}}}}); err != nil {
		t.Fatal(err)
	}
	got, err := submit(echo)
	if err != nil {
		t.Fatal(err)
	}
	if ended, _, err := d.Wait(t.Context(), got.ID); err != nil || ended.Status != task.Success {
		t.Error(ended.Status, err)
	}
	if got, err := submit(task.Submit{Type: "later"}); err != nil || got.MaxAttempts != task.DefaultAttempts {
		t.Error(got.MaxAttempts, err)
	}
	if err := d.Configure(t.Context(), daybook.Settings{HTTPAllow: []string{"*"}}); err == nil {
		t.Error("wrong settings are applied")
	}
	if _, err := submit(echo); err != nil {
		t.Error("wrong settings have changed something:", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A task that waits for a type starts when the settings give it.
func TestATaskOfATypeThatComesBackStarts(t *testing.T) {
	echo := daybook.Settings{Commands: map[string]daybook.Command{"echo": {Argv: []string{"/bin/echo"}}}}
	d, stop := running(t, daybook.Options{Settings: echo})
	got, err := d.Submit(t.Context(), task.Submit{Type: "COMMAND", Parameters: []byte(`{"command":"echo"}`), RunAt: task.MicrosOf(time.Now().Add(time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	id := got[0].Task.ID
	if err := d.Configure(t.Context(), daybook.Settings{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Reschedule(t.Context(), id, time.Now()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // until the scheduler has seen that it cannot start
		other, err := d.Submit(t.Context(), task.Submit{Type: "SLEEP"})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Wait(t.Context(), other[0].Task.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Configure(t.Context(), echo); err != nil {
		t.Fatal(err)
	}
	if ended, _, err := d.Wait(t.Context(), id); err != nil || ended.Status != task.Success {
		t.Error(ended.Status, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestATypeOfTheProgramStaysWhateverTheSettingsAre(t *testing.T) {
	own := handle{"EMAIL", func(context.Context, handler.Call) (any, error) { return nil, nil }}
	d, stop := running(t, daybook.Options{}, own)
	if err := d.Configure(t.Context(), daybook.Settings{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Submit(t.Context(), task.Submit{Type: "EMAIL"}); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// What is declared is kept by commands: requests cannot change it, and the same again writes nothing.
func TestWhatIsDeclaredChangesOnlyWithTheDeclaration(t *testing.T) {
	var s daybook.Settings
	s.Declared.File = "daybook.toml"
	s.Declared.Queues = map[string]json.RawMessage{"mail": []byte(`{"concurrency":2}`)}
	s.Declared.Schedules = map[string]json.RawMessage{"nightly": []byte(`{"cron":"30 2 * * *","task":{"task_type":"SLEEP"}}`)}
	d, stop := running(t, daybook.Options{Settings: s, AnyHost: true})
	call := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if body == "" {
			r.Body = nil
		}
		d.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if err := d.Configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	head := d.Views().Seq()
	if err := d.Configure(t.Context(), s); err != nil || d.Views().Seq() != head {
		t.Error("the same declaration writes events:", d.Views().Seq()-head, err)
	}
	for _, request := range [][3]string{
		{"PATCH", "/api/queues/mail", `{"concurrency":9}`}, {"DELETE", "/api/schedules/nightly", ""},
		{"PUT", "/api/schedules/nightly", `{"cron":"@daily","task":{"task_type":"SLEEP"}}`}, {"PATCH", "/api/schedules/nightly", `{"cron":"@daily"}`},
	} {
		if code, body := call(request[0], request[1], request[2]); code != 409 || !strings.Contains(body, "declared in daybook.toml") {
			t.Errorf("%v: %d %s", request, code, body)
		}
	}
	for _, path := range []string{"/api/queues/mail/pause", "/api/schedules/nightly/pause"} {
		if code, body := call("POST", path, "{}"); code != 200 || !strings.Contains(body, `"declared_in":"daybook.toml"`) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	s.Declared.Queues, s.Declared.Schedules = nil, nil
	if err := d.Configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if code, body := call("GET", "/api/queues/mail", ""); code != 200 || !strings.Contains(body, `"concurrency":2`) || !strings.Contains(body, `"declared_in":null`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := call("DELETE", "/api/schedules/nightly", ""); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
