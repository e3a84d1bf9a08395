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
)

// ErrLocked: another process has the log open. The error's text names it.
var ErrLocked = errors.New("log is in use")

// lock is a hold on the folder: the kernel gives it back when the process ends.
type lock struct{ file *os.File }

// takeLock takes the folder for this process alone and writes down who has it.
func takeLock(dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, dir, syscall.LOCK_EX); err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	owner := fmt.Sprintf("process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	// Who holds the lock is told for people; a full disk must not keep the log shut.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(owner), 0)
	}
	return &lock{f}, nil
}

// shareLock takes the folder together with other readers, while no owner has it. A
// folder that cannot be written to and has no lock file needs none.
func shareLock(dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDONLY|os.O_CREATE, 0o600)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		f, err = os.Open(filepath.Join(dir, lockName))
		if errors.Is(err, os.ErrNotExist) {
			return &lock{}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if err := flock(f, dir, syscall.LOCK_SH); err != nil {
		return nil, err
	}
	return &lock{f}, nil
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
	text, _ := io.ReadAll(io.LimitReader(f, 512))
	owner := strings.TrimSpace(string(text))
	if owner == "" {
		owner = "another process"
	}
	return fmt.Errorf("%w: %s is held by %s; stop it first", ErrLocked, dir, owner)
}

// release gives the folder back.
func (l *lock) release() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
