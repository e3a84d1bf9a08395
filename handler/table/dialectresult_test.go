package table

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/handler/handlertest"

	"github.com/google/go-cmp/cmp"
)

// TestTheDialectOfAResultCanBeSubmitted reads every table of the fixtures, submits the
// dialect that was reported with the file, and gets the same result.
func TestTheDialectOfAResultCanBeSubmitted(t *testing.T) {
	store := handlertest.Store(t)
	names, err := filepath.Glob("testdata/kinds/*.csv")
	if err != nil || len(names) == 0 {
		t.Fatal(err, names)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		info := handlertest.Upload(t, store, filepath.Base(name), string(text))
		first, _, err := process(t, store, `{"file":"`+info.ID+`"}`)
		if err != nil {
			t.Fatal(name, err)
		}
		var reported struct {
			Dialect map[string]any `json:"dialect"`
		}
		if err := json.Unmarshal(first, &reported); err != nil {
			t.Fatal(err)
		}
		reported.Dialect["file"] = info.ID
		parameters, err := json.Marshal(reported.Dialect)
		if err != nil {
			t.Fatal(err)
		}
		second, _, err := process(t, store, string(parameters))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(withoutRun(t, first), withoutRun(t, second)); diff != "" {
			t.Errorf("%s (-first +again):\n%s", name, diff)
		}
	}
}

// withoutRun is a result without what is of the run, and without the warnings of what had
// to be assumed.
func withoutRun(t *testing.T, result []byte) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(result, &all); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"processing_time_seconds", "rows_per_second", "warnings"} {
		delete(all, name)
	}
	return all
}

func TestOptionsThatAreNullAreDetected(t *testing.T) {
	store := handlertest.Store(t)
	info := handlertest.Upload(t, store, "x.csv", "a;b\n1,5;2\n2,5;3\n")
	want, _, err := process(t, store, `{"file":"`+info.ID+`"}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields("delimiter quote escape comment skip_lines has_header encoding decimal thousands nulls date_order rows seed processing_time") {
		got, _, err := process(t, store, `{"file":"`+info.ID+`","`+name+`":null}`)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(withoutRun(t, want), withoutRun(t, got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
