package daybook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"daybook"
	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/projection"
	"daybook/task"

	gocmp "github.com/google/go-cmp/cmp"
)

const (
	logFile     = "log-00000000000000000001.db"
	witnessFile = "daybook.head"
	lockFile    = "daybook.lock"
)

// entry is what lies at a path.
type entry struct {
	Mode fs.FileMode
	Text string
}

// folder returns all that lies below dir.
func folder(t *testing.T, dir string) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{Mode: info.Mode()}
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			e.Text = string(text)
		}
		name, err := filepath.Rel(dir, path)
		all[name] = e
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lay makes dir hold these entries.
func lay(t *testing.T, dir string, all map[string]entry) {
	t.Helper()
	for name, e := range all { // folders first
		if e.Mode.IsDir() {
			if err := os.MkdirAll(filepath.Join(dir, name), e.Mode.Perm()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, e := range all {
		if e.Mode.IsRegular() {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(e.Text), e.Mode.Perm()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// killed returns a data folder as a process that was killed leaves it: of its 60 tasks the
// first 30 are in the database and the views, the others in WALs alone.
func killed(t *testing.T) map[string]entry {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data") // made by the start
	var image map[string]entry
	for range 2 {
		d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- d.Run(ctx) }()
		for range 30 {
			if _, err := d.Submit(ctx, task.Submit{Type: "SLEEP", Tags: []string{"tag-one"}, Parameters: []byte(`{"seconds":0}`)}); err != nil {
				t.Fatal(err)
			}
		}
		for before := folder(t, dir); ; before = image { // as of one moment: the views are written now and then
			if image = folder(t, dir); maps.Equal(before, image) {
				break
			}
		}
		stop()
		if err := errors.Join(<-over, d.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if image[logFile+"-wal"].Text == "" {
		t.Fatal("the log has no WAL")
	}
	return image
}

// change returns the text after fn was at its bytes.
func change(e entry, fn func(b []byte) []byte) entry {
	e.Text = string(fn([]byte(e.Text)))
	return e
}

// flipIn changes a bit of the first place that holds the text.
func flipIn(t *testing.T, text string) func([]byte) []byte {
	return func(b []byte) []byte {
		t.Helper()
		at := bytes.Index(b, []byte(text))
		if at < 0 {
			t.Fatalf("%s is not there", text)
		}
		b[at+len(text)/2] ^= 1
		return b
	}
}

// Whatever a start is refused for, nothing in the folder is changed by it.
func TestARefusedStartLeavesAllEvidence(t *testing.T) {
	image := killed(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string, image map[string]entry)
		want  error
		text  string
	}{
		"an event in the database": {func(t *testing.T, _ string, i map[string]entry) {
			i[logFile] = change(i[logFile], flipIn(t, "tag-one"))
		}, eventlog.ErrDamaged, "does not follow"},
		"an event in the database and no WAL of the views": {func(t *testing.T, _ string, i map[string]entry) {
			i[logFile] = change(i[logFile], flipIn(t, "tag-one"))
			delete(i, "views.db-wal")
			delete(i, "views.db-shm")
		}, eventlog.ErrDamaged, "does not follow"},
		"an event and no views": {func(t *testing.T, _ string, i map[string]entry) {
			i[logFile] = change(i[logFile], flipIn(t, "tag-one"))
			for _, name := range []string{"views.db", "views.db-wal", "views.db-shm", "text.db", "text.db-wal", "text.db-shm", "files", "files/unfinished"} {
				delete(i, name)
			}
		}, eventlog.ErrDamaged, "does not follow"},
		"an event in the WAL": {func(t *testing.T, _ string, i map[string]entry) {
			i[logFile+"-wal"] = change(i[logFile+"-wal"], flipIn(t, "task.succeeded"))
		}, sqlitelog.ErrLoss, "are missing"},
		"no WAL":     {func(_ *testing.T, _ string, i map[string]entry) { delete(i, logFile+"-wal") }, sqlitelog.ErrLoss, "are missing"},
		"no witness": {func(_ *testing.T, _ string, i map[string]entry) { delete(i, witnessFile) }, sqlitelog.ErrLoss, "daybook.head is missing"},
		"a witness of zeros": {func(_ *testing.T, _ string, i map[string]entry) {
			i[witnessFile] = change(i[witnessFile], func(b []byte) []byte { clear(b); return b })
		}, sqlitelog.ErrLoss, "neither"},
		"no lock file and no witness": {func(_ *testing.T, _ string, i map[string]entry) {
			delete(i, witnessFile)
			delete(i, lockFile)
		}, sqlitelog.ErrLoss, "daybook.head is missing"},
		"another database": {func(_ *testing.T, _ string, i map[string]entry) {
			i[logFile] = change(i[logFile], func(b []byte) []byte { copy(b[68:], "abcd"); return b })
			delete(i, logFile+"-wal")
		}, sqlitelog.ErrForeign, "not a Daybook log"},
		"an event of a newer Daybook": {func(t *testing.T, dir string, i map[string]entry) {
			other := t.TempDir()
			lay(t, other, i)
			log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: other})
			if err != nil {
				t.Fatal(err)
			}
			e := &eventlog.Event{At: log.Head().At, Stream: "task:x", Version: 1, Type: "task.dreamt", V: 1, Actor: "anonymous", Data: []byte("{}")}
			if r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			for name, e := range folder(t, other) {
				i[name] = e
			}
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
		}, projection.ErrNewer, "task.dreamt"},
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := map[string]entry{}
			for name, e := range image {
				spoilt[name] = e
			}
			dir := t.TempDir()
			c.spoil(t, dir, spoilt)
			lay(t, dir, spoilt)
			before := folder(t, dir)
			for range 2 {
				d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
				if err == nil {
					_ = d.Close()
					t.Fatal("the folder was opened")
				}
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%v does not say %q", err, c.text)
				}
				examined, err := daybook.Examine(t.Context(), dir)
				if err != nil || !examined.Refused() || !strings.Contains(fmt.Sprint(examined.Findings), c.text) {
					t.Errorf("examined: %+v, %v", examined, err)
				}
				if diff := gocmp.Diff(before, folder(t, dir)); diff != "" {
					t.Errorf("the folder was changed (-before +after):\n%.2000s", diff)
				}
			}
		})
	}
}

// What is no file is refused: to open a named pipe is to wait for ever.
func TestWhatIsNoFileIsRefusedAndNotWaitedFor(t *testing.T) {
	image := killed(t)
	for _, name := range []string{
		logFile, logFile + "-wal", logFile + "-shm", witnessFile, witnessFile + ".new", lockFile,
		"views.db", "views.db-wal", "text.db", "text.db-shm", "files",
	} {
		for kind, mk := range map[string]func(string) error{
			"a named pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"a socket":     func(path string) error { return syscall.Mknod(path, syscall.S_IFSOCK|0o600, 0) },
			"a folder":     func(path string) error { return os.Mkdir(path, 0o700) },
		} {
			if name == "files" && kind == "a folder" {
				continue
			}
			dir := t.TempDir()
			lay(t, dir, image)
			if err := errors.Join(os.RemoveAll(filepath.Join(dir, name)), mk(filepath.Join(dir, name))); err != nil {
				t.Fatal(err)
			}
			before := folder(t, dir)
			d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
			if examined, err := daybook.Examine(t.Context(), dir); err != nil || !examined.Refused() && strings.HasPrefix(name, "daybook") {
				t.Errorf("%s is %s: examined: %+v, %v", name, kind, examined, err)
			}
			if diff := gocmp.Diff(before, folder(t, dir)); diff != "" {
				t.Errorf("%s is %s: the folder was changed (-before +after):\n%.2000s", name, kind, diff)
			}
			if name == "files" {
				kind = "no folder"
			}
			if err == nil {
				_ = d.Close()
				t.Errorf("%s is %s and was opened", name, kind)
			} else if !strings.Contains(err.Error(), kind) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s is %s: %v", name, kind, err)
			}
		}
	}
}

// Only the owner of a data folder may read what is in it.
func TestDataFilesAreForTheirOwnerAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	for name, e := range killed(t) {
		if e.Mode.Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, e.Mode)
		}
	}
}
