// Package textindex is an inverted index: which documents contain a word. A document is a number and some
// JSON texts; the numbers of later documents are usually, but not always, larger.
//
// What a word is: letters, marks and digits of any script in a row, upper and lower
// case alike, JSON escapes read as what they mean, keys of objects and literals too. A
// Chinese, Japanese or Korean character is one word. A query matches a document
// when each of its words begins a word of the document.
//
// What is not read: a word beyond its first 64 bytes, a text beyond its first 64 KiB,
// texts of a document beyond 256 KiB together. Query.Matches has the same bounds.
//
// The index is a view: it may be deleted at any time and is made again. It keeps no
// texts, so the caller checks the hits against the texts with Query.Matches: a
// document that was added again may still be found by its former words.
package textindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// ErrUnusable says that the file is of another owner or format, or damaged: Remove it
// and make the index again.
var ErrUnusable = errors.New("the text index is unusable")

// ErrOtherFormat says that another version of this program made the file. It wraps ErrUnusable.
var ErrOtherFormat = fmt.Errorf("%w: it is of another version", ErrUnusable)

// Doc is a document to add. Adding a number again replaces the document.
type Doc struct {
	Number int64
	Texts  [][]byte // JSON values; read during Add only
}

// Index is an open index. Add and Close belong to one goroutine; the rest to any.
type Index struct {
	path string
	w    *writer
	pool *pool

	through atomic.Int64
	docs    atomic.Int64
}

// Open opens or makes the index in the file at path. The owner is the id of the log
// whose tasks it holds. A file that cannot be used is ErrUnusable.
func Open(path, owner string) (*Index, error) { return open(path, owner, usual) }

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

// Remove deletes the file at path and what SQLite keeps beside it. The index must be
// closed. That there is none is no error.
func Remove(path string) error {
	var errs []error
	for _, end := range [...]string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + end); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Close waits for the searches under way and closes the file.
func (x *Index) Close() error {
	return errors.Join(x.pool.close(), x.w.close())
}

// Through returns what the last committed Add was given, 0 when there was none.
func (x *Index) Through() int64 { return x.through.Load() }

// Docs returns how many documents the index holds. One that was added again counts
// twice until its segments are merged.
func (x *Index) Docs() int64 { return x.docs.Load() }

// Sizes returns the bytes of the file and of its WAL.
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

// Add puts the documents into the index and moves Through, in one transaction: on an
// error nothing is changed. Best are some thousands of documents at a time. It takes up to
// 16 MiB beside them and a page cache of 8 MiB, and merges older segments when it is their turn.
func (x *Index) Add(ctx context.Context, docs []Doc, through int64) error {
	m, err := x.w.add(ctx, docs, through)
	if err != nil {
		return fmt.Errorf("add to the text index: %w", unusable(err))
	}
	x.through.Store(m.through)
	x.docs.Store(m.docs)
	return nil
}

// unusable marks an error that SQLite gives for a damaged or foreign file.
func unusable(err error) error {
	switch _, code := sqlite.Code(err); {
	case errors.Is(err, ErrUnusable):
		return err
	case code == sqlite3.ErrIoErr, code == sqlite3.ErrFormat, sqlite.IsDamaged(err):
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return err
}

// damaged is ErrUnusable with what was found.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnusable, fmt.Sprintf(format, args...))
}
