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

// isNull tells whether a trimmed value stands for "nothing".
func isNull(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 2:
		return b[0] == 'N' && b[1] == 'A'
	case 3:
		switch string(b) {
		case "N/A", "n/a", "NaN", "nan", "NAN":
			return true
		}
	case 4:
		switch string(b) {
		case "null", "NULL", "Null", "None", "#N/A":
			return true
		}
	}
	return false
}

// isBoolean tells whether a trimmed value is true, false, yes or no, in any case.
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

// kindOf is the narrowest kind of one trimmed value that is not null.
func kindOf(b []byte) kind {
	if _, ok := parseNumber(b); ok {
		return kindNumber
	}
	if isBoolean(b) {
		return kindBoolean
	}
	for _, parse := range timeFormats {
		if _, ok := parse(b); ok {
			return kindTime
		}
	}
	return kindText
}
