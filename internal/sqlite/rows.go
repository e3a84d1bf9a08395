package sqlite

/*
#cgo darwin LDFLAGS: -Wl,-undefined,dynamic_lookup
#cgo noescape daybook_insert
#cgo nocallback daybook_insert
#include <stdlib.h>
#include "rows.h"
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"unsafe"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Rows inserts many rows in one call of C. A row through the driver costs a call, a lock
// and two allocations, and one more for each value.
//
// Rows are bytes: the values of one row after the other, each with its length before it
// in 4 bytes, big-endian, as AppendNumber and AppendBytes write them.
type Rows struct {
	rowStmt
}

// rowStmt is a statement with the kinds of its values.
type rowStmt struct {
	c     *Conn
	stmt  *C.sqlite3_stmt
	kinds *C.char
}

// PrepareRows makes a statement that lives as long as the connection. kinds says what its
// parameters are, a letter each: 'i' a number, 't' text, 'b' a BLOB, of which no bytes
// mean NULL.
func (c *Conn) PrepareRows(sql, kinds string) (*Rows, error) {
	r := &Rows{}
	return r, r.prepare(c, sql, kinds)
}

func (r *rowStmt) prepare(c *Conn, sql, kinds string) error {
	db, err := c.handle()
	if err != nil {
		return err
	}
	text := C.CString(sql)
	defer C.free(unsafe.Pointer(text))
	if rc := C.daybook_prepare(db, text, C.size_t(len(sql)), &r.stmt); rc != 0 {
		return fmt.Errorf("prepare %s: %w", sql, c.lastError(db, rc))
	}
	r.c, r.kinds = c, C.CString(kinds)
	c.rows = append(c.rows, r)
	return nil
}

// Insert inserts rows one by one and ends with the first that is refused; how many went
// in is told. It keeps none of the bytes.
func (r *Rows) Insert(rows []byte) (int, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	var done C.int
	rc := C.daybook_insert(r.stmt, r.kinds, (*C.uchar)(unsafe.SliceData(rows)), C.size_t(len(rows)), &done)
	return int(done), r.reset(rc)
}

// reset readies the statement for the next time. Unless rc is 0 it returns the error.
func (r *rowStmt) reset(rc C.int) (err error) {
	if rc != 0 {
		var db *C.sqlite3
		if db, err = r.c.handle(); err == nil {
			err = r.c.lastError(db, rc)
		}
	}
	C.daybook_reset(r.stmt)
	return err
}

func (r *rowStmt) close() {
	C.daybook_finalize(r.stmt)
	C.free(unsafe.Pointer(r.kinds))
}

// AppendNumber appends a value of kind 'i' to a row.
func AppendNumber(row []byte, n int64) []byte {
	return append(row, 0, 0, 0, 8, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// AppendBytes appends a value of kind 't' or 'b' to a row.
func AppendBytes(row, value []byte) []byte { return append(AppendLength(row, len(value)), value...) }

// AppendLength begins a value of kind 't' or 'b', of which n bytes follow.
func AppendLength(row []byte, n int) []byte { return binary.BigEndian.AppendUint32(row, uint32(n)) }

// IgnoreTriggers lets no trigger run for what this connection does.
func (c *Conn) IgnoreTriggers() error {
	db, err := c.handle()
	if err != nil {
		return err
	}
	if rc := C.daybook_ignore_triggers(db); rc != 0 {
		return fmt.Errorf("ignore triggers: %w", c.lastError(db, rc))
	}
	return nil
}

// KeepWAL says whether Close leaves the WAL as it is. By default the last connection to close
// copies it into the database and deletes it, if it may write.
func (c *Conn) KeepWAL(keep bool) error {
	db, err := c.handle()
	if err != nil {
		return err
	}
	var flag C.int
	if keep {
		flag = 1
	}
	if rc := C.daybook_keep_wal(db, flag); rc != 0 {
		return fmt.Errorf("keep the WAL: %w", c.lastError(db, rc))
	}
	return nil
}

// CountFrames makes Frames tell how long the WAL is. It ends SQLite's own checkpoints, as
// wal_autocheckpoint = 0 does.
func (c *Conn) CountFrames() error {
	db, err := c.handle()
	if err != nil {
		return err
	}
	if c.frames == nil {
		c.frames = &frameCount{(*C.int)(C.calloc(1, C.sizeof_int))}
	}
	C.daybook_count_frames(db, c.frames.n)
	return nil
}

// Frames is how many pages the WAL had after the last commit of this connection; 0 before
// the first. It falls when the WAL restarts.
func (c *Conn) Frames() int {
	if c.frames == nil {
		return 0
	}
	return int(*c.frames.n)
}

// frameCount is a number that SQLite writes and Go reads.
type frameCount struct{ n *C.int }

func (f *frameCount) free() {
	if f != nil {
		C.free(unsafe.Pointer(f.n))
	}
}

// handle is the connection of SQLite that the driver's connection wraps.
func (c *Conn) handle() (*C.sqlite3, error) {
	db, err := handleOf(c.SQLiteConn)
	return (*C.sqlite3)(db), err
}

// handleOf reads the field db of a driver's connection, for which the driver has no method.
// It fails if a version of the driver has no such field, or one of another type.
func handleOf(conn any) (unsafe.Pointer, error) {
	db := reflect.ValueOf(conn).Elem().FieldByName("db")
	if !db.IsValid() || db.Type().String() != "*sqlite3._Ctype_struct_sqlite3" {
		return nil, errors.New("this version of github.com/mattn/go-sqlite3 has no field db of type *C.sqlite3 in SQLiteConn (sqlite3.go): " +
			"go back to the version before, or change handleOf in internal/sqlite/rows.go")
	}
	if db.IsNil() {
		return nil, errors.New("the connection is closed")
	}
	return db.UnsafePointer(), nil
}

func (c *Conn) lastError(db *C.sqlite3, rc C.int) error {
	var extended, errno C.int
	text := C.GoString(C.daybook_message(db, &extended, &errno))
	if extended&0xff != rc&0xff {
		extended = rc // not an error of SQLite's: it was used wrongly
	}
	e := sqlite3.Error{Code: sqlite3.ErrNo(extended & 0xff), ExtendedCode: sqlite3.ErrNoExtended(extended)}
	if e.Code == sqlite3.ErrIoErr || e.Code == sqlite3.ErrCantOpen {
		e.SystemErrno = syscall.Errno(errno) // else it is that of an earlier error
	}
	if strings.HasPrefix(e.Error(), text) {
		return e // it says no more than its code
	}
	return fmt.Errorf("%w: %s", e, text)
}
