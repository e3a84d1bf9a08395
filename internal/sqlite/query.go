package sqlite

/*
#cgo noescape daybook_read
#cgo nocallback daybook_read
#cgo noescape daybook_bind_numbers
#cgo nocallback daybook_bind_numbers
#cgo nocallback daybook_bind_text
#include <stdlib.h>
#include "rows.h"
*/
import "C"

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unsafe"
)

// Query reads many rows in one call of C, for the same reason as Rows.
type Query struct {
	rowStmt
}

// PrepareQuery makes a query that lives as long as the connection. kinds says what its
// columns are read as, a letter each: 'i' a number, 't' or 'b' bytes.
func (c *Conn) PrepareQuery(sql, kinds string) (*Query, error) {
	q := &Query{}
	return q, q.prepare(c, sql, kinds)
}

// Append appends all rows of the query with these parameters to dst, as Values reads them.
func (q *Query) Append(dst []byte, parameters ...int64) ([]byte, error) {
	rc := C.daybook_bind_numbers(q.stmt, 1, (*C.longlong)(unsafe.SliceData(parameters)), C.int(len(parameters)))
	return q.read(dst, math.MaxInt, rc)
}

// AppendSome appends rows of the query with this parameter to dst, as Values reads them,
// until they have enough bytes or there are no more.
func (q *Query) AppendSome(dst []byte, enough int, parameter string) ([]byte, error) {
	text := C.CString(parameter)
	defer C.free(unsafe.Pointer(text))
	return q.read(dst, enough, C.daybook_bind_text(q.stmt, text, C.size_t(len(parameter))))
}

// AppendText appends all rows of the query whose first parameter is this text and whose others
// are these numbers, as Values reads them.
func (q *Query) AppendText(dst []byte, text string, numbers ...int64) ([]byte, error) {
	first := C.CString(text)
	defer C.free(unsafe.Pointer(first))
	rc := C.daybook_bind_text(q.stmt, first, C.size_t(len(text)))
	if rc == 0 {
		rc = C.daybook_bind_numbers(q.stmt, 2, (*C.longlong)(unsafe.SliceData(numbers)), C.int(len(numbers)))
	}
	return q.read(dst, math.MaxInt, rc)
}

// Array is a JSON array of the numbers, for json_each: a query reads the rows of many keys
// at once.
func Array(numbers []int64) string {
	text := make([]byte, 0, 2+10*len(numbers))
	text = append(text, '[')
	for i, n := range numbers {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, n, 10)
	}
	return string(append(text, ']'))
}

// read appends rows until they have enough bytes, unless rc is that of an error.
func (q *Query) read(dst []byte, enough int, rc C.int) ([]byte, error) {
	const row, done = 100, 101
	var used C.size_t
	var waits C.int
	for from := len(dst); rc == 0 || rc == row; {
		dst = slices.Grow(dst, 1)
		free := dst[len(dst):cap(dst)]
		left := enough - (len(dst) - from)
		rc = C.daybook_read(q.stmt, q.kinds, (*C.uchar)(unsafe.SliceData(free)), C.size_t(len(free)), C.size_t(left), &used, &waits)
		dst = dst[:len(dst)+int(used)]
		if rc == row { // it finds no room
			dst = slices.Grow(dst, max(2*(cap(dst)-len(dst)), 4<<10))
		}
	}
	if rc == done {
		rc = 0
	}
	return dst, q.reset(rc)
}

// Values reads the values of rows, one after the other. It has to be asked for what is
// there: after it was not, it is empty, and Whole says no.
type Values struct {
	rest []byte
	bad  bool
}

// ValuesOf returns the values that Append has made.
func ValuesOf(rows []byte) Values { return Values{rest: rows} }

// More reports whether there is another value.
func (v *Values) More() bool { return len(v.rest) > 0 }

// Whole reports whether all that was asked for was there.
func (v *Values) Whole() bool { return !v.bad }

// Number returns the next value, a number.
func (v *Values) Number() int64 {
	b := v.Bytes()
	if len(b) != 8 {
		v.rest, v.bad = nil, true
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

// Bytes returns the next value; NULL has no bytes. They are not copied.
func (v *Values) Bytes() []byte {
	if len(v.rest) >= 4 {
		n := int64(binary.BigEndian.Uint32(v.rest))
		if rest := v.rest[4:]; n <= int64(len(rest)) {
			v.rest = rest[n:]
			return rest[:n:n]
		}
	}
	v.rest, v.bad = nil, true
	return nil
}
