package daybook_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// fieldPlaces are the files that must have each field of a schema in api/openapi.json, which declares
// them. How a field looks in the file; NAME is its name. without lists the fields that the
// file does not need.
var fieldPlaces = []struct{ schema, file, looks, without string }{
	{"Task", "api/row.go", `"NAME"`, "parent_id child_name workflow_id unique retry_of retried_as replaced_by traceparent depends_on on_dependency_failure because"}, // api/unique.go, dependencies.go
	{"Task", "api/csv.go", `"NAME"`, "waiting_for result_truncated file_names unique"},                                                                               // unique_key instead
	{"Task", "client/task.go", "`json:\"NAME", ""},
	{"Task", "client/decode.go", `case "NAME"`, ""},
	{"Task", "ui/page/types.js", `NAME`, ""},
	{"Submit", "intake/read.go", `case "NAME"`, "parameters"}, // read for itself
	{"Submit", "intake/read.go", `"NAME",|"NAME":`, ""},
	{"Submit", "intake/hash.go", `json:"NAME`, "delay_seconds timeout_seconds idempotency_key traceparent"}, // "delay", "timeout"; a key and a trace are not part of the request
	{"Submit", "client/task.go", "`json:\"NAME", ""},
	{"Submit", "ui/page/views/advanced.js", `"NAME"`, "task_type parameters backoff file_names unique on_conflict traceparent depends_on on_dependency_failure"}, // the form has them, or the API alone
}

// TestEveryFieldIsInEveryPlace fails for each place that lacks a field of a task or of a submit.
// Declare a new one in api/openapi.json; the test lists the rest.
func TestEveryFieldIsInEveryPlace(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(read("api/openapi.json")), &document); err != nil {
		t.Fatal(err)
	}
	for _, place := range fieldPlaces {
		properties := document.Components.Schemas[place.schema].Properties
		if len(properties) < 10 {
			t.Fatalf("api/openapi.json has %d fields of a %s", len(properties), place.schema)
		}
		text, without := read(place.file), strings.Fields(place.without)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if slices.Contains(without, name) {
				continue
			}
			found := false
			for looks := range strings.SplitSeq(place.looks, "|") {
				found = found || strings.Contains(text, strings.ReplaceAll(looks, "NAME", name))
			}
			if !found {
				t.Errorf("%s lacks the field %s of a %s", place.file, name, place.schema)
			}
		}
		for _, name := range without {
			if properties[name] == nil {
				t.Errorf("fields_test.go: %s of a %s is no field", name, place.schema)
			}
		}
	}
}
