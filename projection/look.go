package projection

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"daybook/eventlog"
	"daybook/internal/sqlite"
	"daybook/task"
)

// noFile reports whether dir has no file of the views.
func noFile(dir string) bool {
	for _, name := range []string{fileName, textName} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// unchecked is the event after which a log that ends at head is checked before the files in
// dir are touched. Files that were closed in order have all events, those of a process that
// was killed lack mostLag of them at most.
func unchecked(head int64, dir string) int64 {
	file, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || file.Size() == 0 {
		return 0
	}
	last := int64(CheckedAtStart)
	if _, err := os.Stat(filepath.Join(dir, fileName+"-wal")); err == nil { // they were not closed
		last += mostLag
	}
	return max(head-last, 0)
}

// checkFiles refuses a folder in which something else lies where the files are to be. Errors:
// sqlite.ErrNotFile.
func checkFiles(dir string) error {
	for _, name := range []string{fileName, textName} {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			if err := sqlite.CheckFile(filepath.Join(dir, name+suffix)); err != nil {
				return err
			}
		}
	}
	return nil
}

// look reads the log after an event and checks that none is missing, that each follows from the
// one before, and that all can be decoded. It folds what is not of a task into others, unless that
// is nil. Errors: those of Scan and decode.
func look(ctx context.Context, log eventlog.Log, after int64, others streams) error {
	var d decoder
	var e task.Event
	return named(ctx, log, log.Scan(ctx, after, func(raw *eventlog.Event) error {
		_, err := d.decode(&e, raw)
		if err == nil && e.Type == 0 && others != nil {
			err = others.apply(raw)
		}
		return err
	}))
}

// Check reads the whole log and checks what a start checks of its end: that no event is missing,
// that each follows from the one before, and that this version knows it. It returns the latest
// starts of the server, as Views.ServerRuns does. Errors: those of Rebuild.
func Check(ctx context.Context, log eventlog.Log) ([]ServerRun, error) {
	others := newStreams()
	err := look(ctx, log, 0, others)
	return foldIn[*servers](others).Runs, err
}
