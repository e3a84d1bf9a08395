package viewfile

import (
	"errors"
	"fmt"
	"io"

	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// fail adds what was being done to an error. It wraps ErrUnusable if SQLite reports that the file is
// damaged or cannot be read or written. nil stays nil.
func fail(doing string, err error) error {
	if err == nil || errors.Is(err, ErrUnusable) {
		return err
	}
	if sqlite.IsDamaged(err) {
		return fmt.Errorf("%s: %w: a page is not as it was written", doing, ErrUnusable) // SQLite's message names another cause
	}
	if _, code := sqlite.Code(err); code == sqlite3.ErrIoErr {
		return fmt.Errorf("%s: %w: %w", doing, ErrUnusable, err)
	}
	if errors.Is(err, io.EOF) { // a required row is missing
		return fmt.Errorf("%s: %w: a row is missing", doing, ErrUnusable)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// damaged returns an ErrUnusable for content that this package cannot have written.
func damaged(what string) error { return fmt.Errorf("%w: %s", ErrUnusable, what) }
