package daybook_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"daybook"
	"daybook/handler"
	"daybook/task"
)

// handle is a task type made of a function.
type handle struct {
	name string
	run  func(ctx context.Context, call handler.Call) (any, error)
}

func (h handle) Spec() task.TypeSpec {
	return task.TypeSpec{Name: h.name, ParametersSchema: json.RawMessage(`{"type":"object"}`)}
}

func (h handle) Run(ctx context.Context, call handler.Call) (any, error) { return h.run(ctx, call) }

// running opens a Daybook with these types in a folder of its own and runs it; stop ends it
// in order and returns what Run and Close said.
func running(t *testing.T, o daybook.Options, types ...handler.Handler) (d *daybook.Daybook, stop func() error) {
	t.Helper()
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d, err := daybook.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range types {
		if err := d.Register(h); err != nil {
			t.Fatal(err)
		}
	}
	ctx, end := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		end()
		return errors.Join(<-over, d.Close())
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return d, stop
}

// ended submits a task and returns it, its result and its error when it has ended.
func ended(t *testing.T, d *daybook.Daybook, s task.Submit) (got task.Task, result, failure string) {
	t.Helper()
	submitted, err := d.Submit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	got, body, err := d.Wait(t.Context(), submitted[0].Task.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got, string(body), errorMessage(t, d, got.Name())
}

// errorMessage is what a client reads of a task's failure.
func errorMessage(t *testing.T, d *daybook.Daybook, id string) string {
	t.Helper()
	var row struct {
		Message string `json:"error_message"`
	}
	if err := json.Unmarshal([]byte(get(t, d, "/api/tasks/"+id)), &row); err != nil {
		t.Fatal(err)
	}
	return row.Message
}

// get asks the API as a client on this machine does.
func get(t *testing.T, d *daybook.Daybook, path string) string {
	t.Helper()
	answer := httptest.NewRecorder()
	d.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "http://localhost"+path, nil))
	return answer.Body.String()
}

// marshals is a value whose JSON is what a function makes.
type marshals func() ([]byte, error)

func (m marshals) MarshalJSON() ([]byte, error) { return m() }

// listsFiles is a result that says itself which files it names.
type listsFiles func() []string

func (l listsFiles) Files() []string            { return l() }
func (listsFiles) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

type ring struct{ Next *ring }

func TestAResultThatCannotBeWrittenFailsItsTaskAndNothingElse(t *testing.T) {
	cyclic := &ring{}
	cyclic.Next = cyclic
	results := map[string]struct {
		value any
		code  task.Code
		text  string
	}{
		"raw, not UTF-8":           {json.RawMessage("\"\xff\""), task.CodePermanent, "the result is not valid JSON"},
		"raw within, not UTF-8":    {map[string]any{"a": []any{json.RawMessage("\"\xff\"")}}, task.CodePermanent, "the result is not valid JSON"},
		"raw, cut":                 {json.RawMessage(`{`), task.CodePermanent, "the result is not valid JSON"},
		"raw within, cut":          {[]any{json.RawMessage(`{`)}, task.CodePermanent, "the result is not valid JSON"},
		"raw, a key twice":         {json.RawMessage(`{"a":1,"a":1}`), task.CodePermanent, "duplicate key"},
		"raw within, a surrogate":  {[]any{json.RawMessage(`"\udc00"`)}, task.CodePermanent, "lone surrogate"},
		"raw, empty":               {json.RawMessage{}, task.CodePermanent, "the result is not valid JSON"},
		"NaN":                      {math.NaN(), task.CodePermanent, "the result is not valid JSON"},
		"a channel":                {make(chan int), task.CodePermanent, "the result is not valid JSON"},
		"a value in itself":        {cyclic, task.CodePermanent, "the result is not valid JSON"},
		"deep":                     {json.RawMessage(strings.Repeat("[", 33) + strings.Repeat("]", 33)), task.CodePermanent, "nested too deep"},
		"17 MiB":                   {strings.Repeat("x", 17<<20), task.CodePermanent, "the most is 16777216"},
		"a file that is none":      {listsFiles(func() []string { return []string{"../x"} }), task.CodePermanent, "no id of a file"},
		"a MarshalJSON that fails": {marshals(func() ([]byte, error) { return nil, errors.New("no") }), task.CodePermanent, "the result is not valid JSON"},
		"a MarshalJSON of trash":   {marshals(func() ([]byte, error) { return []byte("\"\xff\""), nil }), task.CodePermanent, "the result is not valid JSON"},
		"a MarshalJSON that panics": {marshals(func() ([]byte, error) { panic("in MarshalJSON") }), task.CodePanic,
			"the handler panicked: in MarshalJSON"},
		"a MarshalJSON that exits": {marshals(func() ([]byte, error) { runtime.Goexit(); return nil, nil }), task.CodeError, "runtime.Goexit"},
		"a Files that panics":      {listsFiles(func() []string { panic("in Files") }), task.CodePanic, "the handler panicked: in Files"},
	}
	bad := handle{"BAD", func(_ context.Context, call handler.Call) (any, error) {
		var p struct{ Case string }
		if err := json.Unmarshal(call.Parameters, &p); err != nil {
			return nil, err
		}
		return results[p.Case].value, nil
	}}
	d, stop := running(t, daybook.Options{}, bad)
	long, err := d.Submit(t.Context(), task.Submit{Type: "SLEEP", Parameters: []byte(`{"seconds":3600}`)})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range results {
		parameters, err := json.Marshal(map[string]string{"Case": name})
		if err != nil {
			t.Fatal(err)
		}
		got, _, failure := ended(t, d, task.Submit{Type: "BAD", Parameters: parameters, MaxAttempts: 1})
		if got.Status != task.Failed || got.Code != want.code || !strings.Contains(failure, want.text) {
			t.Errorf("%s: %s, %s, %.300s", name, got.Status, got.Code, failure)
		}
	}
	if got, _, err := d.Views().Get(t.Context(), long[0].Task.ID); err != nil || got.Status != task.Running || got.Attempt != 1 {
		t.Errorf("the task beside them: %s, attempt %d, %v", got.Status, got.Attempt, err)
	}
	if _, err := d.Cancel(t.Context(), long[0].Task.ID, ""); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAMethodThatTakesLongDelaysNobody(t *testing.T) {
	gate := make(chan struct{})
	slow := handle{"SLOW", func(context.Context, handler.Call) (any, error) {
		return marshals(func() ([]byte, error) { <-gate; return []byte(`"late"`), nil }), nil
	}}
	d, _ := running(t, daybook.Options{}, slow)
	first, err := d.Submit(t.Context(), task.Submit{Type: "SLOW"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for range 20 { // while it hangs
		other, err := d.Submit(ctx, task.Submit{Type: "SLEEP"})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := d.Wait(ctx, other[0].Task.ID); err != nil || got.Status != task.Success {
			t.Fatalf("%s, %v", got.Status, err)
		}
	}
	close(gate)
	if got, result, err := d.Wait(ctx, first[0].Task.ID); err != nil || got.Status != task.Success || string(result) != `"late"` {
		t.Errorf("%s, %s, %v", got.Status, result, err)
	}
}
