package sqlitelog

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"daybook/internal/sqlite"
)

// How long the WAL is, in bytes, when something is done about it.
const (
	foldFrom   = 4 << 20  // so much is not copied yet: copying starts beside the appends
	anewFrom   = 8 << 20  // the WAL is to be begun anew
	finishMost = 1 << 20  // what an append copies itself so that it can be
	waitFrom   = 64 << 20 // an append waits for the copying
	retryAfter = 1 << 20  // growth after which one who was in the way is likely gone
)

// folder copies the WAL into the database. Most is copied by a goroutine while appends go
// on. The WAL can only be begun anew when nothing is left to copy, which never happens
// beside busy appends: so an append copies the last little bit itself.
//
// The goroutine lives for some passes and is waited for by close. All copying is by hand,
// for SQLite swallows the errors of its own.
type folder struct {
	c        *sqlite.Conn
	fold     *sqlite.Stmt
	pageSize int64
	stopped  func() bool // nothing is to be touched any more
	fail     func(error) // takes the errors of the goroutine
	group    sync.WaitGroup

	pass sync.Mutex // held while a pass copies

	mu      sync.Mutex
	running bool  // guarded by mu; the goroutine lives
	frames  int64 // guarded by mu; pages in the WAL
	copied  int64 // guarded by mu; how many of them are in the database, at least
	retry   int64 // guarded by mu; below so many frames nothing is tried
	anew    int   // guarded by mu; how often the WAL was begun anew
}

func openFolder(path string, stopped func() bool, fail func(error)) (*folder, error) {
	c, err := sqlite.Connect(path, "mode=rw&_synchronous=FULL")
	if err != nil {
		return nil, fmt.Errorf("open the folding connection: %w", err)
	}
	f := &folder{c: c, stopped: stopped, fail: fail}
	err = errors.Join(c.Do("PRAGMA wal_autocheckpoint = 0"), syncFully(c))
	if err == nil {
		f.pageSize, err = c.Number("PRAGMA page_size")
	}
	if err == nil {
		f.fold, err = c.Prepare("PRAGMA wal_checkpoint(PASSIVE)")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the folding connection: %w", err), c.Close())
	}
	return f, nil
}

// committed does what is due after a commit that left so many frames in the WAL. It is
// called by one goroutine at a time.
func (f *folder) committed(frames int) error {
	size, left, due := f.note(int64(frames))
	if !due {
		return nil
	}
	if size < waitFrom && (size < anewFrom || left > finishMost) {
		f.start()
		return nil
	}
	if !f.pass.TryLock() {
		if size < waitFrom {
			return nil // the goroutine is about to leave less
		}
		f.pass.Lock()
	}
	defer f.pass.Unlock()
	if err := f.copy(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	// Whoever still reads the WAL keeps it from being begun anew.
	f.retry = max(f.retry, f.frames+retryAfter/f.pageSize)
	return nil
}

// note tells how long the WAL is, how much of it is left to copy, in bytes, and whether
// there is something to do.
func (f *folder) note(frames int64) (size, left int64, due bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if frames < f.frames {
		f.anew++
		f.copied, f.retry = 0, 0
	}
	f.frames = frames
	size, left = f.frames*f.pageSize, (f.frames-f.copied)*f.pageSize
	return size, left, frames >= f.retry && left > 0 && (left >= foldFrom || size >= anewFrom)
}

// start starts the goroutine if it does not run.
func (f *folder) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running {
		return
	}
	f.running = true
	f.group.Go(f.run)
}

// run copies until little is left, or somebody is in the way.
func (f *folder) run() {
	for more := true; more; {
		var err error
		if more, err = f.once(); err != nil {
			f.fail(doubt{fmt.Errorf("fold the WAL: %w", err)})
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = false
}

func (f *folder) once() (more bool, err error) {
	f.pass.Lock()
	defer f.pass.Unlock()
	if f.stopped() {
		return false, nil
	}
	if err := f.copy(); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frames >= f.retry && (f.frames-f.copied)*f.pageSize > finishMost, nil
}

// copy is one pass over what is in the WAL; pass is held. No room for it is no error:
// the events are safe in the WAL.
func (f *folder) copy() error {
	f.mu.Lock()
	anew := f.anew
	f.mu.Unlock()
	var dest [3]driver.Value // busy, pages in the WAL, pages copied
	err := f.fold.Each(dest[:], func() error { return nil })
	full := isFull(err)
	if err != nil && !full {
		return err
	}
	busy, _ := dest[0].(int64)
	total, _ := dest[1].(int64)
	copied, _ := dest[2].(int64)
	f.mu.Lock()
	defer f.mu.Unlock()
	if anew != f.anew {
		return nil // what is known is of the WAL before
	}
	if !full {
		f.copied = max(f.copied, copied)
	}
	if full || busy != 0 || copied < total { // somebody is in the way, or there is no room
		f.retry = f.frames + retryAfter/f.pageSize
	}
	return nil
}

// close waits for the goroutine. committed is not called any more.
func (f *folder) close() error {
	f.group.Wait()
	return f.c.Close()
}
