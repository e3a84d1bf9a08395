package jsontext

import (
	"encoding/hex"
	"strconv"
	"time"
)

// A Writer appends a JSON text to itself, without space. It puts the commas: a key or an item
// that follows a complete value gets one. A value follows the key or item it belongs to:
//
//	w.Object()
//	w.Key("tags").Strings(tags)
//	w.Key("priority").Int(5)
//	w.EndObject()
type Writer []byte

// Object begins an object.
func (w *Writer) Object() { *w = append(*w, '{') }

// EndObject ends an object.
func (w *Writer) EndObject() { *w = append(*w, '}') }

// Array begins an array.
func (w *Writer) Array() { *w = append(*w, '[') }

// EndArray ends an array.
func (w *Writer) EndArray() { *w = append(*w, ']') }

// Key appends the key of a member, in plain ASCII: it is not escaped.
func (w *Writer) Key(name string) *Writer {
	b := *w
	if n := len(b); n > 0 && b[n-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	*w = append(b, '"', ':')
	return w
}

// StringKey is Key for any text: it is escaped.
func (w *Writer) StringKey(name string) *Writer { return w.QuotedKey(AppendString(nil, name)) }

// QuotedKey is Key with the key as it is spelled, in its quotes.
func (w *Writer) QuotedKey(quoted []byte) *Writer {
	if b := *w; len(b) > 0 && b[len(b)-1] != '{' {
		*w = append(b, ',')
	}
	*w = append(append(*w, quoted...), ':')
	return w
}

// Item begins an item of an array.
func (w *Writer) Item() *Writer {
	if b := *w; len(b) > 0 && b[len(b)-1] != '[' {
		*w = append(b, ',')
	}
	return w
}

// Null appends null.
func (w *Writer) Null() { *w = append(*w, "null"...) }

// Raw appends a value that is JSON already; an empty one is null.
func (w *Writer) Raw(value []byte) {
	if len(value) == 0 {
		w.Null()
		return
	}
	*w = append(*w, value...)
}

// String appends a string. Invalid UTF-8 becomes U+FFFD.
func (w *Writer) String(s string) { *w = AppendString(*w, s) }

// EscapedString appends a string as AppendEscapedString does.
func (w *Writer) EscapedString(s string) { *w = AppendEscapedString(*w, s) }

// OptionalString appends a string; "" is null.
func (w *Writer) OptionalString(s string) {
	if s == "" {
		w.Null()
		return
	}
	w.String(s)
}

// Strings appends an array of strings.
func (w *Writer) Strings(list []string) {
	w.Array()
	for _, s := range list {
		w.Item().String(s)
	}
	w.EndArray()
}

// Quoted appends plain ASCII in quotes: it is not escaped.
func (w *Writer) Quoted(ascii []byte) {
	b := append(*w, '"')
	b = append(b, ascii...)
	*w = append(b, '"')
}

// Hex appends bytes as a string of lower-case hex digits.
func (w *Writer) Hex(bytes []byte) {
	b := append(*w, '"')
	b = hex.AppendEncode(b, bytes)
	*w = append(b, '"')
}

// Int appends a whole number.
func (w *Writer) Int(n int64) { *w = strconv.AppendInt(*w, n, 10) }

// Hundredths appends hundredths as a number: 3312 is 33.12.
func (w *Writer) Hundredths(n int) { *w = AppendHundredths(*w, n) }

// Float writes a finite number in its shortest form.
func (w *Writer) Float(f float64) { *w = strconv.AppendFloat(*w, f, 'f', -1, 64) }

// Bool appends true or false.
func (w *Writer) Bool(is bool) { *w = strconv.AppendBool(*w, is) }

// Seconds appends a span of microseconds as a number of seconds.
func (w *Writer) Seconds(micros int64) { *w = AppendSeconds(*w, micros) }

// OptionalSeconds appends a span of microseconds as a number of seconds; 0 is null.
func (w *Writer) OptionalSeconds(micros int64) {
	if micros == 0 {
		w.Null()
		return
	}
	w.Seconds(micros)
}

// Time appends a time, in microseconds since the epoch, as AppendTime writes it.
func (w *Writer) Time(micros int64) {
	b := AppendTime(append(*w, '"'), micros)
	*w = append(b, '"')
}

// OptionalTime appends a time, in microseconds since the epoch; 0 is null.
func (w *Writer) OptionalTime(micros int64) {
	if micros == 0 {
		w.Null()
		return
	}
	w.Time(micros)
}

// AppendSeconds appends a span of microseconds as a number of seconds.
func AppendSeconds(dst []byte, micros int64) []byte {
	return strconv.AppendFloat(dst, float64(micros)/1e6, 'f', -1, 64)
}

// AppendTime appends a time, in microseconds since the epoch, as 2026-11-24T12:00:00.000000Z.
// Package time has a fast path for RFC 3339, but none for a fixed number of decimals.
func AppendTime(dst []byte, micros int64) []byte {
	dst = time.UnixMicro(micros).UTC().AppendFormat(dst, time.RFC3339)
	dst[len(dst)-1] = '.'
	fraction := ((micros % 1e6) + 1e6) % 1e6
	for unit := int64(100_000); unit > 0; unit /= 10 {
		dst = append(dst, '0'+byte(fraction/unit%10))
	}
	return append(dst, 'Z')
}

// AppendHundredths appends hundredths as a number: 3312 is 33.12. n is not negative.
func AppendHundredths(dst []byte, n int) []byte {
	dst = strconv.AppendInt(dst, int64(n/100), 10)
	if rest := n % 100; rest != 0 {
		dst = append(dst, '.', byte('0'+rest/10))
		if rest%10 != 0 {
			dst = append(dst, byte('0'+rest%10))
		}
	}
	return dst
}
