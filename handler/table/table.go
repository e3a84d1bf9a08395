// Package table profiles tables of delimited text: how the table is written, and for each column its
// type, range, sums, quantiles, most frequent values and shape. It has the type DATA_PROCESSING.
//
// It reads the text once, from start to end, in bounded memory: a file of any size takes
// about 100 MiB at most. Counts, nulls, ranges, sums, means and standard deviations are
// exact always. Distinct values, quantiles, most frequent values and histograms are exact
// up to ExactRows rows and as long as all values fit into a budget of memory; beyond that
// they come from sketches, and the column says so. Integers of 64 bits are never rounded.
//
// A bad row is no error: one that is too short ends in nulls, one that is too long or cannot be read
// is counted and skipped. Errors are: text that is none, damaged gzip, more than MaxColumns columns,
// and those of Options.Progress.
package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits.
const (
	ExactRows    = 100_000 // up to this many rows everything is exact, within exactBytes
	MaxColumns   = 8192
	MaxRow       = 8 << 20 // bytes; a longer row is a bad row
	FirstBadRows = 20      // that the report lists
	exactBytes   = 60 << 20
)

// Errors that say the input can never be read.
var (
	ErrNotText         = errors.New("file is not text")
	ErrNoTable         = errors.New("file is no table")
	ErrTooWide         = errors.New("table has too many columns")
	ErrDamaged         = errors.New("gzip file is damaged")
	ErrBomb            = errors.New("file unpacks to too much")
	ErrUnknownEncoding = errors.New("unknown encoding")
)

// Report is what was found.
type Report struct {
	TotalRows     int64      `json:"total_rows"`     // rows of data, the bad ones included
	ProcessedRows int64      `json:"processed_rows"` // rows that the columns tell of
	ShortRows     int64      `json:"short_rows"`     // of these, rows with fewer fields than columns
	BadRows       int64      `json:"bad_rows"`       // rows that were passed over
	FirstBadRows  []BadRow   `json:"first_bad_rows"` // at most FirstBadRows
	Delimiter     string     `json:"delimiter"`      // as in Dialect
	HasHeader     bool       `json:"has_header"`     // as in Dialect
	Encoding      string     `json:"encoding"`       // as in Dialect
	Compression   string     `json:"compression"`    // "gzip" or ""
	Dialect       Dialect    `json:"dialect"`
	Warnings      []string   `json:"warnings"` // what was assumed, and what may be wrong
	Columns       []Column   `json:"columns"`
	Statistics    Statistics `json:"statistics"`
}

// BadRow is a row that was passed over.
type BadRow struct {
	Line   int64  `json:"line"` // where it starts, from 1
	Reason string `json:"reason"`
}

// Column is what is known of one column. What does not go with its type is null.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // integer, number, boolean, datetime or string
	Count    int64  `json:"count"`    // values that are not null
	Nulls    int64  `json:"nulls"`    // empty, or one of Dialect.Nulls
	Infinite int64  `json:"infinite"` // values of Count that are infinite; they are in no other figure of numbers
	Distinct int64  `json:"distinct"` // different values as they are written, nulls apart
	// Exact says that Distinct, the quantiles, Top and Histogram are exact.
	Exact bool `json:"exact"`
	// Min and Max are numbers, or RFC 3339 times in UTC, or the first and last text in
	// the order of bytes.
	Min       any          `json:"min"`
	Max       any          `json:"max"`
	Sum       any          `json:"sum"`
	Mean      *json.Number `json:"mean"`
	StdDev    *float64     `json:"stddev"` // of a sample (n − 1)
	P25       *json.Number `json:"p25"`
	Median    *json.Number `json:"median"`
	P75       *json.Number `json:"p75"`
	Top       []Value      `json:"top"`       // the most frequent, at most 10
	Histogram []Bin        `json:"histogram"` // of numbers, at most 20 bins
}

// Value is a value and how often it came.
type Value struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Bin counts the values from From up to but not To; the last bin has To too.
type Bin struct {
	From  json.Number `json:"from"`
	To    json.Number `json:"to"`
	Count int64       `json:"count"`
}

// Statistics is the short form, of the first column of numbers; null without one.
type Statistics struct {
	Column  *string      `json:"column"`
	Sum     any          `json:"sum"`
	Average *json.Number `json:"average"`
	Min     any          `json:"min"`
	Max     any          `json:"max"`
}

// Analyse reads the table to its end. Errors: those above, those of r and of o.Progress.
func Analyse(r io.Reader, o Options) (*Report, error) {
	src, err := openSource(r, o)
	if err != nil {
		return nil, err
	}
	a := &analysis{}
	rows := newReader(src, o.Chunk, func() error {
		if o.Progress == nil {
			return nil
		}
		return o.Progress(src.raw.n, a.total)
	})
	d, err := detectIn(rows, o)
	if err != nil {
		return nil, err
	}
	if d.width > MaxColumns {
		return nil, fmt.Errorf("%w: more than %d; if that cannot be, give delimiter", ErrTooWide, MaxColumns)
	}
	if err := a.read(rows, d, o); err != nil {
		return nil, err
	}
	return a.report(src, o), nil
}

// detectIn detects the dialect of what the reader will read, from a sample that has
// enough whole rows.
func detectIn(rows *reader, o Options) (detected, error) {
	for size := sampleSize; ; size *= 4 {
		sample, whole, err := rows.sample(size)
		if err != nil {
			return detected{}, err
		}
		if err := checkText(sample); err != nil {
			return detected{}, err
		}
		d := detect(sample, whole, o)
		if !d.cut || whole || size >= MaxRow {
			return d, nil
		}
	}
}
