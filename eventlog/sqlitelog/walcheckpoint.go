package sqlitelog

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"daybook/internal/sqlite"
)

// When the WAL is copied into the database, by its size in bytes.
const (
	copyFrom    = 4 << 20  // this much is not copied yet: a goroutine starts to copy it beside the appends
	restartFrom = 8 << 20  // the WAL is due to be restarted from its beginning
	finishMost  = 1 << 20  // the most that an append copies itself so that the WAL can restart
	waitFrom    = 64 << 20 // an append waits for the goroutine
	retryAfter  = 1 << 20  // growth of the WAL after which a reader that was in the way is likely gone
)

// walCheckpointer copies the WAL into the database (a WAL checkpoint of SQLite). A goroutine
// copies most of it while appends go on. SQLite restarts the WAL only when nothing is left to
// copy, which never happens beside busy appends, so an append copies the last small part.
//
// The goroutine ends when little is left to copy; close waits for it. SQLite's automatic
// checkpoints are off, because SQLite ignores their errors.
type walCheckpointer struct {
	c          *sqlite.Conn
	checkpoint *sqlite.Stmt
	pageSize   int64
	stopped    func() bool // reports whether the files must not be touched any more
	fail       func(error) // receives the errors of the goroutine
	group      sync.WaitGroup

	copying sync.Mutex // held during a checkpoint

	mu       sync.Mutex
	running  bool  // guarded by mu; the goroutine runs
	frames   int64 // guarded by mu; pages in the WAL
	copied   int64 // guarded by mu; how many of them are in the database, at least
	retry    int64 // guarded by mu; no checkpoint while the WAL has fewer frames
	restarts int   // guarded by mu; how often the WAL was restarted
}

func openWALCheckpointer(path string, stopped func() bool, fail func(error)) (*walCheckpointer, error) {
	c, err := sqlite.Connect(path, "mode=rw&_synchronous=FULL")
	if err != nil {
		return nil, fmt.Errorf("open the connection for WAL checkpoints: %w", err)
	}
	w := &walCheckpointer{c: c, stopped: stopped, fail: fail}
	err = errors.Join(c.Do("PRAGMA wal_autocheckpoint = 0"), syncFully(c))
	if err == nil {
		w.pageSize, err = c.Number("PRAGMA page_size")
	}
	if err == nil {
		w.checkpoint, err = c.Prepare("PRAGMA wal_checkpoint(PASSIVE)")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the connection for WAL checkpoints: %w", err), c.Close())
	}
	return w, nil
}

// committed checkpoints, or starts the goroutine that does, if that is due after a commit.
// frames is the number of pages in the WAL. It is called by one goroutine at a time.
func (w *walCheckpointer) committed(frames int) error {
	size, left, due := w.note(int64(frames))
	if !due {
		return nil
	}
	if size < waitFrom && (size < restartFrom || left > finishMost) {
		w.start()
		return nil
	}
	if !w.copying.TryLock() {
		if size < waitFrom {
			return nil // the goroutine is about to leave less
		}
		w.copying.Lock()
	}
	defer w.copying.Unlock()
	if err := w.copy(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// A reader that still uses the WAL keeps it from being restarted.
	w.retry = max(w.retry, w.frames+retryAfter/w.pageSize)
	return nil
}

// note records the length of the WAL. It returns its size and how much of it is not copied
// yet, in bytes, and whether a checkpoint is due.
func (w *walCheckpointer) note(frames int64) (size, left int64, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if frames < w.frames {
		w.restarts++
		w.copied, w.retry = 0, 0
	}
	w.frames = frames
	size, left = w.frames*w.pageSize, (w.frames-w.copied)*w.pageSize
	return size, left, frames >= w.retry && left > 0 && (left >= copyFrom || size >= restartFrom)
}

// start starts the goroutine unless it runs.
func (w *walCheckpointer) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		return
	}
	w.running = true
	w.group.Go(w.run)
}

// run checkpoints until little is left to copy or a reader is in the way.
func (w *walCheckpointer) run() {
	for more := true; more; {
		var err error
		if more, err = w.runOnce(); err != nil {
			w.fail(doubt{fmt.Errorf("checkpoint the WAL: %w", err)})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
}

func (w *walCheckpointer) runOnce() (more bool, err error) {
	w.copying.Lock()
	defer w.copying.Unlock()
	if w.stopped() {
		return false, nil
	}
	if err := w.copy(); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frames >= w.retry && (w.frames-w.copied)*w.pageSize > finishMost, nil
}

// copy runs one checkpoint; copying is held. A full disk is no error: the events are safe
// in the WAL.
func (w *walCheckpointer) copy() error {
	w.mu.Lock()
	restarts := w.restarts
	w.mu.Unlock()
	var dest [3]driver.Value // busy, pages in the WAL, pages copied
	err := w.checkpoint.Each(dest[:], func() error { return nil })
	full := isFull(err)
	if err != nil && !full {
		return err
	}
	busy, _ := dest[0].(int64)
	total, _ := dest[1].(int64)
	copied, _ := dest[2].(int64)
	w.mu.Lock()
	defer w.mu.Unlock()
	if restarts != w.restarts {
		return nil // the numbers are of the WAL before it was restarted
	}
	if !full {
		w.copied = max(w.copied, copied)
	}
	if full || busy != 0 || copied < total { // a reader is in the way, or the disk is full
		w.retry = w.frames + retryAfter/w.pageSize
	}
	return nil
}

// close waits for the goroutine. committed must not be called any more.
func (w *walCheckpointer) close() error {
	w.group.Wait()
	return w.c.Close()
}
