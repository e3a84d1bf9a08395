package table

import (
	"bytes"
	"slices"
)

// Weights of what speaks for and against a header, one column each.
const (
	nameOverValues = 1.5  // a name over a column of numbers, times or booleans
	valueOverSame  = -2   // a value over a column of its kind
	valueOverText  = -0.5 // a number over text
	nameAgain      = -1   // the name is one of several values of its column, or has their shape
	nameOfTexts    = 0.2  // a text over texts, not among them
	nameOfClasses  = 0.5  // a text over texts that come again and again, not among them
	nameOverBlank  = 0.1  // over a column without values
	quotedOverBare = 1    // in quotes, over values without
	yearOverOther  = 0.5  // a year over numbers of another size
)

// isHeader reports whether the first row names the columns: whether its fields look unlike
// the values below them.
func isHeader(first *record, rows []record, width int) bool {
	numbered := areNumbered(first)
	score, any := 0.0, false
	for i := range min(width, len(first.fields)) {
		any = any || len(first.fields[i]) > 0
		score += headerVote(first, rows, i, numbered)
	}
	return any && score > 0
}

// isRepeatedHeader reports whether the first row names the columns and comes again among
// the rows, as in files that were put together.
func isRepeatedHeader(first *record, rows []record, width int) bool {
	var rest []record
	for _, row := range rows {
		if !slices.EqualFunc(row.fields, first.fields, bytes.Equal) {
			rest = append(rest, row)
		}
	}
	if width < 2 || len(rest) == len(rows) || !isHeader(first, rest, width) {
		return false
	}
	for i := range width {
		if is := columnOf(rest, i).kind; is != kindText && first.kind(i) == kindText {
			return true
		}
	}
	return false
}

// headerVote says how much column i speaks for a header.
func headerVote(first *record, rows []record, i int, numbered bool) float64 {
	name, is := first.fields[i], first.kind(i)
	below := columnOf(rows, i)
	switch {
	case len(name) == 0:
		return 0
	case below.values == 0 && is == kindText:
		return nameOverBlank
	case below.values == 0:
		return 0
	}
	vote := 0.0
	if first.isQuoted(i) && !below.quoted && below.values > 1 {
		vote = quotedOverBare
	}
	switch {
	case below.kind == kindText && is == kindText:
		return vote + below.voteOfText(name)
	case below.kind == kindText && !numbered:
		return vote + valueOverText
	case numbered && is == kindNumber:
		return vote + nameOverValues
	case below.kind == kindText:
		return vote
	case is == below.kind && is == kindNumber && isYear(name) && below.isFarFrom(name):
		return vote + yearOverOther
	case is == below.kind:
		return vote + valueOverSame
	case is == kindText && couldBeName(name), is == kindBoolean && below.kind != kindText, is == kindTime:
		return vote + nameOverValues
	}
	return vote
}

// areNumbered reports whether the columns are named by years of one step, beside a name or a
// blank, or by numbers that count from 0 or 1, beside a blank.
func areNumbered(first *record) bool {
	var numbers []int64
	others := 0
	for i, field := range first.fields[:first.filled] {
		n, ok := parseNumber(field)
		switch {
		case ok && n.whole:
			numbers = append(numbers, n.i)
		case ok || first.kind(i) != kindText && first.kind(i) != kindNone:
			return false
		default:
			others++
		}
	}
	if len(numbers) < 2 || others == 0 {
		return false
	}
	years := true
	for _, n := range numbers {
		years = years && isYearNumber(n)
	}
	step := numbers[1] - numbers[0]
	for i := range numbers[1:] {
		if numbers[i+1]-numbers[i] != step {
			return false
		}
	}
	return step != 0 && years || step == 1 && (numbers[0] == 0 || numbers[0] == 1) && len(first.fields[0]) == 0
}

func isYear(b []byte) bool {
	n, ok := parseNumber(b)
	return ok && n.whole && isYearNumber(n.i)
}

func isYearNumber(n int64) bool { return 1000 <= n && n <= 2999 }

// columnSample is what the rows of a sample have in one column.
type columnSample struct {
	kind   kind // of three quarters of the values, kindText if there is no such
	values int  // that are not null
	texts  [][]byte
	quoted bool // one of them is
}

func columnOf(rows []record, i int) columnSample {
	c := columnSample{kind: kindText}
	var counts [kindText + 1]int
	for r := range rows[:min(len(rows), typedRows)] {
		row := &rows[r]
		is := row.kind(i)
		if is == kindNone {
			continue
		}
		c.values++
		counts[is]++
		c.texts = append(c.texts, row.fields[i])
		c.quoted = c.quoted || row.isQuoted(i)
	}
	for _, is := range []kind{kindNumber, kindBoolean, kindTime} {
		if counts[is]*4 >= c.values*3 && counts[is] > 0 {
			c.kind = is
		}
	}
	return c
}

// voteOfText says how much a text over a column of texts looks like its name. A column
// that has its name or nothing, as surveys with several answers have, says nothing.
func (c columnSample) voteOfText(name []byte) float64 {
	different := map[string]bool{}
	for _, text := range c.texts {
		different[string(text)] = true
	}
	again := different[string(name)]
	switch {
	case again && len(different) == 1:
		return 0
	case again, c.hasShapeOf(name):
		return nameAgain
	case len(different)*2 <= c.values && c.values >= 4:
		return nameOfClasses
	}
	return nameOfTexts
}

// hasShapeOf reports whether the text has digits, and most values have digits, letters and
// other characters in the same order: 10.0.0.1:80 is no name of 10.0.0.2:443.
func (c columnSample) hasShapeOf(text []byte) bool {
	shape, digits := shapeOf(text)
	if !digits {
		return false
	}
	same := 0
	for _, value := range c.texts {
		if other, _ := shapeOf(value); other == shape {
			same++
		}
	}
	return same*3 >= len(c.texts)*2
}

// shapeOf writes each run of digits as 9 and of letters as a, for the first twenty runs.
func shapeOf(text []byte) (shape [20]byte, digits bool) {
	n, last := 0, byte(0)
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			c, digits = '9', true
		case c >= 0x80 || 'a' <= c|0x20 && c|0x20 <= 'z':
			c = 'a'
		}
		if c == last && (c == '9' || c == 'a') {
			continue
		}
		if n == len(shape) {
			break
		}
		shape[n], last = c, c
		n++
	}
	return shape, digits
}

// isFarFrom reports whether no number of the column is within half and twice of a year.
func (c columnSample) isFarFrom(year []byte) bool {
	y, _ := parseNumber(year)
	for _, text := range c.texts {
		if n, ok := parseNumber(text); ok && n.f*2 > y.f && n.f < y.f*2 {
			return false
		}
	}
	return true
}

// couldBeName reports whether text looks like a name: 1,5 and 12:30 have digits and no
// letter, --- is a line.
func couldBeName(b []byte) bool {
	digits := false
	for _, c := range b {
		if c >= 0x80 || 'a' <= c|0x20 && c|0x20 <= 'z' {
			return true
		}
		digits = digits || '0' <= c && c <= '9'
	}
	return !digits && 0 < len(b) && len(b) <= 2
}

// units are what stands under a header and says how its columns are measured.
var units = func() map[string]bool {
	set := map[string]bool{}
	for _, unit := range bytes.Fields([]byte(`% ‰ ° °C °F K C F m mm cm km µm um nm g mg kg t l ml s sec ms us µs ns min h hr
		hrs d Pa hPa kPa MPa bar mbar psi V mV kV A mA W mW kW MW Wh kWh MWh Hz kHz MHz GHz J kJ N Nm ohm Ω
		m/s km/h mph rpm m2 m² m3 m³ ppm ppb dB lux lx mol € $ £ EUR USD GBP CHF JPY bytes MB GB UTC
		dd.mm.yyyy yyyy-mm-dd yyyy-MM-dd hh:mm hh:mm:ss HH:MM HH:MM:SS`)) {
		set[string(unit)] = true
	}
	return set
}()

// isUnits reports whether a row is a line of units: each field empty, a dash, in brackets
// or a unit, and one at least; or a line drawn under the header.
func isUnits(row *record) bool {
	some := false
	for _, field := range row.fields {
		n := len(field)
		switch {
		case n == 0 || string(field) == "-":
		case n > 1 && len(bytes.Trim(field, "-=:+")) == 0:
			some = true
		case n > 2 && (field[0] == '[' && field[n-1] == ']' || field[0] == '(' && field[n-1] == ')') && !isNumber(field[1:n-1]),
			units[string(field)]:
			some = true
		default:
			return false
		}
	}
	return some
}

// isDrawn reports whether a row is a line drawn under a header: of dashes alone, two at
// least in each field that is not empty.
func isDrawn(row *record) bool {
	some := false
	for _, field := range row.fields {
		if len(field) > 0 && (len(field) < 2 || len(bytes.Trim(field, "-=:+")) > 0) {
			return false
		}
		some = some || len(field) > 0
	}
	return some
}
