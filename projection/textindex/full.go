package textindex

import (
	"daybook/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// IsFull tells whether err says that there was no room, and that nothing was written.
func IsFull(err error) bool {
	_, code := sqlite.Code(err)
	return code == sqlite3.ErrFull
}
