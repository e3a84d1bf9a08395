package table

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Fields are processed in blocks of blockRows rows or blockBytes bytes, whichever comes first.
const (
	blockRows  = 4096
	blockBytes = 1 << 20
)

// analysis is the state of one reading.
type analysis struct {
	detected
	columns           []*column
	names             []string
	headerRow         [][]byte // as it is written
	total, bad, short int64
	firstBad          []BadRow
	rows              int  // that wait in the columns
	bytes             int  // of their fields
	exact             bool // every value is kept
	sizes             sizes
	nulls             []string
	rest              rest      // of the text, below the table
	fullTotal         int64     // line of the last row if that may be a total and counts
	held              []keptRow // the last row, if it could be a total line
	strays            string    // the warning of stray quotes
}

// read reads all rows.
func (a *analysis) read(rows *reader, d detected, o Options) error {
	a.begin(d, o)
	rows.marks, rows.shape = d.marks, d.shape
	if err := rows.skip(d.skip); err != nil {
		return err
	}
	if d.header {
		if err := a.readHeader(rows); err != nil {
			return err
		}
	}
	a.rest.width, a.rest.kinds = a.width, d.kinds
	for {
		fields, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch a.rest.place(fields, rows.blank && a.total > 0) {
		case inTable:
			a.addKept()
			a.next(keptRow{line: rows.row, fields: fields, why: rows.why})
			continue
		case openRow:
			if a.rest.keep(rows.row, fields, rows.why) {
				continue
			}
			if a.rest.outside == 0 {
				a.addKept()
				continue
			}
		case endedRow:
			a.rest.keep(rows.row, fields, rows.why)
		}
		break
	}
	if a.rest.outside == 0 {
		a.addKept()
	} else {
		if err := a.passRest(rows); err != nil {
			return err
		}
	}
	a.addFullTotal()
	a.flush()
	a.strays = rows.strayWarning()
	return nil
}

// addKept adds the rows that were kept for later to the table.
func (a *analysis) addKept() {
	for _, row := range a.rest.kept {
		for range 1 + row.more {
			a.next(row)
		}
	}
	a.rest.kept, a.rest.bytes = nil, 0
}

// next handles the next row. Rows of empty cells below the last values of a table leave these
// the last.
func (a *analysis) next(row keptRow) {
	if held := a.held; len(held) > 0 && !isEmptyRow(row.fields) {
		a.held = nil
		a.add(held[0])
	}
	if !a.holdTotal(row) {
		a.add(row)
	}
}

// add adds a row of the table.
func (a *analysis) add(row keptRow) {
	first := a.total == 0
	a.total++
	if reason := a.reasonAgainst(row.fields, row.why, first); reason != "" {
		a.passOver(row.line, reason)
		return
	}
	a.row(row.fields)
}

// begin prepares for the columns.
func (a *analysis) begin(d detected, o Options) {
	a.detected, a.exact, a.sizes, a.nulls = d, true, sizesFor(d.width), o.Nulls
	values := values{nulls: defaultNulls, format: d.format, order: o.DateOrder}
	if o.Nulls != nil {
		values.nulls = nullSet(o.Nulls)
	} else {
		a.nulls = DefaultNulls
	}
	for range d.width {
		a.columns = append(a.columns, newColumn(a.sizes, &values))
	}
	a.names = columnNames(make([][]byte, d.width))
}

// readHeader reads the row of names, which may be a comment.
func (a *analysis) readHeader(rows *reader) error {
	if a.hidden {
		rows.comment = 0
	}
	fields, err := rows.next()
	rows.comment = a.comment
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	named := make([][]byte, a.width)
	shift := 0
	if a.shifted {
		shift = 1
	}
	for i, field := range fields[:min(len(fields), a.width-shift)] {
		if a.hidden && i == 0 {
			field = trim(field[1:])
		}
		named[i+shift] = field
		a.headerRow = append(a.headerRow, append([]byte(nil), field...))
	}
	a.names = columnNames(named)
	return nil
}

// reasonAgainst says why a row is passed over, "" for a good one.
func (a *analysis) reasonAgainst(fields [][]byte, why error, first bool) string {
	switch n := len(fields); {
	case why != nil:
		return why.Error()
	case n == maxFields && !areEmpty(fields[a.width:]):
		return fmt.Sprintf("more than %d fields where the table has %d columns", MaxColumns, a.width)
	case n > a.width && !areEmpty(fields[a.width:]):
		return fmt.Sprintf("%d fields where the table has %d columns", n, a.width)
	case first && a.units && isUnits(&record{fields: trimAll(fields)}):
		return "units, or a line drawn, under the header"
	case n > 1 && n == len(a.headerRow) && len(fields[0]) == len(a.headerRow[0]) && a.repeatsHeader(fields):
		return "repeats the header"
	}
	return ""
}

func (a *analysis) repeatsHeader(fields [][]byte) bool {
	for i, field := range fields {
		if string(field) != string(a.headerRow[i]) {
			return false
		}
	}
	return true
}

func areEmpty(fields [][]byte) bool {
	for _, field := range fields {
		if len(trim(field)) > 0 {
			return false
		}
	}
	return true
}

func trimAll(fields [][]byte) [][]byte {
	trimmed := make([][]byte, len(fields))
	for i, field := range fields {
		trimmed[i] = trim(field)
	}
	return trimmed
}

// passOver counts a bad row.
func (a *analysis) passOver(line int64, reason string) {
	a.bad++
	if len(a.firstBad) < FirstBadRows {
		a.firstBad = append(a.firstBad, BadRow{line, reason})
	}
}

// row adds a good row. What a short one does not have is null.
func (a *analysis) row(fields [][]byte) {
	a.rows++
	if len(fields) < a.width {
		a.short++
	}
	if len(fields) > a.width {
		fields = fields[:a.width]
	}
	for i, field := range fields {
		a.columns[i].put(field)
		a.bytes += len(field)
	}
	for _, c := range a.columns[len(fields):] {
		c.put(nil)
	}
	if a.rows >= blockRows || a.bytes >= blockBytes {
		a.flush()
	}
}

// flush adds the fields that wait to their columns.
func (a *analysis) flush() {
	for _, c := range a.columns {
		c.flush()
	}
	a.rows, a.bytes = 0, 0
	if a.exact {
		a.keepWithinBudget()
	}
}

// keepWithinBudget goes over to sketches when there are too many values to keep.
func (a *analysis) keepWithinBudget() {
	bytes := 0
	for _, c := range a.columns {
		bytes += c.bytes()
	}
	if a.total-a.bad <= ExactRows && bytes <= exactBytes {
		return
	}
	a.exact = false
	for _, c := range a.columns {
		c.sketch()
	}
}

// report says what was found.
func (a *analysis) report(src *source, o Options) *Report {
	r := &Report{
		TotalRows: a.total, ProcessedRows: a.total - a.bad, ShortRows: a.short, BadRows: a.bad,
		FirstBadRows: append([]BadRow{}, a.firstBad...), Compression: src.compression,
		Warnings: append(append([]string{}, src.warnings(o)...), a.warnings...), Columns: []Column{},
		Dialect: Dialect{
			Delimiter: a.delimiter, Quote: text(a.quote), Escape: a.escapeText(), Comment: text(a.comment),
			SkipLines: a.skip, HasHeader: a.header, Encoding: src.name(),
			Decimal: text(a.format.decimal), Thousands: a.format.thousands, Nulls: a.nulls,
		},
	}
	r.Delimiter, r.HasHeader, r.Encoding = r.Dialect.Delimiter, r.Dialect.HasHeader, r.Dialect.Encoding
	if a.bad*2 > a.total && len(a.firstBad) > 0 {
		first := a.firstBad[0]
		r.Warnings = append(r.Warnings, fmt.Sprintf("Most rows are bad: %d of %d are in no figure, the first at line %d: %s. If the table begins there, give skip_lines %d; or else give delimiter, quote or has_header.",
			a.bad, a.total, first.Line, first.Reason, first.Line-1))
	}
	for _, warning := range []string{a.rest.warning(), a.strays, a.totalWarning(), a.oddWarning()} {
		if warning != "" {
			r.Warnings = append(r.Warnings, warning)
		}
	}
	order := a.dateOrder(r)
	for i, c := range a.columns {
		column := c.report(a.sizes, order)
		column.Name = a.names[i]
		r.Columns = append(r.Columns, column)
		if r.Statistics.Column == nil && c.kind == kindNumber {
			r.Statistics = Statistics{&a.names[i], column.Sum, column.Mean, column.Min, column.Max}
		}
	}
	return r
}

// dateOrder returns the way in which dates are read whose order their values leave open:
// that of another column, or else the month first, but the day where numbers have a decimal
// comma. It notes in the report what is assumed.
func (a *analysis) dateOrder(r *Report) (preferred int) {
	preferred, why := wayMDY, "as is most common"
	if a.format.decimal == ',' {
		preferred, why = wayDMY, "as is common where numbers have a decimal comma"
	}
	for _, c := range a.columns {
		if c.kind != kindTime {
			continue
		}
		if way, ambiguous := c.times.order(preferred); !ambiguous && dateOrders[way] != "" {
			preferred, why = way, "as another column shows"
			break
		}
	}
	open := map[int][]string{}
	for i, c := range a.columns {
		if c.kind != kindTime {
			continue
		}
		way, ambiguous := c.times.order(preferred)
		name, ordered := dateOrders[way]
		if ambiguous {
			open[way] = append(open[way], a.names[i])
		}
		if ordered && r.Dialect.DateOrder == nil {
			r.Dialect.DateOrder = &name
		}
	}
	for way, names := range open {
		if way != preferred {
			why = "the first order that fits"
		}
		r.Warnings = append(r.Warnings, fmt.Sprintf("Dates can be read in more than one order, in %s. They were read as %s, %s. Give date_order if that is wrong.",
			list(names), dateOrders[way], why))
	}
	slices.Sort(r.Warnings[len(r.Warnings)-len(open):])
	return preferred
}

// list names the first of many.
func list(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// columnNames makes the header fit for use: no name empty, none twice.
func columnNames(fields [][]byte) []string {
	names := make([]string, len(fields))
	seen := make(map[string]bool, len(fields))
	last := make(map[string]int) // number that was added to a name
	for i, field := range fields {
		name := shown(trim(field), maxName)
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		unique, n := name, max(last[name], 1)
		for seen[unique] {
			n++
			unique = fmt.Sprintf("%s_%d", name, n)
		}
		last[name] = n
		seen[unique] = true
		names[i] = unique
	}
	return names
}

// sizes are how large the sketches and the report of one column may grow.
type sizes struct {
	buffer    int   // values in one buffer of the quantile sketch
	slots     int   // of the table of frequent values, a power of two
	precision uint8 // of the HyperLogLog: 2^precision bytes
	shown     int   // bytes of a value that the report shows
	top       int   // values that the report lists
	bins      int   // of the histogram
}

// sizesFor keeps the sketches of all columns together within about 50 MiB, and the report
// within 12 MiB.
func sizesFor(columns int) sizes {
	switch {
	case columns <= 32:
		return sizes{2048, 8192, 18, 256, 10, 20}
	case columns <= 128:
		return sizes{1024, 4096, 17, 256, 10, 20}
	case columns <= 512:
		return sizes{512, 2048, 15, 128, 10, 20}
	case columns <= 2048:
		return sizes{128, 512, 12, 64, 10, 20}
	}
	return sizes{64, 128, 10, 48, 5, 10}
}
