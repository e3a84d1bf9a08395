package table

import "bytes"

// dialect is how a table is written.
type dialect struct {
	delimiter byte
	rowEnd    byte
	width     int // fields of a row
	header    bool
}

// delimiters are tried in this order. Text has commas without being split by them more
// often than it has the others, so of equals the comma is last.
var delimiters = []byte{'\t', ';', '|', ','}

const sampleRows = 1000

// detect works the dialect out from the first part of a text; whole tells that it is all
// of it.
func detect(sample []byte, whole bool, o Options) dialect {
	d := dialect{delimiter: o.Delimiter, rowEnd: '\n'}
	if bytes.IndexByte(sample, '\n') < 0 && bytes.IndexByte(sample, '\r') >= 0 {
		d.rowEnd = '\r'
	}
	if !whole {
		if i := bytes.LastIndexByte(sample, d.rowEnd); i >= 0 {
			sample = sample[:i+1]
		}
	}
	if d.delimiter == 0 {
		d.delimiter = detectDelimiter(sample, d.rowEnd)
	}
	rows, _ := split(sample, d.delimiter, d.rowEnd)
	d.width = widthOf(rows)
	if o.Header != nil {
		d.header = *o.Header
	} else {
		d.header = detectHeader(rows, d.width)
	}
	return d
}

// split reads the rows of a sample and counts those whose quotes make no sense.
func split(sample []byte, delimiter, rowEnd byte) (rows [][][]byte, broken int) {
	r := &reader{buf: sample, end: len(sample), eof: true, delimiter: delimiter, rowEnd: rowEnd}
	for len(rows) < sampleRows {
		fields, err := r.next()
		if err != nil { // the end: nothing is read
			break
		}
		row := make([][]byte, len(fields))
		for i, field := range fields {
			row[i] = bytes.Clone(trim(field))
		}
		rows = append(rows, row)
	}
	return rows, r.broken
}

// detectDelimiter takes the one that splits most rows into the same number of fields,
// two at least, the first row among them, and leaves quotes that make sense.
func detectDelimiter(sample []byte, rowEnd byte) byte {
	best, bestScore := byte(0), 0.5
	var unused byte // one that splits nothing
	for _, delimiter := range delimiters {
		rows, broken := split(sample, delimiter, rowEnd)
		if len(rows) == 0 {
			break
		}
		width, share := mostCommonWidth(rows)
		if width < 2 {
			if share == 1 {
				unused = delimiter
			}
			continue
		}
		score := share - float64(broken)/float64(len(rows))
		if len(rows[0]) == width {
			score += 0.5
		}
		if score > bestScore {
			best, bestScore = delimiter, score
		}
	}
	switch {
	case best != 0:
		return best
	case unused != 0: // a single column
		return unused
	}
	return ','
}

// mostCommonWidth returns the number of fields that most rows have, the first row's where
// several are equal, and which share of the rows has it.
func mostCommonWidth(rows [][][]byte) (width int, share float64) {
	counts := map[int]int{}
	for _, row := range rows {
		counts[len(row)]++
	}
	width = len(rows[0])
	for w, n := range counts {
		if n > counts[width] || n == counts[width] && w > width && len(rows[0]) != width {
			width = w
		}
	}
	return width, float64(counts[width]) / float64(len(rows))
}

// widthOf is the number of fields of the first row, unless that is a title above the
// table: a single field where nearly all other rows have more.
func widthOf(rows [][][]byte) int {
	if len(rows) == 0 {
		return 0
	}
	if width, share := mostCommonWidth(rows); len(rows[0]) < 2 && width > 1 && share >= 0.8 {
		return width
	}
	return len(rows[0])
}

// detectHeader tells whether the first row of that width names the columns. It does when
// all of it is text or empty, or years in order, and it looks unlike the rows below: some
// column has values that are no text, or else no name comes again in its column. A table
// of a single row is all header when it is all text.
func detectHeader(rows [][][]byte, width int) bool {
	var first [][]byte
	var rest [][][]byte
	for _, row := range rows {
		switch {
		case len(row) != width:
		case first == nil:
			first = row
		default:
			rest = append(rest, row)
		}
	}
	if first == nil || !couldBeNames(first) {
		return false
	}
	again := false
	for i, name := range first {
		typed, values := 0, 0
		for _, row := range rest {
			if isNull(row[i]) {
				continue
			}
			values++
			is := kindOf(row[i])
			if is == kindBoolean && isBoolean(name) {
				return false
			}
			if is != kindText {
				typed++
			}
			again = again || len(name) > 0 && bytes.Equal(row[i], name)
		}
		if typed > 0 && typed*10 >= values*9 {
			return true
		}
	}
	return !again
}

// couldBeNames tells whether the fields are words, blanks and years in order, and not all
// blank.
func couldBeNames(fields [][]byte) bool {
	words, years, last := 0, 0, int64(0)
	up, down := true, true
	for _, field := range fields {
		if len(field) == 0 {
			continue
		}
		if is := kindOf(field); is == kindText || is == kindBoolean { // "No" is a name
			if !couldBeName(field) {
				return false
			}
			words++
			continue
		}
		n, ok := parseNumber(field)
		if !ok || !n.whole || n.i < 1000 || n.i > 2999 {
			return false
		}
		up, down = up && (years == 0 || n.i > last), down && (years == 0 || n.i < last)
		years, last = years+1, n.i
	}
	return words > 0 && (years == 0 || years > 1 && (up || down))
}

// couldBeName tells whether text looks like a name: 1,5 and 12:30 have digits and no letter.
func couldBeName(b []byte) bool {
	digits := false
	for _, c := range b {
		if c >= 0x80 || 'a' <= c|0x20 && c|0x20 <= 'z' {
			return true
		}
		digits = digits || '0' <= c && c <= '9'
	}
	return !digits
}
