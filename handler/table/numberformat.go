package table

import (
	"bytes"
	"strings"
)

// numberFormat is how numbers are written.
type numberFormat struct {
	decimal   byte   // '.' or ','
	thousands string // between groups of three digits: "", ".", ",", " ", "'" or "_"
}

var plainFormat = numberFormat{decimal: '.'}

// numberFormats are tried in this order.
var numberFormats = []numberFormat{
	plainFormat, {',', ""}, {',', "."}, {'.', ","}, {',', " "}, {'.', " "}, {'.', "'"}, {',', "'"},
}

// longestNumber is the most bytes of a number that is not in the plain format.
const longestNumber = 64

// parse reads a number in the format.
func (f numberFormat) parse(b []byte) (parsed, bool) {
	if f.thousands == "" && f.decimal == '.' {
		return parseNumber(b)
	}
	var space [longestNumber]byte
	plain, ok := f.toPlain(space[:0], b)
	if !ok {
		return parsed{}, false
	}
	return parseNumber(plain)
}

// toPlain appends the number without separators of thousands and with a point.
func (f numberFormat) toPlain(plain, b []byte) ([]byte, bool) {
	if len(b) == 0 || len(b) > longestNumber {
		return nil, false
	}
	if b[0] == '-' || b[0] == '+' {
		plain, b = append(plain, b[0]), b[1:]
	}
	run, groups := 0, 0 // digits since the last separator, and separators
	for len(b) > 0 {
		c := b[0]
		if c-'0' <= 9 {
			plain, b, run = append(plain, c), b[1:], run+1
			continue
		}
		n := f.separatorAt(b)
		if n == 0 {
			break
		}
		if run == 0 || run > 3 || groups > 0 && run != 3 {
			return nil, false
		}
		b, run, groups = b[n:], 0, groups+1
	}
	if groups > 0 && run != 3 {
		return nil, false
	}
	for i, c := range b {
		switch {
		case i == 0 && c == f.decimal:
			c = '.'
		case c-'0' > 9 && c != 'e' && c != 'E' && c != '-' && c != '+':
			return nil, false
		}
		plain = append(plain, c)
	}
	return plain, true
}

// separatorAt returns the length of the separator of thousands that b starts with, 0 for
// none. A space may be any of those that do not break a line, an apostrophe a typographic one.
func (f numberFormat) separatorAt(b []byte) int {
	switch {
	case f.thousands == "":
		return 0
	case b[0] == f.thousands[0]:
		return 1
	case f.thousands == " " && bytes.HasPrefix(b, []byte("\u00a0")):
		return len("\u00a0")
	case f.thousands == " " && bytes.HasPrefix(b, []byte("\u202f")):
		return len("\u202f")
	case f.thousands == "'" && bytes.HasPrefix(b, []byte("\u2019")):
		return len("\u2019")
	}
	return 0
}

// provedBy reports whether the number, which the format reads, is hard to read otherwise:
// 1,234 may be both 1234 and 1.234, but 1,5 and 0,125 have a decimal comma and 1,234.5 and
// 1,234,567 have commas between thousands.
func (f numberFormat) provedBy(b []byte) bool {
	text := strings.Trim(string(b), "+-()")
	if f.thousands != "" {
		groups := 0
		for i := range text {
			if f.separatorAt([]byte(text[i:])) > 0 {
				groups++
			}
		}
		return groups > 1 || groups == 1 && (f.thousands == "'" || strings.IndexByte(text, f.decimal) >= 0 || len(text) > len("000 000"))
	}
	at := strings.IndexByte(text, f.decimal)
	return at >= 0 && (len(text)-at-1 != 3 || at == 0 || at > 3 || text[0] == '0')
}

// isNumber reports whether any format reads the value.
func isNumber(b []byte) bool {
	if _, ok := parseNumber(b); ok {
		return true
	}
	if len(b) == 0 || len(b) > longestNumber || bytes.IndexByte(b, ',') < 0 && bytes.IndexByte(b, '.') < 0 &&
		bytes.IndexByte(b, ' ') < 0 && bytes.IndexByte(b, '\'') < 0 && b[len(b)-1] < 0x80 {
		return false
	}
	for _, f := range numberFormats[1:] {
		if _, ok := f.parse(b); ok {
			return true
		}
	}
	return false
}

// isInfinite reports whether a value is an infinity, as C, Java and Excel write it.
func isInfinite(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	if len(b) == 0 || b[0] != 'i' && b[0] != 'I' && b[0] != '1' && b[0] != "∞"[0] {
		return false
	}
	return bytes.EqualFold(b, []byte("inf")) || bytes.EqualFold(b, []byte("infinity")) ||
		string(b) == "∞" || bytes.EqualFold(b, []byte("1.#inf"))
}

// detectFormat returns the format that reads most columns of the sample, of those that
// some value proves; a column that has some texts among its numbers counts half. columns are
// the values of each that are not null. doubtful are the columns that are left as text
// though another format reads all of their values.
func detectFormat(columns [][][]byte, given Options) (best numberFormat, doubtful []int) {
	reads := make([][]bool, len(numberFormats))
	provedMarks := map[byte]bool{} // decimal marks
	proved := make([]bool, len(numberFormats))
	counts := make([]int, len(numberFormats))
	for i, f := range numberFormats {
		reads[i] = make([]bool, len(columns))
		proved[i] = i == 0
		for c, values := range columns {
			read, proof := f.readsMost(values)
			reads[i][c] = read == allRead
			if f.thousands == "" && proof && read != fewRead {
				provedMarks[f.decimal] = true
			}
			proved[i] = proved[i] || proof && read != fewRead
			counts[i] += int(read)
		}
	}
	most := -1
	for i, f := range numberFormats {
		// A mark that is proved to be decimal leaves the other for thousands.
		proved := proved[i] || isOtherMark(f) && provedMarks[f.decimal] && !provedMarks[f.thousands[0]]
		switch {
		case given.Decimal != "" && given.Decimal[0] != f.decimal:
		case given.Thousands != nil && *given.Thousands != f.thousands:
		case given.Decimal == "" && !proved || given.Thousands == nil && f.thousands != "" && !proved:
		case counts[i] > most:
			best, most = f, counts[i]
		}
	}
	if most < 0 { // one that is only given
		best = givenFormat(given)
	}
	for c, values := range columns {
		ok, _ := readsAll(best, values)
		for i := 0; !ok && i < len(numberFormats); i++ {
			if reads[i][c] {
				doubtful = append(doubtful, c)
				break
			}
		}
	}
	return best, doubtful
}

// givenFormat is the format of the options, where they leave it open the plain one.
func givenFormat(o Options) numberFormat {
	f := plainFormat
	if o.Thousands != nil {
		f.thousands = *o.Thousands
	}
	if o.Decimal != "" {
		f.decimal = o.Decimal[0]
	} else if f.thousands == "." {
		f.decimal = ','
	}
	return f
}

// readsAll reports whether the format reads all of the values, one at least, and whether
// one of them proves it.
func readsAll(f numberFormat, values [][]byte) (ok, proof bool) {
	share, proof := f.readsMost(values)
	return share == allRead, proof && share == allRead
}

// isOtherMark reports whether the format has the one of . and , for thousands that is not
// its decimal mark.
func isOtherMark(f numberFormat) bool {
	return f.thousands == "," && f.decimal == '.' || f.thousands == "." && f.decimal == ','
}

// How many of the values of a column a format reads.
type readShare int

const (
	fewRead  readShare = iota
	halfRead           // and more
	allRead
)

// readsMost says how many of the values the format reads, and whether one of them proves it.
func (f numberFormat) readsMost(values [][]byte) (share readShare, proof bool) {
	numbers, infinite, accounting := 0, 0, 0
	for _, b := range values {
		_, negative, read := f.read(b)
		switch {
		case read:
			numbers++
			proof = proof || f.provedBy(b)
			if negative {
				accounting++
			}
		case isInfinite(b):
			infinite++
		}
	}
	switch {
	case numbers == 0 || accounting*4 > numbers*3:
		return fewRead, false
	case numbers+infinite == len(values):
		return allRead, proof
	case (numbers+infinite)*2 >= len(values):
		return halfRead, proof
	}
	return fewRead, false
}

// mayBeThousands reports whether all values, which the plain format reads, are whole
// numbers if their points stand between thousands, and one has such a point.
func mayBeThousands(values [][]byte) bool {
	some := false
	for _, b := range values {
		whole, fraction, point := bytes.Cut(bytes.Trim(b, "+-()"), []byte("."))
		if len(whole) > 3 || point && (len(fraction) != 3 || len(whole) == 0 || whole[0] == '0') || isInfinite(b) {
			return false
		}
		some = some || point
	}
	return some
}
