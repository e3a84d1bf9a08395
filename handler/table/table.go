// Package table works out what is in a table of delimited text: of every column its
// type, range, sums, quantiles, most frequent values and shape.
//
// It reads the text once, from start to end, in bounded memory: a file of any size takes
// about 100 MiB at most. Counts, nulls, ranges, sums, means and standard deviations are
// exact always. Distinct values, quantiles, most frequent values and histograms are exact
// up to ExactRows rows and as long as all values fit into a budget of memory; beyond that
// they come from sketches, and the column says so.
//
// It never gives up on a row: what has the wrong number of fields is counted and passed
// over. It gives up only on what is no text, on more than MaxColumns columns, and when it
// is told to.
package table

import (
	"errors"
	"fmt"
	"io"
)

// Limits.
const (
	ExactRows  = 100_000 // up to so many rows everything is exact, within exactBytes
	MaxColumns = 2048
	MaxRow     = 8 << 20 // bytes; a longer row is a bad row
	exactBytes = 60 << 20
	sampleSize = 64 << 10 // bytes that the dialect is worked out from
)

// Errors that say the input can never be read.
var (
	ErrNotText = errors.New("file is not text")
	ErrTooWide = errors.New("table has too many columns")
)

// Options say how to read. The zero value finds out.
type Options struct {
	Delimiter byte  // ',', ';', '\t', '|' or another ASCII character; 0 = detect
	Header    *bool // whether the first row names the columns; nil = detect
	Chunk     int   // bytes to read at a time, 4 KiB … 256 KiB; 0 = 256 KiB
	// Progress is called after every read with the bytes read from the source and the
	// rows done so far. Its error ends the work and is returned. nil = not.
	Progress func(bytes, rows int64) error
}

// Report is what was found.
type Report struct {
	TotalRows     int64      `json:"total_rows"`     // rows of data, the bad ones included
	ProcessedRows int64      `json:"processed_rows"` // rows that the columns tell of
	BadRows       int64      `json:"bad_rows"`       // rows with a wrong number of fields
	Delimiter     string     `json:"delimiter"`
	HasHeader     bool       `json:"has_header"`
	Encoding      string     `json:"encoding"` // "utf-8", "utf-16le" or "utf-16be"
	Columns       []Column   `json:"columns"`
	Statistics    Statistics `json:"statistics"`
}

// Column is what is known of one column. What does not go with its type is null.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // integer, number, boolean, datetime or string
	Count    int64  `json:"count"`    // values that are not null
	Nulls    int64  `json:"nulls"`    // empty, NA, N/A, #N/A, null, None, NaN
	Distinct int64  `json:"distinct"` // different values as they are written, nulls apart
	// Exact tells that Distinct, the quantiles, Top and Histogram are exact.
	Exact bool `json:"exact"`
	// Min and Max are numbers, or RFC 3339 times in UTC, or the first and last text in
	// the order of bytes.
	Min       any      `json:"min"`
	Max       any      `json:"max"`
	Sum       any      `json:"sum"`
	Mean      *float64 `json:"mean"`
	StdDev    *float64 `json:"stddev"` // of a sample (n − 1)
	P25       *float64 `json:"p25"`
	Median    *float64 `json:"median"`
	P75       *float64 `json:"p75"`
	Top       []Value  `json:"top"`       // the most frequent, at most 10
	Histogram []Bin    `json:"histogram"` // of numbers, at most 20 bins
}

// Value is a value and how often it came.
type Value struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Bin counts the values from From up to but not To; the last bin has To too.
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int64   `json:"count"`
}

// Statistics is the short form, of the first column of numbers; null without one.
type Statistics struct {
	Column  *string  `json:"column"`
	Sum     any      `json:"sum"`
	Average *float64 `json:"average"`
	Min     any      `json:"min"`
	Max     any      `json:"max"`
}

// Analyse reads the table to its end. Errors: ErrNotText, ErrTooWide, those of r and of
// o.Progress.
func Analyse(r io.Reader, o Options) (*Report, error) {
	bytes := &counter{r: r}
	text, encoding, err := decode(bytes)
	if err != nil {
		return nil, err
	}
	a := &analysis{}
	rows := newReader(text, o.Chunk, func() error {
		if o.Progress == nil {
			return nil
		}
		return o.Progress(bytes.n, a.total)
	})
	sample, whole, err := rows.sample()
	if err != nil {
		return nil, err
	}
	d := detect(sample, whole, o)
	if d.width > MaxColumns {
		return nil, fmt.Errorf("%w: %d, the most is %d", ErrTooWide, d.width, MaxColumns)
	}
	rows.delimiter, rows.rowEnd = d.delimiter, d.rowEnd
	if err := a.read(rows, d); err != nil {
		return nil, err
	}
	report := a.report()
	report.Delimiter, report.HasHeader, report.Encoding = string(d.delimiter), d.header, encoding
	return report, nil
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
