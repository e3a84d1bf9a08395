// Package files keeps uploaded and produced files by the SHA-256 of their bytes,
// below one folder that it never leaves (os.Root).
//
// A file lies at ab/cdef…, the hex of its hash, with a description beside it in
// ab/cdef….json. Both are on disk, synced, before Put returns, the file last: what is
// found is whole. A file is never changed; the same bytes are kept once.
package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Errors of the store.
var (
	ErrNotFound = errors.New("no such file")
	ErrTooLarge = errors.New("file is too large")
	ErrFull     = errors.New("no room for the file")
)

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
	root *os.Root
}

// unfinished is the folder of uploads that have not ended.
const unfinished = "unfinished"

// Open opens or makes the store in dir and removes what unfinished uploads left.
// One process at a time may have a store open.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of files: %w", err)
	}
	s := &Store{root: root}
	if err := s.clear(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
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

// Stat describes the file with that id. ErrNotFound, also for an id that is malformed.
func (s *Store) Stat(id string) (Info, error) {
	if !ValidID(id) {
		return Info{}, ErrNotFound
	}
	text, err := s.root.ReadFile(descriptionOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, ErrNotFound
	}
	if err != nil {
		return Info{}, fmt.Errorf("read the description of file %s: %w", id, err)
	}
	var info Info
	if err := json.Unmarshal(text, &info); err != nil {
		return Info{}, fmt.Errorf("read the description of file %s: %w", id, err)
	}
	found, err := s.root.Lstat(placeOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, ErrNotFound
	}
	if err != nil {
		return Info{}, fmt.Errorf("look at file %s: %w", id, err)
	}
	info.ID, info.SHA256, info.Size = id, id, found.Size()
	return info, nil
}

// Open opens the file for reading. ErrNotFound.
func (s *Store) Open(id string) (io.ReadSeekCloser, Info, error) {
	info, err := s.Stat(id)
	if err != nil {
		return nil, Info{}, err
	}
	f, err := s.root.Open(placeOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Info{}, ErrNotFound
	}
	if err != nil {
		return nil, Info{}, fmt.Errorf("open file %s: %w", id, err)
	}
	return f, info, nil
}

// ValidID tells whether id has the form of a file's id: 64 lower-case hex digits.
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
