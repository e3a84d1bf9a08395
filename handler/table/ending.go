package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Bounds on the rows that are kept while it is open whether they belong to the table.
const (
	keptRows  = 1000
	keptBytes = 1 << 20
)

// ending finds the end of a table: a blank line, and below it rows of another number of
// fields up to the next blank line or the end of the text. One such row may be a heading
// between parts of the table, which then goes on.
type ending struct {
	width   int
	rows    int         // of the table so far
	lengths map[int]int // how many of them have another number of fields
	outside int         // rows since the blank line that may have ended the table; 0 = within it
	block   int         // of these, rows since the last blank line
}

// placeOfRow is where a row lies.
type placeOfRow uint8

const (
	inTable  placeOfRow = iota // and so are the rows that were open
	openRow                    // the rows below it decide
	endedRow                   // it and the rows that were open are below the table
)

// place says where the next row lies; blank says that a blank line is above it.
func (e *ending) place(fields [][]byte, blank bool) placeOfRow {
	n := len(fields)
	fits := n == e.width || n > e.width && areEmpty(fields[e.width:])
	switch {
	case e.outside == 0 && (fits || !blank || e.rows == 0 || e.lengths[n]*10 >= e.rows):
		e.within(n, fits)
		return inTable
	case e.outside > 0 && blank && e.block > 1:
		return endedRow
	case fits:
		e.outside, e.block = 0, 0
		e.within(n, fits)
		return inTable
	}
	if blank {
		e.block = 0
	}
	e.outside++
	e.block++
	return openRow
}

func (e *ending) within(n int, fits bool) {
	e.rows++
	if fits {
		return
	}
	if e.lengths == nil {
		e.lengths = map[int]int{}
	}
	e.lengths[n]++
}

// endOf returns the number of the record at which a table of that width ends.
func (s *sample) endOf(start, width int) int {
	e, open := ending{width: width}, 0
	for i, row := range s.records[start:] {
		switch e.place(row.fields, row.blank && i > 0) {
		case inTable:
			open = 0
		case openRow:
			open++
		case endedRow:
			return start + i - open
		}
	}
	return len(s.records) - open
}

// setEnd sets where the table ends within the sample, if what stands below is no better
// table. What it leaves out is no reason to doubt the rest.
func (s *sample) setEnd(l *layout) {
	l.end = len(s.records)
	if end := s.endOf(l.start, l.width); end < l.end && l.width > 1 {
		rows, rest := s.records[l.start:end], s.records[end:]
		if isTable(rows, l.width) && len(rows)*l.width*l.width >= sizeOf(rest) {
			l.end = end
		}
	}
}

// sizeOf says how much of a table the largest block of the records can be. Columns count
// more than rows.
func sizeOf(records []record) int {
	size, from := 0, 0
	for i := 1; i <= len(records); i++ {
		if i == len(records) || records[i].blank {
			block := records[from:i]
			width := commonWidth(block)
			size, from = max(size, len(block)*width*width), i
		}
	}
	return size
}

// isTable reports whether most of the rows have that width, and some columns are of one kind
// or there are several rows that are no prose.
func isTable(rows []record, width int) bool {
	fit := 0
	for i := range rows {
		if rows[i].filled <= width && len(rows[i].fields) >= width {
			fit++
		}
	}
	if len(rows) < 2 || fit*4 < len(rows)*3 {
		return false
	}
	for i := range width {
		if columnOf(rows[1:], i).kind != kindText {
			return true
		}
	}
	return len(rows) > 3 && mostlyData(rows)
}

// keptRow is a row that is open.
type keptRow struct {
	line   int64
	fields [][]byte
	why    error
}

// rest are the rows below a table, or those of which that is open.
type rest struct {
	ending
	kept        []keptRow
	bytes       int
	first, last int64 // lines, once it is not open
}

// keep keeps a copy of the row, and reports whether there is still room.
func (r *rest) keep(line int64, fields [][]byte, why error) bool {
	row := keptRow{line: line, why: why, fields: make([][]byte, len(fields))}
	for i, field := range fields {
		row.fields[i] = bytes.Clone(field)
		r.bytes += len(field)
	}
	r.kept = append(r.kept, row)
	return len(r.kept) < keptRows && r.bytes < keptBytes
}

// passRest passes over what is below the table, up to the end of the text.
func (a *analysis) passRest(rows *reader) error {
	a.rest.first, a.rest.last = a.rest.kept[0].line, a.rest.kept[len(a.rest.kept)-1].line
	a.rest.kept = nil
	for {
		a.rest.last = max(a.rest.last, rows.row)
		if _, err := rows.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// warning says what was not read, "" if all was.
func (r *rest) warning() string {
	if r.first == 0 {
		return ""
	}
	lines := r.last - r.first + 1
	if lines == 1 {
		return fmt.Sprintf("1 line was not read, line %d: it stands below the table after a blank line and has another number of fields. To read on from there, give skip_lines %d.", r.first, r.first-1)
	}
	return fmt.Sprintf("%d lines were not read, from line %d on: they stand below the table after a blank line and have another number of fields. To read them instead of the table, give skip_lines %d.",
		lines, r.first, r.first-1)
}
