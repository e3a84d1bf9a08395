package table

import (
	"bytes"
	"slices"
)

// detected is a dialect with all that reading needs.
type detected struct {
	marks
	layout
	skip     int  // lines above the table
	hidden   bool // the header is a comment
	format   numberFormat
	cut      bool // the sample is too small to tell
	shape    *shape
	kinds    []kind       // of columns; kindText where any value fits
	warned   map[int]bool // columns whose type a warning speaks of
	warnings []string
}

// delimiters are tried in this order; of equals the first is taken. Text has commas
// without being split by them more often than it has the others.
var delimiters = []string{"\t", ";", "|", ",", "~", "^", "\x01", "\x1f"}

// enoughRows is how many rows tell a dialect.
const enoughRows = 5

// detect works the dialect out from the first part of a text; whole says that it is all
// of it. Every combination of marks that the text suggests is tried on its whole rows, and
// the one that makes the best table is taken.
func detect(text []byte, whole bool, o Options) detected {
	skip := 0
	if o.SkipLines != nil {
		skip = *o.SkipLines
	}
	if delimiter, line := separatorLine(text); line && o.SkipLines == nil {
		skip = 1
		if o.Delimiter == nil {
			o.Delimiter = &delimiter
		}
	}
	tried := candidates(text, o)
	best := detected{marks: tried[0], layout: layout{score: -1}}
	var bestSample *sample
	for _, m := range tried {
		s, d := judge(text, whole, m, skip, o)
		if d.score > best.score {
			d.cut = best.cut && bestSample != nil && bestSample.delimiter == d.delimiter || d.cut
			best, bestSample = d, s
		} else if bestSample != nil && bestSample.delimiter == d.delimiter {
			best.cut = best.cut || d.cut
		}
	}
	if bestSample == nil { // no rows
		best.delimiter, best.skip = tried[len(tried)-1].delimiter, skip
		if o.Delimiter == nil {
			best.delimiter = ""
		}
	}
	best.finish(bestSample, o)
	return best
}

// judge splits the text by the marks and finds the table in it.
func judge(text []byte, whole bool, m marks, skip int, o Options) (*sample, detected) {
	s, l := splitTwice(text, whole, m, skip, o)
	d := detected{marks: m, layout: l}
	if m.comment != 0 {
		if o.Comment == nil && s.commentsAreRows(d.width) {
			m.comment = 0
			s, l = splitTwice(text, whole, m, skip, o)
			d = detected{marks: m, layout: l}
		} else if h, ok := s.hiddenHeader(o); ok {
			d.layout, d.hidden = h, true
			d.skip = int(s.comments[s.lastAbove()].line) - 1
		}
	}
	if !d.hidden {
		d.skip = skip
		if o.SkipLines == nil && (d.start > 0 || s.lastAbove() >= 0) {
			d.skip = int(s.records[d.start].line) - 1
		}
	}
	d.shape = s.shapeOf(d.layout)
	d.cut = s.share < 0.5 || s.share < 1 && len(s.records) < enoughRows
	if o.Delimiter == nil && m.blanksDelimit() && !s.isAligned(d.layout) {
		d.score = -1
	}
	if d.cut {
		d.score *= 0.5 + s.share/2
	}
	return s, d
}

// splitTwice splits the text and finds the table in it. Where a quoted field has several
// lines it splits it again, once the table shows whether these are rows.
func splitTwice(text []byte, whole bool, m marks, skip int, o Options) (*sample, layout) {
	s := split(text, whole, m, skip, nil)
	l := s.layoutOf(o)
	if shape := s.shapeOf(l); shape != nil && (s.broken > 0 || s.stray > 0 || m.delimiter == "\t" || slices.ContainsFunc(s.records, func(r record) bool { return r.raw != nil })) {
		s = split(text, whole, m, skip, shape)
		l = s.layoutOf(o)
	}
	return s, l
}

// candidates are the marks that the text suggests, within what is given.
func candidates(text []byte, o Options) (list []marks) {
	base := marks{quote: '"'}
	if o.Quote != nil {
		base.quote = mark(*o.Quote)
	}
	if o.Comment != nil {
		base.comment = mark(*o.Comment)
	} else if bytes.HasPrefix(text, []byte("#")) || bytes.Contains(text, []byte("\n#")) || bytes.Contains(text, []byte("\r#")) {
		base.comment = '#'
	}
	if o.Escape != nil {
		base.escape = mark(*o.Escape)
	}
	quotes := []byte{base.quote}
	for _, delimiter := range delimitersIn(text, o) {
		if o.Quote == nil {
			quotes = quotesIn(text, delimiter)
		}
		for _, quote := range quotes {
			m := base
			m.delimiter, m.quote = delimiter, quote
			if m.quote == 0 || m.escape == m.quote {
				m.escape = 0
			}
			list = append(list, m)
			if o.Escape == nil && m.quote != 0 && hasEscapes(text, m) {
				m.escape = '\\'
				list = append(list, m)
			}
		}
	}
	if hasLoneCR(text) && bytes.IndexByte(text, '\n') >= 0 {
		for _, m := range list {
			m.lfOnly = true
			list = append(list, m)
		}
	}
	return list
}

// delimitersIn lists the delimiters that the text has, and then none at all.
func delimitersIn(text []byte, o Options) (list []string) {
	if o.Delimiter != nil {
		return []string{*o.Delimiter}
	}
	for _, delimiter := range delimiters {
		if bytes.Contains(text, []byte(delimiter)) {
			list = append(list, delimiter)
		}
	}
	return append(list, "", " ")
}

// quotesIn lists the quotes that fields may have.
func quotesIn(text []byte, delimiter string) []byte {
	quotes := []byte{'"'}
	if bytes.IndexByte(text, '"') >= 0 {
		quotes = append(quotes, 0)
	}
	if hasQuotedBy(text, delimiter, '\'') {
		quotes = append(quotes, '\'')
	}
	return quotes
}

func hasEscapes(text []byte, m marks) bool {
	return bytes.Contains(text, []byte{'\\', m.quote}) || m.delimiter != "" && bytes.Contains(text, []byte("\\"+m.delimiter))
}

// hasQuotedBy reports whether a field begins with the quote and one ends with it.
func hasQuotedBy(text []byte, delimiter string, quote byte) bool {
	q := string(rune(quote))
	begins, ends := bytes.HasPrefix(text, []byte(q)), bytes.HasSuffix(text, []byte(q))
	for _, around := range []string{delimiter, "\n", "\r"} {
		begins = begins || around != "" && bytes.Contains(text, []byte(around+q))
		ends = ends || around != "" && bytes.Contains(text, []byte(q+around))
	}
	return begins && ends
}

// hasLoneCR reports whether there is a CR that no LF follows.
func hasLoneCR(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '\r')
		if i < 0 || i+1 == len(text) {
			return false
		}
		if text[i+1] != '\n' {
			return true
		}
		text = text[i+1:]
	}
}

// separatorLine reports whether the first line is Excel's "sep=;", and what it says.
func separatorLine(text []byte) (delimiter string, ok bool) {
	line := bytes.TrimPrefix(text, []byte(bom))
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	line = bytes.Trim(line, `"`)
	if len(line) < 5 || !bytes.EqualFold(line[:4], []byte("sep=")) {
		return "", false
	}
	delimiter = string(line[4:])
	if delimiter == `\t` {
		delimiter = "\t"
	}
	return delimiter, len([]rune(delimiter)) == 1
}

// isAligned reports whether blanks can be delimiters though nobody said so: all rows have
// the same number of fields, and half of the columns have numbers, times or booleans.
func (s *sample) isAligned(l layout) bool {
	if len(s.records) < 3 || l.start > 0 || l.width < 2 {
		return false
	}
	for i := range s.records {
		if len(s.records[i].fields) != l.width {
			return false
		}
	}
	typed := 0
	rows := s.records[:l.end]
	if l.header {
		rows = rows[1:]
	}
	for i := range l.width {
		if columnOf(rows, i).kind != kindText {
			typed++
		}
	}
	return typed*2 >= l.width
}

// commentsAreRows reports whether lines with the mark of comments are rows of the table:
// one below its start has as many fields, or there is only one column.
func (s *sample) commentsAreRows(width int) bool {
	if len(s.records) == 0 {
		return true
	}
	for i, c := range s.comments {
		if i <= s.lastAbove() {
			if width == 1 && len(c.text) > 1 && c.text[1] != ' ' && len(s.comments) > 1 {
				return true
			}
			continue
		}
		if width < 2 || s.fieldsOf(c.text) == width {
			return true
		}
	}
	return false
}

// lastAbove is the number of the last comment above the first record, -1 without one.
func (s *sample) lastAbove() int {
	last := -1
	for i, c := range s.comments {
		if len(s.records) > 0 && c.line < s.records[0].line {
			last = i
		}
	}
	return last
}

func (s *sample) fieldsOf(line []byte) int {
	m := s.marks
	m.comment = 0
	if rows := split(line, true, m, 0, nil).records; len(rows) == 1 {
		return len(rows[0].fields)
	}
	return 0
}

// hiddenHeader looks whether the last comment above the table names its columns, as
// #id,name does, which can be if the table has no other header.
func (s *sample) hiddenHeader(o Options) (l layout, ok bool) {
	last := s.lastAbove()
	if last < 0 || o.Header != nil && !*o.Header {
		return l, false
	}
	o.Header = nil
	if l = s.layoutOf(o); l.header || l.start > 0 || l.width < 2 {
		return l, false
	}
	m := s.marks
	m.comment = 0
	rows := split(s.comments[last].text, true, m, 0, nil).records
	if len(rows) != 1 || len(rows[0].fields) != l.width || rows[0].prose && !s.isProse() || !isHeader(&rows[0], s.records, l.width) {
		return l, false
	}
	l.header = true
	return l, true
}

// finish works out how values are written, once the table is found.
func (d *detected) finish(s *sample, o Options) {
	d.format = givenFormat(o)
	if s == nil || len(s.records) == 0 {
		return
	}
	rows := s.records[d.start:d.end]
	if d.header && !d.hidden {
		rows = rows[1:]
	}
	isNull := defaultNulls
	if o.Nulls != nil {
		isNull = nullSet(o.Nulls)
	}
	rows = rows[:withoutEmpty(rows, len(rows))]
	if last := len(rows) - 1; last > 1 && couldBeTotal(rows[last].fields, d.width) {
		rows = rows[:last]
	}
	d.kinds = kindsOf(rows, &d.layout)
	columns := make([][][]byte, d.width)
	for i := range rows {
		for f, field := range rows[i].fields {
			if f < d.width && rows[i].filled <= d.width && !isNull.has(field) && !(d.units && i == 0) {
				columns[f] = append(columns[f], field)
			}
		}
	}
	var doubtful []int
	d.format, doubtful = detectFormat(columns, o)
	d.warnOfTableAbove(s)
	below := d.warnOfHeader(s, rows)
	d.warnOfNumbers(s, columns, doubtful, below)
	if o.Decimal == "" && o.Thousands == nil {
		d.warnOfPoints(s, columns)
	}
}
