package sqlite

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// LinkPrefix is how the folders that LinkBeside makes begin. One that a killed process left may
// be removed.
const LinkPrefix = "daybook.look-"

// LinkBeside lays a hard link to a database and a copy of its WAL into a new folder beside it, so
// that SQLite can open them without a change to the database, its WAL or its -shm file. The
// caller removes the folder temp. After an error there is none.
func LinkBeside(path string) (place, temp string, err error) {
	if temp, err = os.MkdirTemp(filepath.Dir(path), LinkPrefix); err != nil {
		return "", "", err
	}
	place = filepath.Join(temp, filepath.Base(path))
	if err = os.Link(path, place); err == nil {
		err = CopyFile(place+"-wal", path+"-wal")
	}
	if err != nil {
		return "", "", errors.Join(err, os.RemoveAll(temp))
	}
	return place, temp, nil
}

// CopyFile copies a file to a place where there is none. The copy is for its owner alone.
func CopyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
