package sqlite

/*
#include <stdlib.h>
#include "sums.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// sums is the name of the VFS that checks pages.
const sums = "daybook-sums"

var registerSums = sync.OnceValue(func() error {
	name := C.CString(sums)
	defer C.free(unsafe.Pointer(name))
	if rc := C.daybook_register_sums(name); rc != 0 {
		return fmt.Errorf("register a VFS: SQLite answers %d", int(rc))
	}
	return nil
})

// ConnectSummed opens a database of which every page carries a checksum in its last 8
// bytes, so that no byte of it can change on the disk without notice: SQLite reads a page
// whole and unchanged, or the statement fails with an error of which IsDamaged is true.
// In the WAL it is the checksum of each frame that is checked, at every read.
// pageSize is that of the database, in bytes, before and after.
//
// A new database has to be made with MakeSummed before anything else. Other programs can
// read it as any other; one that they write to is damaged.
func ConnectSummed(path, query string, pageSize int) (*Conn, error) {
	if err := registerSums(); err != nil {
		return nil, err
	}
	return Connect(path, fmt.Sprintf("%s&vfs=%s&page=%d", query, sums, pageSize))
}

// MakeSummed gives a database that is empty pages of that size with room for checksums.
func (c *Conn) MakeSummed(pageSize int) error {
	db, err := c.handle()
	if err != nil {
		return err
	}
	if err := c.Do(fmt.Sprintf("PRAGMA page_size = %d", pageSize)); err != nil {
		return err
	}
	if rc := C.daybook_reserve(db); rc != 0 {
		return fmt.Errorf("make room for checksums: %w", c.lastError(db, rc))
	}
	return nil
}

// IsDamaged reports whether err means that a file is damaged, or no database.
func IsDamaged(err error) bool {
	extended, primary := Code(err)
	return primary == sqlite3.ErrCorrupt || primary == sqlite3.ErrNotADB || extended == ioErrData || errors.Is(err, ErrWAL)
}

// ioErrData is SQLITE_IOERR_DATA, for which the driver has no name.
const ioErrData sqlite3.ErrNoExtended = 10 | 32<<8
