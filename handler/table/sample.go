package table

import (
	"bytes"
	"errors"
	"slices"
)

// Bounds on the sample that a dialect is detected from.
const (
	sampleSize  = 64 << 10 // bytes; more where rows are long, up to MaxRow
	sampleRows  = 1000
	sampleCells = 400_000
	typedRows   = 200 // rows whose values are looked at
)

// record is a row of a sample.
type record struct {
	line   int64    // where it starts
	gap    bool     // a blank line, a row of empty cells or a comment is above it
	blank  bool     // a blank line or a row of empty cells is
	fields [][]byte // trimmed
	quoted []bool   // of fields; nil = none
	filled int      // fields up to the last that is not empty
	bad    bool     // it cannot be read
	raw    []byte   // its text if it has several lines
	prose  bool     // a blank follows its delimiters
	kinds  []kind   // of fields, when looked at
}

// sample is the first part of a text as a candidate dialect reads it.
type sample struct {
	marks
	records  []record
	comments []comment
	broken   int     // rows whose quotes make no sense
	stray    int     // quotes within quoted fields
	inner    int     // fields without quotes that have one inside
	wrapped  int     // fields in quotes where no quote is known
	share    float64 // of the text that was split into whole rows

	delimiters, beforeBlanks int // delimiters, and those that a blank follows
}

// split reads the whole rows of a text. Unless whole, the text goes on after its end.
// shape is that of the table, nil when it is not known.
func split(text []byte, whole bool, m marks, skip int, shape *shape) *sample {
	r := newSampleReader(text, whole, m)
	r.shape = shape
	r.hasNUL = bytes.IndexByte(text, 0) >= 0
	r.keepComments = true
	s := &sample{marks: m, share: 1}
	_ = r.skip(skip) // it reads nothing
	cells, emptyAbove := 0, false
	for len(s.records) < sampleRows && cells < sampleCells {
		above := r.line
		fields, err := r.next()
		if errors.Is(err, errCut) {
			s.share = float64(r.start) / float64(len(text))
		}
		if err != nil {
			break
		}
		record := record{line: r.row, gap: r.row > above, blank: r.blank, bad: r.why != nil, raw: r.raw}
		record.fields = make([][]byte, len(fields))
		before := s.beforeBlanks
		if r.quoted != nil {
			record.quoted = slices.Clone(r.quoted)
		}
		for i, field := range fields {
			if i > 0 {
				s.delimiters++
				if len(field) > 1 && field[0] == ' ' {
					s.beforeBlanks++
				}
			}
			field = trim(field)
			if record.isQuoted(i) || r.escape != 0 {
				field = bytes.Clone(field) // it may lie in what the reader uses again
			}
			record.fields[i] = field
			if len(field) > 0 {
				record.filled = i + 1
			}
			switch n := len(field); {
			case r.quote == 0 && n > 1 && field[0] == '"' && field[n-1] == '"':
				s.wrapped++
			case r.quote != 0 && !record.isQuoted(i) && bytes.IndexByte(field, r.quote) >= 0:
				s.inner++
			}
		}
		record.prose = (s.beforeBlanks-before)*2 > len(fields)-1
		empty := isEmptyRow(fields)
		if emptyAbove && !empty {
			record.gap, record.blank = true, true
		}
		emptyAbove = empty
		cells += len(fields)
		s.records = append(s.records, record)
	}
	s.comments, s.broken = r.comments, r.broken
	s.stray = r.stray
	return s
}

// withoutEmpty is end without the rows of empty cells before it.
func withoutEmpty(rows []record, end int) int {
	for end > 0 && isEmptyRow(rows[end-1].fields) {
		end--
	}
	return end
}

func (r *record) isQuoted(i int) bool { return i < len(r.quoted) && r.quoted[i] }

// kind is the kind of a field; kindNone for an empty one or a null.
func (r *record) kind(i int) kind {
	if i >= len(r.fields) {
		return kindNone
	}
	if r.kinds == nil {
		r.kinds = make([]kind, len(r.fields))
		for i, field := range r.fields {
			if !defaultNulls.has(field) {
				r.kinds[i] = kindOf(field)
			}
		}
	}
	return r.kinds[i]
}
