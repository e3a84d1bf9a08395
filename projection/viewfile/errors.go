package viewfile

import (
	"errors"
	"fmt"
	"io"

	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// fail says what was being done when err came up, and wraps ErrUnusable when SQLite
// says that the file is damaged, or cannot be read or written at all. nil stays nil.
func fail(doing string, err error) error {
	if err == nil || errors.Is(err, ErrUnusable) {
		return err
	}
	if sqlite.IsDamaged(err) {
		return fmt.Errorf("%s: %w: a page is not as it was written", doing, ErrUnusable) // SQLite's words name another cause
	}
	if _, code := sqlite.Code(err); code == sqlite3.ErrIoErr {
		return fmt.Errorf("%s: %w: %w", doing, ErrUnusable, err)
	}
	if errors.Is(err, io.EOF) { // a row that must be there is not
		return fmt.Errorf("%s: %w: a row is missing", doing, ErrUnusable)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// damaged is for content that this package cannot have written.
func damaged(what string) error { return fmt.Errorf("%w: %s", ErrUnusable, what) }
