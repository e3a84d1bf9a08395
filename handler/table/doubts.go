package table

import (
	"bytes"
	"fmt"
	"slices"
)

// mostHeaders is the most lines below the header that can belong to it.
const mostHeaders = 3

// warnOfHeader says which rows right below the header look like more of it, as exports of
// surveys have them, and returns the columns that they make text.
func (d *detected) warnOfHeader(s *sample, rows []record) (headed []int) {
	if !d.header || d.units {
		return nil
	}
	lines := 0
	for lines < len(rows) && !rows[lines].hasTyped() && lines <= mostHeaders {
		lines++
	}
	if lines == 0 || lines > mostHeaders || lines+2 > len(rows) {
		return nil
	}
	sentence := false
	var names []string
	for c := range d.width {
		if columnOf(rows[lines:], c).kind == kindText {
			continue
		}
		for i := range rows[:lines] {
			if rows[i].kind(c) == kindText {
				sentence = sentence || bytes.ContainsAny(rows[i].fields[c], " {")
				headed = append(headed, c)
				names = append(names, d.labelOf(s, c))
				break
			}
		}
	}
	// One word over numbers is more often a value that is missing, unless its row has no first field.
	if len(headed) == 0 || len(headed) == 1 && !sentence && rows[0].kind(0) != kindNone {
		return nil
	}
	where := fmt.Sprintf("Line %d looks like a second header and was read as a row: it has", rows[0].line)
	if lines > 1 {
		where = fmt.Sprintf("Lines %d to %d look like more of the header and were read as rows: they have", rows[0].line, rows[lines].line-1)
	}
	d.warnings = append(d.warnings, fmt.Sprintf("%s texts above other values, which makes their columns strings, in %s. To read only what is below, give skip_lines %d and has_header false, or delete these lines.",
		where, list(names), rows[lines].line-1))
	return headed
}

// warnOfTableAbove says that the lines above the table look like another, a smaller one.
func (d *detected) warnOfTableAbove(s *sample) {
	above := s.records[:d.start]
	for from := 0; from < len(above); from++ {
		if from > 0 && !above[from].blank || isEmptyRow(above[from].fields) {
			continue
		}
		to := from + 1
		for to < len(above) && !above[to].blank {
			to++
		}
		block := above[from:withoutEmpty(above, to)]
		if width := commonWidth(block); width > 2 && isTable(block, width) && isHeader(&block[0], block[1:], width) {
			d.warnings = append(d.warnings, fmt.Sprintf("The lines from line %d to line %d look like a smaller table above this one and were not read. To read them, give skip_lines %d.",
				block[0].line, block[len(block)-1].line, block[0].line-1))
		}
	}
}

// warnOfNumbers says which columns are text though they may be of numbers,
// but not those that a second header makes text.
func (d *detected) warnOfNumbers(s *sample, columns [][][]byte, doubtful, headed []int) {
	var otherwise, mixed []string
	d.warned = map[int]bool{}
	for _, c := range append(doubtful, headed...) {
		d.warned[c] = true
	}
	for _, c := range doubtful {
		otherwise = append(otherwise, d.labelOf(s, c)+" (such as "+shown(columns[c][0], longestNumber)+")")
	}
	for c, values := range columns {
		if odd, ok := oddValue(d.format, values); ok && !slices.Contains(doubtful, c) && !slices.Contains(headed, c) {
			d.warned[c] = true
			mixed = append(mixed, d.labelOf(s, c)+" (such as "+shown(odd, longestNumber)+")")
		}
	}
	if len(otherwise) > 0 {
		d.warnings = append(d.warnings, "Values are read as text but may be numbers in another format, in "+list(otherwise)+". Give decimal and thousands to read them as numbers.")
	}
	if len(mixed) > 0 {
		d.warnings = append(d.warnings, "Some values among numbers are not numbers and make their column a string, in "+list(mixed)+". If they mean no value, give nulls.")
	}
}

// warnOfPoints says which columns were read with a decimal point though 331.885 may be
// 331885 in them, and no value of the table shows which.
func (d *detected) warnOfPoints(s *sample, columns [][][]byte) {
	if d.format != plainFormat {
		return
	}
	var open []string
	for c, values := range columns {
		ok, proof := readsAll(plainFormat, values)
		if ok && proof {
			return
		}
		if ok && mayBeThousands(values) {
			open = append(open, d.labelOf(s, c)+" (such as "+shown(values[0], longestNumber)+")")
		}
	}
	if len(open) > 0 {
		d.warnings = append(d.warnings, "Numbers were read with a decimal point but may have points between thousands, in "+list(open)+". If so, give decimal \",\" and thousands \".\".")
	}
}

// labelOf is the name of a column, or its number.
func (d *detected) labelOf(s *sample, c int) string {
	if fields := s.records[d.start].fields; d.header && !d.hidden && !d.shifted && c < len(fields) && len(fields[c]) > 0 {
		return shown(fields[c], maxName)
	}
	return fmt.Sprintf("column_%d", c+1)
}

// oddValue returns the first value that is no number where three quarters are, or half of
// them if these show the format.
func oddValue(f numberFormat, values [][]byte) (odd []byte, ok bool) {
	numbers := 0
	for _, b := range values {
		if n, _, read := f.read(b); read && !n.big || isInfinite(b) {
			numbers++
		} else if odd == nil {
			odd = b
		}
	}
	share, proof := f.readsMost(values)
	return odd, odd != nil && (numbers*4 >= len(values)*3 || share == halfRead && proof && f != plainFormat)
}
