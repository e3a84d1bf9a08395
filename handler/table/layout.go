package table

import "bytes"

// layout is where a table lies in its text.
type layout struct {
	start   int  // its first record
	end     int  // the record after its last one
	header  bool // which names the columns
	units   bool // the second says their units
	width   int  // of the table
	mixed   bool // below an end of it is a better table
	shifted bool // the first column has no name, as R writes row names
	score   float64
}

// maxAbove is the most records above a table.
const maxAbove = 40

// layoutOf finds the table within the records: the widest part that fits together best.
// Lines above it are narrower, or a blank line sets them apart.
func (s *sample) layoutOf(o Options) layout {
	best := layout{score: -1}
	widest, closed := 0, len(s.records) // no table starts at a record from closed on
	for start := range s.records[:min(len(s.records), maxAbove+1)] {
		first := &s.records[start]
		above := s.records[:start]
		if start >= closed {
			break
		}
		if first.filled <= widest && len(s.records)-start < start && mostlyData(above) {
			continue // a few rows below many that are as wide
		}
		if start == 0 || o.SkipLines == nil && (first.filled > widest || first.gap || s.endsProse(start)) {
			for _, l := range s.layoutsFrom(start, o) {
				if l.end < len(s.records) {
					closed = min(closed, l.end)
				}
				l.score *= s.trustAbove(above, l)
				if l.score > best.score {
					best = l
				}
			}
		}
		widest = max(widest, first.filled)
	}
	return best
}

// mostlyData reports whether most of the records are no prose.
func mostlyData(records []record) bool {
	prose := 0
	for i := range records {
		if records[i].prose {
			prose++
		}
	}
	return prose*2 < len(records)
}

// endsProse reports whether the record follows a line of prose and is none.
func (s *sample) endsProse(i int) bool { return s.records[i-1].prose && !s.records[i].prose }

// layoutsFrom returns the readings of a table that starts with that record: with its first
// row for a header, and without one.
func (s *sample) layoutsFrom(start int, o Options) (list []layout) {
	first, rows := &s.records[start], s.records[start+1:]
	if first.filled > 0 && !isDrawn(first) {
		l := layout{start: start, header: true}
		if (len(rows) > 2 && isUnits(&rows[0]) || len(rows) > 0 && isDrawn(&rows[0])) && !isUnits(first) {
			l.units, rows = true, rows[1:]
		}
		l.width = widthBelow(first.filled, rows)
		if o.Header == nil && (isHeader(first, rows, l.width) || isRepeatedHeader(first, rows, l.width)) || o.Header != nil && *o.Header {
			l.shifted = first.filled == l.width-1 && len(first.fields) < l.width && first.filled > 1
			s.setEnd(&l)
			s.rate(&l, rows[:len(rows)-len(s.records)+l.end])
			switch {
			case l.shifted:
				l.score *= 0.95
			case first.filled == 1 && l.width > 1:
				l.score *= 0.45
			case len(first.fields) < l.width || first.filled < l.width && len(s.records) > start+1 && isEmptyRow(s.records[start+1].fields):
				l.score *= 0.8
			case s.delimiter == "" && s.hasDelimiter(first.fields[0]):
				l.score *= 0.5
			}
			list = append(list, l)
		}
	}
	if len(list) > 0 || o.Header != nil && *o.Header && first.filled > 0 {
		return list
	}
	rows = s.records[start:]
	l := layout{start: start, width: commonWidth(rows)}
	s.setEnd(&l)
	s.rate(&l, s.records[start:l.end])
	if len(first.fields) < l.width && !first.hasTyped() {
		l.score *= 0.5
	}
	return append(list, l)
}

func (r *record) hasTyped() bool {
	for i := range r.fields {
		if k := r.kind(i); k != kindNone && k != kindText {
			return true
		}
	}
	return false
}

// widthBelow is the width of a table whose header has that many names: as many, unless
// most rows have more fields than that.
func widthBelow(names int, rows []record) int {
	wider := 0
	for i := range rows {
		if rows[i].filled > names {
			wider++
		}
	}
	if wider*2 <= len(rows) {
		return names
	}
	return max(names, commonWidth(rows))
}

// commonWidth is the largest width that a quarter of the rows reach, and two of several.
func commonWidth(rows []record) int {
	counts := map[int]int{}
	widest, empty := 0, 0
	for i := range rows {
		counts[rows[i].filled]++
		widest = max(widest, rows[i].filled)
		empty = max(empty, len(rows[i].fields))
	}
	need := max((len(rows)+3)/4, min(2, len(rows)))
	for reached := 0; widest > 0; widest-- {
		if reached += counts[widest]; reached >= need {
			return widest
		}
	}
	return empty // nothing but delimiters
}

// rate gives the layout its score: how well the rows fit the width, how many of their
// values are numbers, times and booleans, how many columns there are, and what of other
// delimiters and quotes is left in the fields.
func (s *sample) rate(l *layout, rows []record) {
	fit, bad := 0.0, 0
	for i := range rows {
		row := &rows[i]
		switch n := len(row.fields); {
		case row.bad || row.filled > l.width:
			bad++
		case n >= l.width:
			fit++
		default:
			fit += 0.8 * float64(n) / float64(l.width)
		}
	}
	total := float64(max(len(rows), 1))
	if len(rows) == 0 {
		fit = 1
	}
	typed, dirty := s.values(rows, l.width)
	if s.delimiter == "" {
		l.score = 0.5*fit/total + 0.4*typed - 0.15*dirty
	} else {
		l.score = fit/total*(0.6+0.4*typed) + 0.1*(1-1/float64(max(l.width, 1))) - 0.3*dirty
		if l.width < 2 {
			l.score *= 0.4
		}
	}
	if l.header && typed > 0 {
		l.score += 0.05
	}
	n := float64(max(len(s.records), 1))
	l.score -= 0.4*min(float64(s.broken)/n, 1) + 0.2*min(float64(s.stray)/n, 1) + 0.05*min(float64(s.inner)/n, 1)
	if s.quote == 0 {
		l.score -= 0.06 + 0.6*min(float64(s.wrapped)/n, 1)
	}
	if bad*2 > len(rows) {
		l.score *= 0.2
	}
	if l.mixed {
		l.score *= 0.9
	}
}

// values returns the share of values that are numbers, times or booleans, and the share of
// those that have another delimiter in them, followed by no blank.
func (s *sample) values(rows []record, width int) (typed, dirty float64) {
	values := 0
	for i := range rows[:min(len(rows), typedRows)] {
		row := &rows[i]
		for f, field := range row.fields[:min(len(row.fields), width)] {
			switch row.kind(f) {
			case kindNone:
				continue
			case kindText:
				if !row.isQuoted(f) && s.hasDelimiter(field) {
					dirty++
				}
			default:
				typed++
			}
			values++
		}
	}
	n := float64(max(values, 1))
	return typed / n, dirty / n
}

// hasDelimiter reports whether a field has a common delimiter that separates no words.
func (s *sample) hasDelimiter(field []byte) bool {
	for i, c := range field {
		switch c {
		case '\t', ';', '|', ',':
			if string(c) != s.delimiter && (i+1 == len(field) || field[i+1] != ' ') {
				return true
			}
		}
	}
	return false
}

// trustAbove is a factor below 1 for a table that has lines above it: the less, the less
// these look like a title and what follows like a table.
func (s *sample) trustAbove(above []record, l layout) float64 {
	if len(above) == 0 {
		return 1
	}
	trust := 0.97
	first := &s.records[l.start]
	rows := s.records[l.start:l.end]
	if l.header {
		rows = rows[1:]
	}
	if !l.header {
		trust *= 0.9
		if !first.gap && !above[len(above)-1].isTitle() {
			trust *= 0.5
		}
	}
	typed := false
	for i := range l.width {
		if k := columnOf(rows, i).kind; k != kindText {
			typed = true
			break
		}
	}
	if !typed {
		trust *= 0.9
		if s.isProse() {
			trust *= 0.7
		}
	}
	return trust
}

// isTitle reports whether a record looks like words above a table.
func (r *record) isTitle() bool { return len(r.fields) > 0 && bytes.ContainsAny(r.fields[0], " :") }

// isProse reports whether a blank follows most delimiters, as the commas of a sentence.
func (s *sample) isProse() bool { return s.beforeBlanks*2 > s.delimiters }
