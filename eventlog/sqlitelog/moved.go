package sqlitelog

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"daybook/eventlog"
)

// lookEvery is how old the latest check of the files may be when something is appended.
const lookEvery = 100 * time.Millisecond

// places are the open files, by path and inode. A process can write to files that were removed or
// replaced, but the next start would not find what it acknowledged.
type places struct {
	mu     sync.Mutex
	open   [4]place  // guarded by mu; all zero while the log is not open for writing
	looked time.Time // guarded by mu
}

// sidecarPlace is where places have the witness, which is made or replaced by the first append.
const sidecarPlace = 3

type place struct {
	path     string
	dev, ino uint64
}

func placeOf(path string) (place, error) {
	p := place{path: path}
	err := p.look()
	return p, err
}

func (p *place) look() error {
	var s syscall.Stat_t
	if err := syscall.Stat(p.path, &s); err != nil {
		return &os.PathError{Op: "stat", Path: p.path, Err: err}
	}
	p.dev, p.ino = uint64(s.Dev), s.Ino
	return nil
}

// note records the files in the folder of a log that is open for writing.
func (p *places) note(dir string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, name := range [...]string{lockName, logName, logName + "-wal", sidecarPlace: sidecarName} {
		var err error
		if p.open[i], err = placeOf(filepath.Join(dir, name)); err != nil && i != sidecarPlace {
			return err
		}
	}
	return nil
}

// noteSidecar records a witness that was made or replaced.
func (p *places) noteSidecar(dir string) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[sidecarPlace], err = placeOf(filepath.Join(dir, sidecarName))
	return err
}

// check checks that all files are where they were, unless the latest check is younger than the given time.
// Its error names the file that is not.
func (p *places) check(older time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= older {
		p.looked = now
	} else {
		return nil
	}
	for i := range p.open {
		was := p.open[i]
		if was.ino == 0 {
			continue // not made yet
		}
		now, err := placeOf(was.path)
		switch {
		case os.IsNotExist(err) || err == nil && now != was:
			return fmt.Errorf("%s was removed or replaced", was.path)
		case err != nil:
			return fmt.Errorf("look whether the log is where it was: %w", err)
		}
	}
	return nil
}

// movedError is the error of a log whose files are not where they were. It accepts no more appends.
type movedError struct{ err error }

func (e movedError) Error() string {
	return fmt.Sprintf("%v while it was open: %v. Nothing more is written, and reading goes on from the files that are open. "+
		"Put the folder back before this process ends, or copy its files from /proc/%d/fd: a restart finds only what lies there then",
		eventlog.ErrMoved, e.err, os.Getpid())
}

// Is makes the error an ErrDamaged too: such a log accepts no more appends.
func (movedError) Is(target error) bool {
	return target == eventlog.ErrMoved || target == eventlog.ErrDamaged
}

// CheckFiles looks whether the files of the log are where they were when it was opened. When they
// are not, Append refuses every entry from then on with an error that wraps eventlog.ErrMoved
// and eventlog.ErrDamaged, and nothing is written; reading goes on. Append looks too before
// anything is acknowledged: this is for a log to which nothing is appended.
func (l *Log) CheckFiles() error { return l.checkFiles(0) }

func (l *Log) checkFiles(older time.Duration) error {
	err := l.places.check(older)
	if err == nil {
		return l.Damage()
	}
	err = movedError{err}
	if l.damaged.CompareAndSwap(nil, &err) {
		l.logger.Error("the data folder was removed or replaced: nothing more is written", "dir", l.dir, "error", err)
	}
	return l.Damage()
}
