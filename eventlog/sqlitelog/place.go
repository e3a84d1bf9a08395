package sqlitelog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"daybook/internal/sqlite"
)

// makeDir makes the folder if it is not there, with those above it. That they are there is on
// disk when it returns.
func makeDir(dir string) error {
	var made []string
	for path := filepath.Clean(dir); ; path = filepath.Dir(path) {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			break // MkdirAll reports other errors
		}
		made = append(made, path)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, path := range made {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return fmt.Errorf("sync the folder above %s: %w", path, err)
		}
	}
	return nil
}

// Errors of a folder that cannot be used as it is. Nothing was changed.
var (
	ErrNotReadable = errors.New("log is not readable")
	ErrNotWritable = errors.New("log is not writable")
)

// Rights to a file, as access(2) has them.
const (
	readable = 4
	writable = 2
)

// checkPlace refuses a folder in which something else lies where files of the log are to be, or
// files that this process may not read, or write if it is to.
func checkPlace(dir string, write bool) error {
	names := []string{lockName, sidecarName, sidecarName + ".new", logName, logName + "-wal", logName + "-shm", logName + "-journal"}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := sqlite.CheckFile(path); errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%w: %w", ErrNotReadable, err)
		} else if err != nil {
			return err
		}
		if err := mayUse(path, readable); err != nil && (write || name != lockName) {
			return fmt.Errorf("%w: %w", ErrNotReadable, err)
		}
		if err := mayUse(path, writable); err != nil && write {
			return fmt.Errorf("%w: %w", ErrNotWritable, err)
		}
	}
	if err := mayUse(dir, writable); err != nil && write {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return nil
}

// mayUse says why this process may not use what lies at the path, nil if it may or nothing does.
func mayUse(path string, how uint32) error {
	err := syscall.Access(path, how)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s: %w for user %d; give it to that user, or run as its owner", path, err, os.Getuid())
}

// CheckFolder checks what a start checks of a folder before it looks into it. Errors:
// ErrNotReadable, ErrNotWritable, sqlite.ErrNotFile.
func CheckFolder(dir string) error { return checkPlace(dir, true) }
