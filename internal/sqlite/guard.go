package sqlite

/*
#include <stdlib.h>
#include "rows.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	sqlite3 "github.com/mattn/go-sqlite3"
)

var (
	// ErrNoStatement: a text has no statement in it.
	ErrNoStatement = errors.New("there is no SQL statement")
	// ErrNotReading: a text is more than one statement that reads.
	ErrNotReading = errors.New("only one statement that reads is allowed")
)

// recursive is SQLITE_RECURSIVE, for which the driver has no name.
const recursive = 33

// readingPragmas describe tables and indexes, and change nothing.
var readingPragmas = []string{"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
	"foreign_key_list", "compile_options", "function_list", "pragma_list", "collation_list"}

// ReadOnly lets the connection read and do nothing else from now on: no write, no other
// database, no transaction, no setting.
func (c *Conn) ReadOnly() error {
	if err := c.Do("PRAGMA query_only = 1"); err != nil {
		return err
	}
	c.SetLimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
	c.RegisterAuthorizer(func(action int, first, second, _ string) int {
		switch action {
		case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, recursive:
			return sqlite3.SQLITE_OK
		case sqlite3.SQLITE_FUNCTION:
			if !strings.EqualFold(second, "load_extension") {
				return sqlite3.SQLITE_OK
			}
		case sqlite3.SQLITE_PRAGMA:
			if slices.Contains(readingPragmas, strings.ToLower(first)) {
				return sqlite3.SQLITE_OK
			}
		}
		return sqlite3.SQLITE_DENY
	})
	return nil
}

// CheckReading returns the one statement of a text, without what follows it, and refuses a text that
// has another one or does not only read. ReadOnly comes before.
// Errors: ErrNoStatement, ErrNotReading, those of SQLite for a statement that it cannot prepare.
func (c *Conn) CheckReading(sql string) (string, error) {
	if strings.IndexByte(sql, 0) >= 0 {
		return "", fmt.Errorf("%w: there is a zero byte in it", ErrNotReading)
	}
	db, err := c.handle()
	if err != nil {
		return "", err
	}
	text := C.CString(sql)
	defer C.free(unsafe.Pointer(text))
	var count, readonly C.int
	var length C.size_t
	rc := C.daybook_count(db, text, C.size_t(len(sql)), &count, &readonly, &length)
	switch {
	case sqlite3.ErrNo(rc&0xff) == sqlite3.ErrAuth:
		return "", ErrNotReading
	case rc != 0:
		return "", c.lastError(db, rc)
	case count == 0:
		return "", ErrNoStatement
	case count > 1:
		return "", fmt.Errorf("%w: there are several", ErrNotReading)
	case readonly == 0:
		return "", ErrNotReading
	}
	return sql[:length], nil
}
