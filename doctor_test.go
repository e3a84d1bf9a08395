package daybook_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook"
	"daybook/eventlog/sqlitelog"

	gocmp "github.com/google/go-cmp/cmp"
)

// kindsOf lists what was found.
func kindsOf(t *testing.T, dir string) (kinds []string) {
	t.Helper()
	before := folder(t, dir)
	d, err := daybook.Examine(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Findings {
		kinds = append(kinds, f.Kind)
		if f.What == "" || len(f.Advice) == 0 {
			t.Errorf("%s: %q with advice %q", f.Kind, f.What, f.Advice)
		}
	}
	if diff := gocmp.Diff(before, folder(t, dir)); diff != "" {
		t.Errorf("to look changed the folder (-before +after):\n%.2000s", diff)
	}
	return kinds
}

func TestExamineNamesWhatIsWrongAndChangesNothing(t *testing.T) {
	image := killed(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		kinds []string
	}{
		"nothing": {func(*testing.T, string) {}, nil},
		"a payload": {func(t *testing.T, dir string) {
			d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				err = d.Close() // which leaves all in the database
			}
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, logFile)
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, flipIn(t, `"seconds":0`)(text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, []string{"damaged-payload"}},
		"modes": {func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, logFile), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"open-to-others"}},
		"the log is gone": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, logFile)); err != nil {
				t.Fatal(err)
			}
		}, []string{"lost-events"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, image)
			c.spoil(t, dir)
			if diff := gocmp.Diff(c.kinds, kindsOf(t, dir)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	d, err := daybook.Examine(t.Context(), filepath.Join(t.TempDir(), "none"))
	if err != nil || d.Refused() || len(d.Findings) != 1 || d.Findings[0].Kind != "no-folder" {
		t.Errorf("no folder: %+v, %v", d, err)
	}
}

func TestAFolderInUseIsNeitherExaminedNorChanged(t *testing.T) {
	dir := t.TempDir()
	d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"in-use"}, kindsOf(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, err := range map[string]error{
		"copy": daybook.CopyData(dir, dir+".copy"), "views": daybook.RemoveViews(dir), "modes": daybook.CloseToOthers(dir),
	} {
		if !errors.Is(err, sqlitelog.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestACopyIsTheSameAndARepairChangesWhatItSays(t *testing.T) {
	image := killed(t)
	dir := t.TempDir()
	lay(t, dir, image)
	before := folder(t, dir)
	to := dir + ".copy"
	if err := daybook.CopyData(dir, to); err != nil {
		t.Fatal(err)
	}
	copied := folder(t, to)
	delete(copied, ".")
	delete(before, ".")
	if diff := gocmp.Diff(before, copied); diff != "" {
		t.Errorf("the copy (-folder +copy):\n%.2000s", diff)
	}
	if err := daybook.CopyData(dir, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second copy: %v", err)
	}
	if err := daybook.CopyData(dir, filepath.Join(dir, "inside")); err == nil || !strings.Contains(err.Error(), "in the folder itself") {
		t.Errorf("a copy inside: %v", err)
	}
	if err := errors.Join(daybook.RemoveViews(dir), os.Chmod(filepath.Join(dir, logFile), 0o644), daybook.CloseToOthers(dir)); err != nil {
		t.Fatal(err)
	}
	for name := range before {
		if strings.HasPrefix(name, "views.db") || strings.HasPrefix(name, "text.db") {
			delete(before, name)
		}
	}
	after := folder(t, dir)
	delete(after, ".")
	if diff := gocmp.Diff(before, after); diff != "" {
		t.Errorf("after the repairs (-want +got):\n%.2000s", diff)
	}
	d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
