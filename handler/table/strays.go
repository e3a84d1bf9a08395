package table

import (
	"bytes"
	"fmt"
	"strings"
)

// shape is what the rows of a table have in common: it shows whether a line that a quoted
// field takes up is a row.
type shape struct {
	width int
	kinds []kind // of columns; kindText where any value fits
}

// fits reports whether a row has a field for each column and no value of another kind than
// its column, and how many are of the kind that theirs has.
func (s *shape) fits(fields [][]byte, quote byte) (ok bool, typed int) {
	if len(fields) < s.width || !areEmpty(fields[s.width:]) {
		return false, 0
	}
	typed, ok = countTyped(s.kinds, fields, quote)
	return ok, typed
}

// countTyped counts the values of a row that are of the kind that their column has, and
// reports whether none is of another kind. A short row has no values at its end.
func countTyped(kinds []kind, fields [][]byte, quote byte) (typed int, ok bool) {
	for i, want := range kinds[:min(len(kinds), len(fields))] {
		field := bytes.Trim(trim(fields[i]), string(rune(quote)))
		switch {
		case want == kindText || isNothing(field):
		case kindOf(field) != want:
			return 0, false
		default:
			typed++
		}
	}
	return typed, true
}

// shapeOf returns the shape of the table that was found in the sample. Lines within quoted
// fields have a say, for these may be the rows in question.
func (s *sample) shapeOf(l layout) *shape {
	if s.quote == 0 || l.width < 2 || l.start >= len(s.records) {
		return nil
	}
	first := l.start
	if l.header {
		first++
	}
	var rows []record
	for _, row := range s.records[min(first, l.end):l.end] {
		if row.raw == nil {
			rows = append(rows, row)
			continue
		}
		m := s.marks
		m.quote = 0
		for _, line := range split(row.raw, true, m, 0, nil).records {
			if len(line.fields) != l.width {
				continue
			}
			for i := range line.fields {
				line.fields[i] = bytes.Trim(line.fields[i], string(rune(s.quote)))
			}
			rows = append(rows, line)
		}
	}
	shape := &shape{width: l.width}
	for i := range l.width {
		shape.kinds = append(shape.kinds, columnOf(rows, i).kind)
	}
	return shape
}

// Bounds on lines with stray quotes: how many quotes of a line are tried, and how many
// lines a warning names.
const (
	mostStrays = 8
	namedLines = 5
)

// mayHaveStray reports whether it is worth a look whether quotes of the row that was read
// are characters of values: it took up several lines, or is short and has others in it.
func (r *reader) mayHaveStray(several, stray bool) bool {
	if r.shape == nil {
		return false
	}
	return several || len(r.fields) < r.shape.width && (stray || r.delimiter == "\t")
}

// strayRow reads the line at start, a quote of which is a character, as a row.
func (r *reader) strayRow(end int) {
	r.readLine(end)
	if len(r.strayLines) < namedLines {
		r.strayLines = append(r.strayLines, r.line)
	}
	r.strayRows++
	if n := len(r.fields); n < r.shape.width || !areEmpty(r.fields[r.shape.width:]) {
		r.why = errStray
	}
}

// strayWarning says which lines have stray quotes, "" without one.
func (r *reader) strayWarning() string {
	if r.strayRows == 0 {
		return ""
	}
	var lines []string
	for _, line := range r.strayLines {
		lines = append(lines, fmt.Sprint(line))
	}
	if more := r.strayRows - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("A quote begins a field and does not enclose it, at line %s. It was read as a character. If no fields are in quotes, give an empty quote.", strings.Join(lines, ", "))
}

// hasRows reports whether the lines of a row that has several are rows, nine of ten at
// least. Values of a kind prove it; without such columns tabs, or three lines that are no
// sentences.
func (r *reader) hasRows(after int) bool {
	start := r.start
	defer func() { r.start = start }()
	lines, others, typed, prose := 0, 0, 0, false
	for r.start < after {
		end := r.start
		for end < after && !r.endsRow(r.buf[end]) {
			end++
		}
		line := r.buf[r.start:end]
		fits, n := r.readLine(end)
		if !fits {
			others++
		}
		if lines++; !fits && lines == 1 || others > 1 && others*10 > lines+10 {
			return false
		}
		typed += n
		prose = prose || r.delimiter != "" && bytes.Contains(line, []byte(r.delimiter+" "))
		r.start = r.afterEnd(end)
	}
	return others*10 <= lines && (typed > 0 || r.delimiter == "\t" || lines > 2 && !prose)
}

// lineFits reports whether the line that ends before after fits the table when it is read
// by itself.
func (r *reader) lineFits(after int) bool {
	end := after
	for end > r.start && r.endsRow(r.buf[end-1]) {
		end--
	}
	fits, _ := r.readLine(end)
	return fits
}

// readLine reads the line from start to end, whose quotes may be characters: first those
// that enclose nothing, and if the line does not fit the table then, all of them.
func (r *reader) readLine(end int) (fits bool, typed int) {
	r.fieldsOfLine(end)
	if r.shape == nil {
		return true, 0
	}
	if fits, typed = r.shape.fits(r.fields, r.quote); fits {
		return fits, typed
	}
	quote := r.quote
	r.quote = 0
	r.fieldsOfLine(end)
	r.quote = quote
	if fits, typed = r.shape.fits(r.fields, quote); fits {
		r.quoted = nil
		return fits, typed
	}
	r.fieldsOfLine(end)
	return false, 0
}

// fieldsOfLine splits the line from start to end as if it were all there is. A quote that
// opens a field and does not close it there is a character.
func (r *reader) fieldsOfLine(end int) {
	textEnd, whole := r.end, r.whole
	r.end, r.whole, r.oneLine, r.strays = end, true, true, 0
	r.quotedFields()
	r.end, r.whole, r.oneLine = textEnd, whole, false
}
