package viewfile

import "errors"

// StartBulk begins a rebuild of an empty file: until EndBulk nothing waits for the
// disk, and the file is marked as not complete, so that Open refuses it if the
// rebuild is cut short. Batches and readers work as ever.
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

// EndBulk makes the file complete: all of it is on disk when it returns. progress, if not
// nil, is told of steps done out of all; there is little left to do, for indexes are kept
// all the time. No reader may be fixed: ErrReaders.
func (f *File) EndBulk(progress func(done, total int64)) error {
	if f.write.open {
		return ErrBusy
	}
	// A checkpoint without a page to copy would sync nothing: hence the first change.
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

// ErrReaders: a reader was fixed for too long.
var ErrReaders = errors.New("a reader holds the WAL of the view file")

// doAll does statements one after the other. A checkpoint copies and syncs all, or fails.
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
