package viewfile

import "errors"

// StartBulk begins a rebuild of an empty file. Until EndBulk nothing is synced, and the file is
// marked as incomplete, so that Open refuses it if the rebuild does not finish. Batches and readers
// work as usual.
func (f *File) StartBulk() error {
	if f.write.open {
		return ErrBusy
	}
	return fail("start bulk", f.write.doAll(notComplete, checkpoint, "PRAGMA synchronous = OFF"))
}

const (
	notComplete = "UPDATE about SET complete = 0"
	complete    = "UPDATE about SET complete = 1"
	checkpoint  = "PRAGMA wal_checkpoint(TRUNCATE)"
)

// EndBulk syncs the file and marks it as complete. It calls progress, if that is not nil, after each
// step. It takes little time, because the indexes are already complete. Errors: ErrReaders while a
// reader is fixed.
func (f *File) EndBulk(progress func(done, total int64)) error {
	if f.write.open {
		return ErrBusy
	}
	// A WAL checkpoint without a page to copy syncs nothing; the first change makes sure there is one.
	steps := []string{"PRAGMA synchronous = NORMAL", notComplete, checkpoint, complete, checkpoint}
	for i, step := range steps {
		if progress != nil {
			progress(int64(i), int64(len(steps)))
		}
		if err := f.write.doAll(step); err != nil {
			return fail("end bulk", err)
		}
	}
	if progress != nil {
		progress(int64(len(steps)), int64(len(steps)))
	}
	return nil
}

// ErrReaders: a reader still uses the WAL, so it cannot be copied.
var ErrReaders = errors.New("a reader holds the WAL of the view file")

// doAll executes statements in order. A WAL checkpoint copies and syncs everything, or fails.
func (w *writer) doAll(statements ...string) error {
	for _, sql := range statements {
		if sql != checkpoint {
			if err := w.conn.Do(sql); err != nil {
				return err
			}
			continue
		}
		busy, err := w.conn.Number(sql)
		if err != nil {
			return err
		}
		if busy != 0 {
			return ErrReaders
		}
	}
	return nil
}
