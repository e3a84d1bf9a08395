package intake

import (
	"slices"
	"testing"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

func readDefaults(t *testing.T, text string) (Defaults, []task.FieldError) {
	t.Helper()
	body, err := jsontext.Canonical(nil, []byte(text), task.MaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	return ReadDefaults(body)
}

func TestDefaultsOfATypeFillInWhatARequestLeavesOut(t *testing.T) {
	d, bad := readDefaults(t, `{"queue":"slow","priority":5,"max_attempts":7,"timeout_seconds":60,"backoff":{"kind":"constant","base_seconds":1,"max_seconds":1}}`)
	if bad != nil {
		t.Fatal(bad)
	}
	in := &Intake{}
	in.Configure(map[string]Defaults{"T": d}, nil)
	filled := func(s task.Submit, prioritised bool) task.Submit {
		r := request{in: in, into: &s, prioritised: prioritised}
		r.noteLeft()
		s.Normalise()
		r.fill()
		return s
	}
	got := filled(task.Submit{Type: "T"}, false)
	want := task.Submit{Type: "T", Queue: "slow", Priority: 5, MaxAttempts: 7, Timeout: 60 * task.Second, Backoff: d.Backoff}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	own := task.Submit{Type: "T", Queue: "q", Priority: 1, MaxAttempts: 1, Timeout: task.NoTimeout, Backoff: &task.Backoff{}}
	if diff := cmp.Diff(own, filled(own, false)); diff != "" {
		t.Error(diff)
	}
	if got := filled(task.Submit{Type: "T"}, true); got.Priority != 0 {
		t.Error("a priority of 0 that was given is replaced")
	}
	if got := filled(task.Submit{Type: "OTHER"}, false); got.Queue != task.DefaultQueue || got.MaxAttempts != task.DefaultAttempts {
		t.Errorf("%+v", got)
	}
}

func TestWrongDefaultsOfATypeAreAllNamed(t *testing.T) {
	_, bad := readDefaults(t, `{"queue":"a b","priority":500,"max_attempts":0,"timeout_seconds":-1,"colour":1,"backoff":{"kind":"x"}}`)
	var pointers []string
	for _, f := range bad {
		pointers = append(pointers, f.Pointer)
	}
	if diff := cmp.Diff([]string{"/backoff/kind", "/colour", "/max_attempts", "/priority", "/queue", "/timeout_seconds"}, slices.Sorted(slices.Values(pointers))); diff != "" {
		t.Error(diff, bad)
	}
}
