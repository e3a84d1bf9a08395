// Package files keeps uploaded and produced files by the SHA-256 of their bytes,
// below one folder that it never leaves (os.Root).
//
// A file lies at ab/cdef…, the hex of its hash, with a description beside it in
// ab/cdef….json. Both are on disk, synced, before Put returns, the file last: what is
// found is whole. A file is never changed; the same bytes are kept once.
//
// What is read is what was put: a file is checked as it is read, block by block, and one
// that a disk has changed is ErrDamaged. Put of the same bytes replaces it.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Errors of the store.
var (
	ErrNotFound = errors.New("no such file")
	ErrTooLarge = errors.New("file is too large")
	ErrFull     = errors.New("no room for the file")
	ErrDamaged  = errors.New("file is damaged")
	ErrBlocked  = errors.New("something else lies in the place of a file or folder of the store")
)

// DamagedError is ErrDamaged, with the file that is.
type DamagedError struct{ ID, Name string }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the file %s (%s…) is damaged: upload it again", e.Name, e.ID[:8])
}

// Is makes it ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// Permanent tells that it stays so, until somebody uploads the file again.
func (e *DamagedError) Permanent() bool { return true }

// Info describes a file.
type Info struct {
	ID          string `json:"id"` // the SHA-256 of its bytes in lower-case hex: same bytes, same id
	Name        string `json:"name"`
	Size        int64  `json:"size"`
	ContentType string `json:"content_type"`
	SHA256      string `json:"sha256"`
}

// Store is a folder of files. Safe for concurrent use.
type Store struct {
	shared   Shared // nil = the folder is all there is
	root     *os.Root
	readOnly bool
}

// unfinished is the folder of uploads that have not ended.
const unfinished = "unfinished"

// Open opens or makes the store in dir and removes what unfinished uploads left.
// One process at a time may have a store open.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	if err := syncAbove(dir); err != nil {
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	root, err := openRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of files: %w", err)
	}
	s := &Store{root: root}
	if err := s.clear(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// openRoot opens the folder; what is none, such as a named pipe, is not waited for.
func openRoot(dir string) (*os.Root, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder: move it away: %w", dir, ErrBlocked)
	}
	return os.OpenRoot(dir)
}

// syncAbove puts on disk that the folder is there: all that is in it rests on that.
func syncAbove(dir string) error {
	above, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(above.Sync(), above.Close())
}

// OpenReadOnly opens the store in dir to be looked at. Nothing in it is changed.
func OpenReadOnly(dir string) (*Store, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of files: %w", err)
	}
	return &Store{root: root, readOnly: true}, nil
}

func (s *Store) clear() error {
	if err := s.root.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove unfinished uploads: %w", err)
	}
	if err := s.root.Mkdir(unfinished, 0o700); err != nil {
		return fmt.Errorf("make the folder of uploads: %w", err)
	}
	return s.sync(".")
}

// Close gives back the folder. Files that are open stay open.
func (s *Store) Close() error { return s.root.Close() }

// Stat describes the file with that id. Errors: ErrNotFound, also for an id that is
// malformed; ErrDamaged for one that is not as long as it was. Its bytes are not read.
func (s *Store) Stat(id string) (Info, error) {
	d, err := s.find(id)
	return d.Info, err
}

// find describes a file that the folder has, or gets from the other nodes of a cluster.
func (s *Store) find(id string) (description, error) {
	d, err := s.describe(id)
	if s.shared == nil || !errors.Is(err, ErrNotFound) {
		return d, err
	}
	if err := s.fetch(id); err != nil {
		return description{}, err
	}
	return s.describe(id)
}

// Open opens the file for reading. Errors: those of Stat. Reading fails with ErrDamaged where
// the file is not as it was put; what was read before is.
func (s *Store) Open(id string) (io.ReadSeekCloser, Info, error) {
	d, err := s.find(id)
	if err != nil {
		return nil, Info{}, err
	}
	f, err := s.open(placeOf(id))
	if absent(err) {
		return nil, Info{}, ErrNotFound
	}
	if err != nil {
		return nil, Info{}, fmt.Errorf("open file %s: %w", id, err)
	}
	return &reading{f: f, d: d}, d.Info, nil
}

// ValidID reports whether id has the form of a file's id: 64 lower-case hex digits.
func ValidID(id string) bool {
	if len(id) != 64 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func folderOf(id string) string      { return id[:2] }
func placeOf(id string) string       { return id[:2] + "/" + id[2:] }
func descriptionOf(id string) string { return placeOf(id) + ".json" }

// absent reports whether the error of looking at a file says that there is none: its folder may be
// something that is no folder.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

// open opens what lies in the place of a file for reading. A named pipe is not waited for: it
// reads as empty, so it does not fit its hash.
func (s *Store) open(name string) (*os.File, error) {
	return s.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func (s *Store) readAll(name string) ([]byte, error) {
	f, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
