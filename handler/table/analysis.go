package table

import (
	"errors"
	"fmt"
	"io"
)

// Fields are taken in blocks of so many rows, or bytes, whichever comes first.
const (
	blockRows  = 4096
	blockBytes = 1 << 20
)

// analysis is the state of one reading.
type analysis struct {
	columns    []*column
	names      []string
	total, bad int64
	rows       int  // that wait in the columns
	bytes      int  // of their fields
	exact      bool // every value is kept
	shown      int  // bytes of a value that the report shows
}

func (a *analysis) read(rows *reader, d dialect) error {
	sizes := sizesFor(d.width)
	a.exact, a.shown = true, sizes.shown
	for range d.width {
		a.columns = append(a.columns, newColumn(sizes))
	}
	header := d.header
	for {
		fields, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case len(fields) != d.width:
			a.total++
			a.bad++
		case header:
			header = false
			a.names = columnNames(fields)
		default:
			a.row(fields)
		}
	}
	a.take()
	if a.names == nil {
		a.names = columnNames(make([][]byte, d.width))
	}
	return nil
}

func (a *analysis) row(fields [][]byte) {
	a.total++
	a.rows++
	for i, field := range fields {
		a.columns[i].put(field)
		a.bytes += len(field)
	}
	if a.rows >= blockRows || a.bytes >= blockBytes {
		a.take()
	}
}

// take lets every column take the fields that wait.
func (a *analysis) take() {
	for _, c := range a.columns {
		c.take()
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

func (a *analysis) report() *Report {
	r := &Report{TotalRows: a.total, ProcessedRows: a.total - a.bad, BadRows: a.bad, Columns: []Column{}}
	for i, c := range a.columns {
		column := c.report(a.shown)
		column.Name = a.names[i]
		r.Columns = append(r.Columns, column)
		if r.Statistics.Column == nil && c.kind == kindNumber {
			r.Statistics = Statistics{&a.names[i], column.Sum, column.Mean, column.Min, column.Max}
		}
	}
	return r
}

// columnNames makes the header fit for use: no name empty, none twice.
func columnNames(fields [][]byte) []string {
	names := make([]string, len(fields))
	seen := make(map[string]bool, len(fields))
	for i, field := range fields {
		name := shown(trim(field), maxName)
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		unique := name
		for n := 2; seen[unique]; n++ {
			unique = fmt.Sprintf("%s_%d", name, n)
		}
		seen[unique] = true
		names[i] = unique
	}
	return names
}

// sizes are how large the sketches of one column may grow.
type sizes struct {
	buffer    int   // values in one buffer of the quantile sketch
	slots     int   // of the table of frequent values, a power of two
	precision uint8 // of the HyperLogLog: 2^precision bytes
	shown     int   // bytes of a value that the report shows
}

// sizesFor keeps the sketches of all columns together within about 50 MiB.
func sizesFor(columns int) sizes {
	switch {
	case columns <= 32:
		return sizes{2048, 8192, 18, 256}
	case columns <= 128:
		return sizes{1024, 4096, 17, 256}
	case columns <= 512:
		return sizes{512, 2048, 15, 128}
	}
	return sizes{128, 512, 12, 64}
}
