// Package handlertest is what the tests of task types share: files, parameters as the registry
// prepares them, and checks of results and schemas.
package handlertest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"daybook/files"
	"daybook/handler"
	"daybook/internal/jsontext"
)

// Store returns an empty store that is closed when the test ends.
func Store(t testing.TB) *files.Store {
	t.Helper()
	store, err := files.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// Upload puts a file into the store.
func Upload(t testing.TB, store *files.Store, name, text string) files.Info {
	t.Helper()
	info, err := store.Put(t.Context(), name, "", io.Reader(strings.NewReader(text)), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// Log returns what makes the log of a call, and what was written to it: a line each, without the time.
func Log() (newLog func() slog.Handler, written func() []string) {
	b := &lockedBuffer{}
	return func() slog.Handler {
			return slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTimes})
		}, func() []string {
			b.mu.Lock()
			defer b.mu.Unlock()
			return strings.Split(strings.TrimSuffix(b.text.String(), "\n"), "\n")
		}
}

// withoutTimes leaves out what differs from run to run.
func withoutTimes(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "duration_ms" {
		return slog.Attr{}
	}
	return a
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// Prepare returns parameters of the type as an attempt gets them: checked, with the defaults.
func Prepare(t testing.TB, h handler.Handler, parameters map[string]any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(parameters)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := handler.NewRegistry(h)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := jsontext.Canonical(nil, text, 32)
	if err != nil {
		t.Fatal(err)
	}
	prepared, _, fields, err := registry.Prepare(h.Spec().Name, canonical)
	if err != nil || len(fields) > 0 {
		t.Fatalf("prepare: %v %v", fields, err)
	}
	return prepared
}

// CheckSubjects fails the test if the type does not make these subjects of parameters.
func CheckSubjects(t testing.TB, h handler.Handler, fileNames, subjects map[string]string) {
	t.Helper()
	registry, err := handler.NewRegistry(h)
	if err != nil {
		t.Fatal(err)
	}
	name := h.Spec().Name
	for parameters, want := range subjects {
		prepared, _, fields, err := registry.Prepare(name, []byte(parameters))
		if err != nil || len(fields) > 0 {
			t.Fatalf("prepare %s: %v %v", parameters, fields, err)
		}
		if got := registry.Subject(name, prepared, fileNames); got != want {
			t.Errorf("%s: %q, not %q", parameters, got, want)
		}
	}
}

// CheckResult fails the test if the result does not fit the schema of the type's results.
func CheckResult(t testing.TB, h handler.Handler, result any) {
	t.Helper()
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(h.Spec().ResultSchema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("mem:schema", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("mem:schema")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = compiled.Validate(value)
	}
	if err != nil {
		t.Fatalf("result: %v", err)
	}
}

// CheckDescribed fails the test if a parameter has no title, description or examples, or an example
// is refused beside required, the parameters that each task of the type must have. Those of without
// stand in place of some of them, so their examples are not tried.
func CheckDescribed(t testing.TB, h handler.Handler, required map[string]any, without ...string) {
	t.Helper()
	var schema struct {
		Properties map[string]map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(h.Spec().ParametersSchema, &schema); err != nil {
		t.Fatal(err)
	}
	for name, property := range schema.Properties {
		for _, key := range []string{"title", "description", "examples"} {
			if property[key] == nil {
				t.Errorf("parameter %s has no %s", name, key)
			}
		}
		examples, _ := property["examples"].([]any)
		if slices.Contains(without, name) {
			continue
		}
		for _, example := range examples {
			parameters := map[string]any{}
			maps.Copy(parameters, required)
			parameters[name] = example
			Prepare(t, h, parameters)
		}
	}
}
