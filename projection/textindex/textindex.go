// Package textindex is an inverted index: it finds the documents that contain given words. A document
// is a number and some JSON texts. The numbers of later documents are usually, but not always, larger.
//
// A word is a run of letters, marks and digits of any script, without distinction of case. JSON
// escapes are decoded; keys of objects and literals are words too. Each Chinese, Japanese or
// Korean character is one word. A query matches a document if each of its words is a prefix of a
// word of the document.
//
// Only the first 64 bytes of a word, the first 64 KiB of a text and the first 256 KiB of a
// document are indexed. Query.Matches has the same limits.
//
// The index is a view: it may be deleted at any time and is rebuilt. It does not store the
// texts, so a document that was added again may still be found by its former words. The caller
// checks hits against the texts with Query.Matches.
package textindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// ErrUnusable: the file is damaged, or has another owner or format. Remove it and rebuild the
// index.
var ErrUnusable = errors.New("the text index is unusable")

// ErrOtherFormat: another version of this program made the file. It wraps ErrUnusable.
var ErrOtherFormat = fmt.Errorf("%w: it is of another version", ErrUnusable)

// Doc is a document to add. Adding a number again replaces the document.
type Doc struct {
	Number int64
	Texts  [][]byte // JSON values; read during Add only
	// Erased: the document is removed from the index, and its words from the file.
	Erased bool
}

// Index is an open index. One goroutine calls Add and Close; any goroutine may call the other methods.
type Index struct {
	path string
	w    *writer
	pool *pool

	through atomic.Int64
	docs    atomic.Int64
}

// Open opens the index in the file at path, and creates it if it does not exist. The owner is the
// id of the log whose tasks it indexes. Errors: ErrUnusable.
func Open(path, owner string) (*Index, error) { return open(path, owner, defaultLimits) }

func open(path, owner string, l limits) (*Index, error) {
	x := &Index{path: path, pool: newPool(path, l)}
	w, m, err := openWriter(path, owner, l)
	if err != nil {
		return nil, fmt.Errorf("open the text index %s: %w", path, unusable(err))
	}
	x.w = w
	x.through.Store(m.through)
	x.docs.Store(m.docs)
	return x, nil
}

// Remove deletes the file at path and SQLite's files beside it, if they exist. The index must be
// closed.
func Remove(path string) error {
	var errs []error
	for _, end := range [...]string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + end); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Close waits for running searches and closes the file.
func (x *Index) Close() error {
	return errors.Join(x.pool.close(), x.w.close())
}

// Through returns the argument of that name of the last committed Add, 0 if there was none.
func (x *Index) Through() int64 { return x.through.Load() }

// Docs returns the number of documents in the index. A document that was added again counts twice
// until its segments are merged.
func (x *Index) Docs() int64 { return x.docs.Load() }

// Sizes returns the sizes of the file and of its WAL in bytes; 0 for a file that does not exist.
func (x *Index) Sizes() (file, wal int64) {
	return size(x.path), size(x.path + "-wal")
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Add adds the documents to the index and sets Through, in one transaction: after an error nothing
// has changed. It is most efficient with some thousands of documents at a time. It takes up to
// 16 MiB besides the documents, and a page cache of 8 MiB. It also merges older segments that are due. Documents that were erased
// have their segments written again.
func (x *Index) Add(ctx context.Context, docs []Doc, through int64) error {
	m, err := x.w.add(ctx, docs, through)
	if err != nil {
		return fmt.Errorf("add to the text index: %w", unusable(err))
	}
	x.through.Store(m.through)
	x.docs.Store(m.docs)
	if slices.ContainsFunc(docs, func(d Doc) bool { return d.Erased }) {
		if err := x.w.emptyWAL(); err != nil {
			return fmt.Errorf("empty the WAL of the text index: %w", unusable(err))
		}
	}
	return nil
}

// unusable wraps SQLite's errors for a damaged or foreign file in ErrUnusable.
func unusable(err error) error {
	switch _, code := sqlite.Code(err); {
	case errors.Is(err, ErrUnusable):
		return err
	case code == sqlite3.ErrIoErr, code == sqlite3.ErrFormat, sqlite.IsDamaged(err):
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return err
}

// damaged returns an ErrUnusable that says what was found.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnusable, fmt.Sprintf(format, args...))
}
