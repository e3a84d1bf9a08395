package daybook

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"daybook/eventlog/sqlitelog"
)

// CopyData copies a data folder that no server has open to a place where nothing is yet, and
// compares the copy with it. Nothing in the folder is changed. Errors: sqlitelog.ErrLocked,
// fs.ErrExist.
func CopyData(data, to string) (err error) {
	release, err := sqlitelog.Share(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if isInside(data, to) {
		return fmt.Errorf("copy to %s: it lies in the folder itself; name another place", to)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("copy to a new folder: %w", err)
	}
	return filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(data, path)
		if err != nil || name == "." {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case d.IsDir():
			return os.Mkdir(target, 0o700)
		case !d.Type().IsRegular():
			return nil // a pipe or a socket, which holds nothing
		}
		if err := copyExactly(target, path); err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		return nil
	})
}

// isInside reports whether a path lies in the folder.
func isInside(folder, path string) bool {
	folder, err1 := filepath.Abs(folder)
	path, err2 := filepath.Abs(path)
	rel, err3 := filepath.Rel(folder, path)
	return errors.Join(err1, err2, err3) == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// copyExactly copies a file with its mode and time, syncs it and reads both again.
func copyExactly(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	was, err1 := sumOf(from)
	is, err2 := sumOf(to)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if !bytes.Equal(was, is) {
		return errors.New("the copy has other bytes")
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

func sumOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}

// RemoveViews removes the view files of a data folder that no server has open. The next start makes
// them again from the log. Errors: sqlitelog.ErrLocked.
func RemoveViews(data string) error {
	return changing(data, func(name string) error {
		if strings.HasPrefix(name, "views.db") || strings.HasPrefix(name, "text.db") {
			return os.Remove(filepath.Join(data, name))
		}
		return nil
	})
}

// CloseToOthers takes the rights to the files of log and views from all but their owner.
// Errors: sqlitelog.ErrLocked.
func CloseToOthers(data string) error {
	return changing(data, func(name string) error { return os.Chmod(filepath.Join(data, name), 0o600) })
}

// changing calls fn for each file of log and views while no server has them.
func changing(data string, fn func(name string) error) (err error) {
	release, err := sqlitelog.Share(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	for _, name := range dataFiles(data) {
		if err := fn(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
