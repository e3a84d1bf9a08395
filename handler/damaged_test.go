package handler

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/files"
	"daybook/task"
)

// No handler works on a file that is damaged, in whatever part.
func TestATaskWithADamagedFileFailsForGood(t *testing.T) {
	dir := t.TempDir()
	store, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	info, err := store.Put(t.Context(), "numbers.csv", "", strings.NewReader("n\n1\n2\n3\n"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, info.ID[:2], info.ID[2:]), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("9"), 2)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	const schema = `{"properties":{"in":{"format":"daybook-file"},"more":{"items":{"format":"daybook-file"}}}}`
	r, err := NewRegistry(fixed{spec: task.TypeSpec{Name: "A", ParametersSchema: json.RawMessage(schema)}, result: "it ran"})
	if err != nil {
		t.Fatal(err)
	}
	for _, parameters := range []string{`{"in":"` + info.ID + `"}`, `{"more":["` + info.ID + `"]}`} {
		prepared, _, fields, err := r.Prepare("A", []byte(parameters))
		if err != nil || fields != nil {
			t.Fatal(fields, err)
		}
		_, err = r.Run(t.Context(), "A", Call{Parameters: prepared, Files: store})
		if !errors.Is(err, files.ErrDamaged) || !IsPermanent(err) || !strings.Contains(err.Error(), "upload it again") {
			t.Errorf("%s: %v", parameters, err)
		}
	}
}
