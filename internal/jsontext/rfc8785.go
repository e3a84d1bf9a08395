package jsontext

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendRFC8785 appends the value in the form of RFC 8785, in which two spellings of one
// value, as "é" and "\u00e9" or 1 and 1.0, are the same text.
//
// A number that a float64 cannot hold is not rounded, as RFC 8785 would have it, but
// written with all its digits: 9007199254740993 and …992 are two values.
func AppendRFC8785(dst, value []byte) []byte { return appendSorted(dst, value, appendNormal) }

// AppendSorted appends the value with the keys of all its objects in the order of RFC 8785, and
// its strings and numbers as they are spelled.
func AppendSorted(dst, value []byte) []byte {
	return appendSorted(dst, value, func(dst, value []byte) []byte { return append(dst, value...) })
}

// appendSorted appends a value with the keys of all its objects in order and what is no array
// or object as leaf writes it.
func appendSorted(dst, value []byte, leaf func(dst, value []byte) []byte) []byte {
	if IsObject(value) {
		return appendSortedObject(dst, value, leaf)
	}
	if !IsArray(value) {
		return leaf(dst, value)
	}
	w := Writer(dst)
	w.Array()
	for item := range Items(value) {
		w.Item()
		w = appendSorted(w, item, leaf)
	}
	w.EndArray()
	return w
}

func appendSortedObject(dst, object []byte, leaf func(dst, value []byte) []byte) []byte {
	type member struct{ key, value []byte }
	var all []member
	for key, value := range Members(object) {
		all = append(all, member{key, value})
	}
	slices.SortFunc(all, func(a, b member) int { return compareUTF16(a.key, b.key) })
	dst = append(dst, '{')
	for i, one := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, string(one.key))
		dst = append(dst, ':')
		dst = appendSorted(dst, one.value, leaf)
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
		return AppendString(dst, Unquote(value))
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
