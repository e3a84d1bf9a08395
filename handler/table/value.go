package table

// trim drops blanks on both sides.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// DefaultNulls are the values that stand for "nothing", beside empty ones: those of
// databases, statistics packages and spreadsheets, and the errors of spreadsheets.
var DefaultNulls = []string{
	"NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "#N/A N/A", "null", "NULL", "Null", "(null)", "None", `\N`,
	"NaN", "nan", "NAN", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
	"#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!",
}

var defaultNulls = nullSet(DefaultNulls)

// nulls are the values that stand for "nothing".
type nulls struct {
	values  map[string]bool
	lengths [256]uint64 // for each byte that one begins with, a bit for each length, the last for all from 63 on
}

func nullSet(values []string) *nulls {
	n := &nulls{values: make(map[string]bool, len(values))}
	for _, v := range values {
		if v == "" {
			continue
		}
		n.values[v] = true
		n.lengths[v[0]] |= 1 << min(len(v), 63)
	}
	return n
}

// has reports whether a trimmed value stands for "nothing".
func (n *nulls) has(b []byte) bool {
	return len(b) == 0 || n.lengths[b[0]]&(1<<min(len(b), 63)) != 0 && n.values[string(b)]
}

// isBoolean reports whether a trimmed value is true, false, yes or no, in any case.
func isBoolean(b []byte) bool {
	switch len(b) {
	case 2:
		return b[0]|0x20 == 'n' && b[1]|0x20 == 'o'
	case 3:
		return b[0]|0x20 == 'y' && b[1]|0x20 == 'e' && b[2]|0x20 == 's'
	case 4:
		return b[0]|0x20 == 't' && b[1]|0x20 == 'r' && b[2]|0x20 == 'u' && b[3]|0x20 == 'e'
	case 5:
		return b[0]|0x20 == 'f' && b[1]|0x20 == 'a' && b[2]|0x20 == 'l' && b[3]|0x20 == 's' && b[4]|0x20 == 'e'
	}
	return false
}

// kind is what all values of a column can be read as.
type kind uint8

const (
	kindNone kind = iota // no value yet
	kindNumber
	kindBoolean
	kindTime
	kindText
)

// kindOf is the narrowest kind of one trimmed value that is not null, with numbers in any
// format.
func kindOf(b []byte) kind {
	if isNumber(b) {
		return kindNumber
	}
	if isBoolean(b) {
		return kindBoolean
	}
	if isTime(b) {
		return kindTime
	}
	return kindText
}

func isTime(b []byte) bool {
	for _, parse := range timeFormats {
		if _, ok := parse(b); ok {
			return true
		}
	}
	return false
}
