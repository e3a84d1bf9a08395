package sqlitelog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"daybook/sqlite"
)

// makeDir makes the folder if it is not there, with those above it. That they are there is on
// disk when it returns.
func makeDir(dir string) error {
	var made []string
	for path := filepath.Clean(dir); ; path = filepath.Dir(path) {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			break // what else is wrong is told by MkdirAll
		}
		made = append(made, path)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, path := range made {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return fmt.Errorf("sync the folder above %s: %w", path, err)
		}
	}
	return nil
}

// checkPlace refuses a folder in which something else lies where files of the log are to be.
func checkPlace(dir string) error {
	for _, name := range []string{lockName, sidecarName, sidecarName + ".new", logName, logName + "-wal", logName + "-shm", logName + "-journal"} {
		if err := sqlite.CheckFile(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
