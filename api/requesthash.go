package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// RequestHash is SHA-256 of what the client asked for: its own fields in the form of
// RFC 8785, without the idempotency key, before any default. So two spellings of one
// request, as "é" and "\u00e9" or 1 and 1.0, have the same hash.
//
// A number that a float64 cannot hold is not rounded, as RFC 8785 would have it, but
// written with all its digits: 9007199254740993 and …992 are two requests.
func RequestHash(body []byte) [32]byte { return hashOf(body, "idempotency_key", appendNormal) }

// spellingHash is the hash of the same request as its client spelled it. Tasks that
// earlier versions wrote have it.
func spellingHash(body []byte) [32]byte {
	return hashOf(body, "idempotency_key", func(dst, value []byte) []byte { return append(dst, value...) })
}

func hashOf(body []byte, without string, leaf func(dst, value []byte) []byte) [32]byte {
	buffer := borrow()
	defer giveBack(buffer)
	*buffer = appendSorted((*buffer)[:0], body, without, leaf)
	return sha256.Sum256(*buffer)
}

// appendSorted appends a canonical value with the keys of all its objects in order and
// what is no array or object as leaf writes it. The member without of the outermost
// object is left out; "" = none.
func appendSorted(dst, value []byte, without string, leaf func(dst, value []byte) []byte) []byte {
	if m, ok := membersOf(value); ok {
		return appendSortedObject(dst, m, without, leaf)
	}
	it, ok := itemsOf(value)
	if !ok {
		return leaf(dst, value)
	}
	dst = append(dst, '[')
	for first := true; ; first = false {
		item, ok := it.next()
		if !ok {
			return append(dst, ']')
		}
		if !first {
			dst = append(dst, ',')
		}
		dst = appendSorted(dst, item, "", leaf)
	}
}

func appendSortedObject(dst []byte, m members, without string, leaf func(dst, value []byte) []byte) []byte {
	type member struct{ key, value []byte }
	var all []member
	for {
		key, value, ok := m.next()
		if !ok {
			break
		}
		if without == "" || string(key) != without {
			all = append(all, member{key, value})
		}
	}
	slices.SortFunc(all, func(a, b member) int { return compareUTF16(a.key, b.key) })
	dst = append(dst, '{')
	for i, one := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, string(one.key))
		dst = append(dst, ':')
		dst = appendSorted(dst, one.value, "", leaf)
	}
	return append(dst, '}')
}

// compareUTF16 orders keys as RFC 8785 does: by their UTF-16 code units, in which what
// lies above U+FFFF comes before U+E000 to U+FFFF.
func compareUTF16(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if n == len(a) || n == len(b) {
		return cmp.Compare(len(a), len(b))
	}
	for n > 0 && !utf8.RuneStart(a[n]) {
		n--
	}
	ra, _ := utf8.DecodeRune(a[n:])
	rb, _ := utf8.DecodeRune(b[n:])
	return slices.Compare(utf16.AppendRune(nil, ra), utf16.AppendRune(nil, rb))
}

// appendNormal appends a canonical string, number or word in its one spelling.
func appendNormal(dst, value []byte) []byte {
	switch c := value[0]; {
	case c == '"' && bytes.IndexByte(value, '\\') >= 0:
		return appendText(dst, unquote(value))
	case c == '-' || '0' <= c && c <= '9':
		return appendNormalNumber(dst, string(value))
	}
	return append(dst, value...)
}

// appendNormalNumber appends a JSON number as ECMAScript writes the float64 next to it,
// if that is the very same number, and else as its digits and exponent: "-123e-4".
func appendNormalNumber(dst []byte, number string) []byte {
	exact := decimalOf(number)
	if f, err := strconv.ParseFloat(number, 64); err == nil {
		if short := appendES6(nil, f); decimalOf(string(short)) == exact {
			return append(dst, short...)
		}
	}
	return append(dst, exact...)
}

// appendES6 appends f as ECMAScript's Number::toString does.
func appendES6(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0') // negative zero too
	}
	if size := math.Abs(f); 1e-6 <= size && size < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64) // the exponent has two digits at least
	text = strings.Replace(text, "e-0", "e-", 1)
	return append(dst, strings.Replace(text, "e+0", "e+", 1)...)
}

// decimalOf writes a JSON number as an integer without zeros at its ends and a power of
// ten: "15e-1" for 1.50; "0" for every zero. An exponent that is out of all bounds is
// left as it was spelled.
func decimalOf(number string) string {
	digits, sign := number, ""
	if digits[0] == '-' {
		digits, sign = digits[1:], "-"
	}
	digits, power, _ := strings.Cut(strings.ToLower(digits), "e")
	exponent := 0
	if power != "" {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || max(exponent, -exponent) > math.MaxInt32 {
			return number
		}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	return sign + short + "e" + strconv.Itoa(exponent+len(digits)-len(short))
}
