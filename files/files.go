// Package files keeps uploaded and produced files by the SHA-256 of their bytes,
// below one folder that it never leaves (os.Root).
package files

import (
	"context"
	"errors"
	"io"
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
type Store struct{}

// Open opens or makes the store in dir and removes what unfinished uploads left.
func Open(dir string) (*Store, error) { panic("todo") }

// Close gives back the folder.
func (s *Store) Close() error { panic("todo") }

// Put streams r to disk and returns when the file and its folder are synced. limit is
// the most bytes it may have. name is cut to its last element and 255 bytes.
// Errors: ErrTooLarge, ErrFull, that of r or ctx; nothing is left behind.
func (s *Store) Put(ctx context.Context, name, contentType string, r io.Reader, limit int64) (Info, error) {
	panic("todo")
}

// Stat describes the file with that id. ErrNotFound, also for an id that is malformed.
func (s *Store) Stat(id string) (Info, error) { panic("todo") }

// Open opens the file for reading. ErrNotFound.
func (s *Store) Open(id string) (io.ReadSeekCloser, Info, error) { panic("todo") }
