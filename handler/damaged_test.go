package handler

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/files"
)

// No handler works on a file that is damaged, in whatever part.
func TestATaskWithADamagedFileFailsForGood(t *testing.T) {
	dir := t.TempDir()
	store, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	table := upload(t, store, "numbers.csv", "n\n1\n2\n3\n")
	picture := upload(t, store, "no picture.png", "no picture")
	for _, id := range []string{table.ID, picture.ID} {
		f, err := os.OpenFile(filepath.Join(dir, id[:2], id[2:]), os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("9"), 2)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r := builtins(t)
	for name, parameters := range map[string]string{
		"DATA_PROCESSING":  `{"file":"` + table.ID + `"}`,
		"IMAGE_PROCESSING": `{"files":["` + picture.ID + `"]}`,
	} {
		prepared, _, fields, err := r.Prepare(name, []byte(parameters))
		if err != nil || fields != nil {
			t.Fatal(fields, err)
		}
		_, err = r.Run(t.Context(), name, Call{Parameters: prepared, Files: store, Report: func(float64, string) {}})
		var permanent interface{ Permanent() bool }
		if !errors.Is(err, files.ErrDamaged) || !errors.As(err, &permanent) || !permanent.Permanent() || !strings.Contains(err.Error(), "upload it again") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
