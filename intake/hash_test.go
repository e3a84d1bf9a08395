package intake

import (
	"encoding/json"
	"testing"

	"daybook/internal/jsontext"
	"daybook/task"
)

// types have one type, with defaults.
type types struct{}

func (types) Specs() []task.TypeSpec                           { return nil }
func (types) Knows(name string) bool                           { return name == "T" }
func (types) NamesFiles(string) bool                           { return false }
func (types) Subject(string, []byte, map[string]string) string { return "made" }
func (types) Defaults(string) []byte                           { return []byte(`{"n":10,"text":"é","deep":{"b":1,"a":2}}`) }
func (types) Prepare(_ string, p []byte) ([]byte, []string, []task.FieldError, error) {
	return p, nil, nil, nil
}

// The text goes into the log as its hash: one that is here must never have another text, whatever
// fields there are later.
func TestTheTextOfARequestNeverChanges(t *testing.T) {
	in := &Intake{Options: Options{Types: types{}}}
	for body, want := range map[string]string{
		`{"task_type":"T"}`: `{"task_type":"T"}`,
		`{"task_type":"T","parameters":{"n":1e1,"text":"\u00e9","deep":{"a":2,"b":1.0},"other":null}}`:                                               `{"parameters":{"other":null},"task_type":"T"}`,
		`{"task_type":"T","parameters":{"x<y":1.50,"deep":{"b":1}},"queue":"q","priority":-3,"tags":["b","a"]}`:                                      `{"parameters":{"deep":{"b":1},"x<y":1.5},"priority":-3,"queue":"q","tags":["b","a"],"task_type":"T"}`,
		`{"task_type":"T","delay_seconds":1.5,"max_attempts":5,"timeout_seconds":0,"backoff":{"jitter":false}}`:                                      `{"backoff":{"base":2000000,"jitter":false,"kind":"exponential","max":600000000},"delay":1500000,"max_attempts":5,"task_type":"T","timeout":-1}`,
		`{"task_type":"T","run_at":"2026-11-24T13:00:00+01:00","unique":{"key":"u","for_seconds":9,"on_conflict":"replace","max_delay_seconds":60}}`: `{"run_at":1795521600000000,"task_type":"T","unique":{"for":9000000,"key":"u","max_delay":60000000,"on_conflict":"replace"}}`,
		`{"task_type":"T","subject":"M\u00e4rz"}`: `{"subject":"März","task_type":"T"}`,
		`{"task_type":"T","subject":null}`:        `{"task_type":"T"}`,
	} {
		var s task.Submit
		r := request{in: in, into: &s, now: 1}
		if r.read([]byte(body), "key"); r.bad != nil {
			t.Fatalf("%s: %v", body, r.bad)
		}
		text, err := json.Marshal(r.asked())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(jsontext.AppendRFC8785(nil, text)); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

// Offer adds nothing.
func (types) Offer([]string) error { return nil }
func (types) PrepareAround(_ string, p []byte, _ []string) ([]byte, []task.FieldError, error) {
	return p, nil, nil
}
func (types) Runs(string) bool                             { return false }
func (types) CheckFields(string, []byte) []task.FieldError { return nil }
func (types) CheckAnswer(_, answer []byte) ([]byte, []task.FieldError) {
	return answer, nil
}
func (types) CheckDeclared(task.TypeSpec) []task.FieldError { return nil }
func (types) Reserved(string) bool                          { return false }
