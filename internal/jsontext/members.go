package jsontext

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
)

// What follows reads canonical text and checks nothing again. Any other text is read without a
// panic; what is found in it is not defined.

// IsObject reports whether the value is an object.
func IsObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }

// IsArray reports whether the value is an array.
func IsArray(value []byte) bool { return len(value) > 0 && value[0] == '[' }

// IsNull reports whether the value is null.
func IsNull(value []byte) bool { return value[0] == 'n' }

// IsNumber reports whether the value is a number.
func IsNumber(value []byte) bool { return value[0] == '-' || '0' <= value[0] && value[0] <= '9' }

// Members iterates over the keys, without quotes, and the values of an object; over nothing in
// any other value.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for key, value := range QuotedMembers(object) {
			if bytes.IndexByte(key, '\\') >= 0 {
				key = []byte(Unquote(key))
			} else {
				key = key[1 : len(key)-1]
			}
			if !yield(key, value) {
				return
			}
		}
	}
}

// QuotedMembers is Members with the keys as they are spelled, in their quotes.
func QuotedMembers(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if !IsObject(object) {
			return
		}
		for rest := object[1:]; len(rest) > 0 && rest[0] != '}'; rest = afterComma(rest) {
			n := valueEnd(rest)
			key := rest[:n]
			if n < 2 || key[0] != '"' || n == len(rest) {
				return
			}
			rest = rest[n+1:] // after the colon
			n = valueEnd(rest)
			if n == 0 || !yield(key, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Items iterates over the items of an array; over nothing in any other value.
func Items(array []byte) iter.Seq[[]byte] {
	return func(yield func(item []byte) bool) {
		if !IsArray(array) {
			return
		}
		for rest := array[1:]; len(rest) > 0 && rest[0] != ']'; rest = afterComma(rest) {
			n := valueEnd(rest)
			if n == 0 || !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

func afterComma(rest []byte) []byte {
	if len(rest) > 0 && rest[0] == ',' {
		return rest[1:]
	}
	return rest
}

// valueEnd is the length of the value that b begins with.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of what a number or word stands in
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// stringEnd is the index of the quote that ends the string which begins at i.
func stringEnd(b []byte, i int) int {
	for from := i + 1; ; {
		n := bytes.IndexByte(b[from:], '"')
		if n < 0 {
			return len(b) - 1
		}
		end := from + n
		before := end - 1
		for before > i && b[before] == '\\' {
			before--
		}
		if (end-before)%2 == 1 { // an even number of backslashes
			return end
		}
		from = end + 1
	}
}

// Unquote returns the text of a string.
func Unquote(quoted []byte) string {
	if len(quoted) < 2 {
		return ""
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is canonical
	return s
}

// PointerTo finds a string in a value and returns the JSON pointer to it.
func PointerTo(value []byte, text string) (string, bool) {
	for key, inner := range Members(value) {
		if at, ok := PointerTo(inner, text); ok {
			return "/" + EscapePointer(string(key)) + at, true
		}
	}
	i := 0
	for inner := range Items(value) {
		if at, ok := PointerTo(inner, text); ok {
			return "/" + strconv.Itoa(i) + at, true
		}
		i++
	}
	return "", value[0] == '"' && Unquote(value) == text
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// EscapePointer writes a key as a token of a JSON pointer (RFC 6901).
func EscapePointer(key string) string { return pointerEscaper.Replace(key) }

var pointerUnescaper = strings.NewReplacer("~1", "/", "~0", "~")

// At returns the value to which a JSON pointer leads, false if there is none.
func At(value []byte, pointer string) ([]byte, bool) {
	for pointer != "" {
		if pointer[0] != '/' {
			return nil, false
		}
		token, rest, more := strings.Cut(pointer[1:], "/")
		if pointer = ""; more {
			pointer = "/" + rest
		}
		var found bool
		if value, found = step(value, pointerUnescaper.Replace(token)); !found {
			return nil, false
		}
	}
	return value, true
}

// step returns the member or the item of a value that a token of a pointer names.
func step(value []byte, token string) ([]byte, bool) {
	for key, inner := range Members(value) {
		if string(key) == token {
			return inner, true
		}
	}
	i := 0
	for inner := range Items(value) {
		if strconv.Itoa(i) == token {
			return inner, true
		}
		i++
	}
	return nil, false
}
