package viewfile

import (
	"errors"
	"sync"

	"daybook/internal/sqlite"
)

// StartBulk begins a rebuild of an empty file. Until EndBulk nothing is synced, and the file is
// marked as incomplete, so that Open refuses it if the rebuild does not finish. Batches and readers
// work as usual.
func (f *File) StartBulk() error {
	if f.write.inserts != nil {
		return ErrBusy
	}
	err := f.write.doAll(notComplete, checkpoint, "PRAGMA synchronous = OFF", bulkCache)
	if err == nil {
		err = f.write.conn.CountFrames()
	}
	if err == nil {
		f.copier, err = newCopier(f.path)
	}
	return fail("start bulk", err)
}

const (
	notComplete = "UPDATE about SET complete = 0"
	complete    = "UPDATE about SET complete = 1"
	checkpoint  = "PRAGMA wal_checkpoint(TRUNCATE)"
	// bulkCache is for the pages to which the indexes grow: there is one for each tag and class of run times.
	bulkCache = "PRAGMA cache_size = -32768" // KiB
	// mostFrames is the number of pages in the WAL, 256 MiB, at which a rebuild waits until all of it is copied.
	mostFrames = 256 << 20 / pageSize
)

// EndBulk syncs the file and marks it as complete. It calls progress, if that is not nil, after each
// step. It takes little time, because the indexes are already complete. Errors: ErrReaders while a
// reader is fixed.
func (f *File) EndBulk(progress func(done, total int64)) error {
	if f.write.inserts != nil {
		return ErrBusy
	}
	if err := f.endCopier(); err != nil {
		return fail("end bulk", err)
	}
	// A WAL checkpoint without a page to copy syncs nothing; the first change makes sure there is one.
	steps := []string{"PRAGMA synchronous = NORMAL", writerCache, "PRAGMA wal_autocheckpoint = 1000", notComplete, checkpoint, complete, checkpoint}
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

// copier copies the WAL into the file during a rebuild, while the writer goes on. SQLite's own WAL checkpoints would
// stop the writer for as long. A copy that fails, because the disk is full, is left to the next one; EndBulk copies
// what is left, and reports it.
type copier struct {
	conn    *sqlite.Conn
	copying sync.Mutex
	wake    chan struct{} // something was committed
	done    chan struct{} // closed when run has ended
	most    int           // pages in the WAL at which the writer waits
}

const copyWAL = "PRAGMA wal_checkpoint(PASSIVE)"

func newCopier(path string) (*copier, error) {
	conn, err := sqlite.ConnectSummed(path, "", pageSize)
	if err != nil {
		return nil, err
	}
	if err := conn.Do("PRAGMA synchronous = OFF"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &copier{conn: conn, wake: make(chan struct{}, 1), done: make(chan struct{}), most: mostFrames}
	go c.run()
	return c, nil
}

func (c *copier) run() {
	defer close(c.done)
	for range c.wake {
		c.copying.Lock()
		_, _ = c.conn.Number(copyWAL)
		c.copying.Unlock()
	}
}

// committed lets the copier go on after a commit of w. When the WAL is long, it waits for the copier and copies the
// rest, so that the WAL starts again from its beginning.
func (c *copier) committed(w *writer) {
	if c == nil {
		return
	}
	if w.conn.Frames() >= c.most {
		c.copying.Lock()
		_, _ = w.conn.Number(copyWAL)
		c.copying.Unlock()
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// close waits until the copier has ended.
func (c *copier) close() error {
	if c == nil {
		return nil
	}
	close(c.wake)
	<-c.done
	return c.conn.Close()
}

// endCopier ends the copier of a rebuild, if there is one.
func (f *File) endCopier() error {
	c := f.copier
	f.copier = nil
	return c.close()
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
