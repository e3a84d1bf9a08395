package sqlitelog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"daybook/internal/sqlite"
)

// ErrLocked: another process has the log open. The error's text names it.
var ErrLocked = errors.New("log is in use")

// lock is a lock on the folder: the kernel releases it when the process ends.
type lock struct {
	file *os.File // nil: the folder needs no lock
	// Until it is kept, release leaves the file as it was found.
	kept   bool
	made   bool
	shared bool
	found  []byte // what it says, unless it is shared
}

// acquireLock locks the folder for this process alone and writes down who has it.
func acquireLock(dir string) (*lock, error) {
	l, err := openLock(dir, os.O_RDWR|os.O_CREATE, syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	l.found, _ = io.ReadAll(io.LimitReader(l.file, maxOwner))
	host, _ := os.Hostname()
	// The owner is written for people; a full disk must not prevent the start.
	l.write(fmt.Appendf(nil, "process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339)))
	return l, nil
}

// shareLock takes the folder together with other readers, while no owner has it. A
// folder that cannot be written to and has no lock file needs none.
func shareLock(dir string) (*lock, error) {
	l, err := openLock(dir, os.O_RDONLY|os.O_CREATE, syscall.LOCK_SH)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		l, err = openLock(dir, os.O_RDONLY, syscall.LOCK_SH)
		if errors.Is(err, os.ErrNotExist) {
			return &lock{}, nil
		}
	}
	return l, err
}

func openLock(dir string, flag, how int) (*lock, error) {
	path := filepath.Join(dir, lockName)
	if err := sqlite.CheckFile(path); err != nil {
		return nil, err
	}
	for {
		_, err := os.Lstat(path)
		l := &lock{made: errors.Is(err, os.ErrNotExist), shared: how == syscall.LOCK_SH}
		if l.file, err = os.OpenFile(path, flag, 0o600); err != nil {
			return nil, err
		}
		if err := flock(l.file, dir, how); err != nil {
			return nil, err
		}
		if isAt(l.file, path) {
			return l, nil
		}
		if err := l.file.Close(); err != nil { // who made it has just removed it
			return nil, err
		}
	}
}

// maxOwner is the most bytes that a lock file has.
const maxOwner = 512

func (l *lock) write(text []byte) {
	if _, err := l.file.WriteAt(text, 0); err == nil { // first, for it needs no room where text was
		_ = l.file.Truncate(int64(len(text)))
	}
}

// isAt reports whether the open file is the one at the path.
func isAt(f *os.File, path string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(here, there)
}

// flock closes f when it cannot have the lock.
func flock(f *os.File, dir string, how int) error {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if err == nil {
		return nil
	}
	defer f.Close()
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	text, _ := io.ReadAll(io.LimitReader(f, maxOwner))
	owner := strings.TrimSpace(string(text))
	if owner == "" {
		owner = "another process"
	}
	return fmt.Errorf("%w: %s is held by %s; stop it first", ErrLocked, dir, owner)
}

// keep leaves the lock file as it is.
func (l *lock) keep() { l.kept = true }

// release unlocks the folder.
func (l *lock) release() error {
	if l.file == nil {
		return nil
	}
	var err error
	switch {
	case l.kept, l.shared && !l.made:
	case !l.made:
		l.write(l.found)
	case !l.shared || syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil: // nobody else has it
		err = os.Remove(l.file.Name())
	}
	return errors.Join(err, l.file.Close())
}

// Share keeps servers away from the folder until release is called, and changes nothing in it.
// Readers may share it. Errors: ErrLocked.
func Share(dir string) (release func() error, err error) {
	l, err := shareLock(dir)
	if err != nil {
		return nil, err
	}
	return l.release, nil
}
