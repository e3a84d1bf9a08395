package table

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"unicode"
)

// Bounds on the rows that are kept while it is open whether they belong to the table.
const (
	keptRows  = 1000
	keptBytes = 1 << 20
)

// ending finds the end of a table: a blank line, and below it rows of another number of
// fields up to the next blank line or the end of the text. One such row may be a heading
// between parts of the table, which then goes on. A row of empty cells is a blank line too,
// of a spreadsheet, which pads the rows below it to the same number of fields: those that
// end earlier or have values of other kinds than the columns do not fit.
type ending struct {
	width   int
	kinds   []kind      // of columns; kindText where any value fits
	rows    int         // of the table so far
	lengths map[int]int // how many of them have another number of fields
	filled  map[int]int // rows by their number of fields up to the last value, if not all have one
	gaps    int         // how often it went on below rows of empty cells
	empty   bool        // the row above has only empty cells
	padded  bool        // so has the row that may have ended the table
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
	if e.rows > 0 && e.width > 1 && isEmptyRow(fields) {
		e.empty, e.padded = true, true
		return openRow
	}
	blank, e.empty = blank || e.empty, false
	n := len(fields)
	fits := n == e.width || n > e.width && areEmpty(fields[e.width:])
	if e.padded {
		fits = e.goesOnWith(fields)
	}
	switch {
	case e.outside == 0 && (fits || !blank || e.rows == 0 || e.lengths[n]*10 >= e.rows):
		e.within(fields)
		return inTable
	case e.outside > 0 && blank && e.block > 1:
		return endedRow
	case fits:
		e.within(fields)
		return inTable
	}
	if blank {
		e.block = 0
	}
	e.outside++
	e.block++
	return openRow
}

// goesOnWith reports whether a row below one of empty cells belongs to the table: no value
// is of another kind than its column, and it has as many fields up to the last value as
// rows of the table have, or these often have empty rows between them. Right below the empty
// cells fewer will do, if they have most of the values that have a kind or no others.
func (e *ending) goesOnWith(fields [][]byte) bool {
	n := filledOf(fields)
	if n > e.width {
		return false
	}
	typed, ok := countTyped(e.kinds, fields[:n], 0)
	switch {
	case !ok:
		return false
	case n == e.width || e.filled[n]*10 >= e.rows || e.gaps*4 >= e.rows:
		return true
	case typed == 0 || e.outside > 0:
		return false
	}
	texts, ofAKind := 0, 0
	for i, is := range e.kinds {
		if is != kindText {
			ofAKind++
		} else if i < n && !isNothing(trim(fields[i])) {
			texts++
		}
	}
	return texts == 0 || typed*2 > ofAKind
}

// within counts a row of the table.
func (e *ending) within(fields [][]byte) {
	e.rows++
	if e.padded {
		e.gaps++
	}
	e.padded, e.outside, e.block = false, 0, 0
	n := len(fields)
	if n > 0 && n == e.width && len(fields[n-1]) > 0 {
		return
	}
	if e.lengths == nil {
		e.lengths, e.filled = map[int]int{}, map[int]int{}
	}
	if n != e.width && (n < e.width || !areEmpty(fields[e.width:])) {
		e.lengths[n]++
	}
	e.filled[filledOf(fields)]++
}

// isEmptyRow reports whether a row has only empty cells.
func isEmptyRow(fields [][]byte) bool { return len(fields) > 1 && areEmpty(fields) }

// isNothing reports whether a value says that there is none, as a dash does.
func isNothing(b []byte) bool {
	return defaultNulls.has(b) || bytes.IndexFunc(b, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }) < 0
}

// filledOf is the number of fields up to the last that is not empty.
func filledOf(fields [][]byte) int {
	n := len(fields)
	for n > 0 && len(trim(fields[n-1])) == 0 {
		n--
	}
	return n
}

// endOf returns the number of the record at which the table ends.
func (s *sample) endOf(l *layout) int {
	e, open, known := ending{width: l.width}, 0, 0
	start := l.start
	if l.header {
		start++
	}
	for i, row := range s.records[start:] {
		if i > 0 && i >= 2*known && isEmptyRow(row.fields) {
			e.kinds, known = kindsOf(s.records[start:start+i], l), i
		}
		switch e.place(row.fields, row.blank && i > 0) {
		case inTable:
			open = 0
		case openRow:
			open++
		case endedRow:
			return start + i - open
		}
	}
	if e.outside == 0 {
		open = 0
	}
	return len(s.records) - open
}

// kindsOf returns the kinds of the columns, of which these are the rows below the header.
func kindsOf(rows []record, l *layout) (kinds []kind) {
	if l.units && len(rows) > 0 {
		rows = rows[1:]
	}
	for i := range l.width {
		kinds = append(kinds, columnOf(rows, i).kind)
	}
	return kinds
}

// setEnd sets where the table ends within the sample, if what stands below is no better
// table. What it leaves out is no reason to doubt the rest.
func (s *sample) setEnd(l *layout) {
	l.end = len(s.records)
	if end := s.endOf(l); end < l.end && l.width > 1 {
		rows, rest := s.records[l.start:end], s.records[end:]
		switch {
		case !isTable(rows, l.width):
		case len(rows)*l.width*l.width >= sizeOf(rest):
			l.end = end
		default:
			l.mixed = true
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
	more   int // rows of empty cells that follow it and are like it
}

// rest are the rows below a table, or those of which that is open.
type rest struct {
	ending
	kept        []keptRow
	bytes       int
	first, last int64  // lines, once it is not open
	below       string // belowBlank or belowEmpty
}

// How the rows below a table are set apart from it.
const (
	belowBlank = "after a blank line and %s another number of fields"
	belowEmpty = "after a row of empty cells and %s other columns"
)

// keep keeps a copy of the row, and reports whether there is still room.
func (r *rest) keep(line int64, fields [][]byte, why error) bool {
	if n := len(r.kept); n > 0 && isEmptyRow(fields) && isEmptyRow(r.kept[n-1].fields) && len(fields) == len(r.kept[n-1].fields) {
		r.kept[n-1].more++
		return true
	}
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
	a.rest.below = belowBlank
	for _, row := range a.rest.kept {
		switch {
		case !isEmptyRow(row.fields):
			a.rest.first, a.rest.last = cmp.Or(a.rest.first, row.line), row.line
		case a.rest.first == 0:
			a.rest.below = belowEmpty
		}
	}
	a.rest.kept = nil
	for {
		fields, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !isEmptyRow(fields) {
			a.rest.last = rows.row
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
		return fmt.Sprintf("1 line was not read, line %d: it stands below the table %s. To read on from there, give skip_lines %d.", r.first, fmt.Sprintf(r.below, "has"), r.first-1)
	}
	return fmt.Sprintf("%d lines were not read, from line %d on: they stand below the table %s. To read them instead of the table, give skip_lines %d.",
		lines, r.first, fmt.Sprintf(r.below, "have"), r.first-1)
}
