// Package canonical reads and writes JSON that task.CanonicalJSON has passed: no space
// between tokens, no duplicate keys, nothing malformed. It checks nothing again; what it does
// with any other text is not defined.
package canonical

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Members goes through the members of an object. It reads only where the values begin and end.
type Members struct{ rest []byte }

// MembersOf returns the members of object; ok is false for any other value.
func MembersOf(object []byte) (m Members, ok bool) {
	if len(object) == 0 || object[0] != '{' {
		return m, false
	}
	return Members{object[1:]}, true
}

// Next returns the next key, without quotes, and its value. ok is false at the end.
func (m *Members) Next() (key, value []byte, ok bool) {
	key, value, ok = m.NextQuoted()
	switch {
	case !ok:
		return nil, nil, false
	case bytes.IndexByte(key, '\\') >= 0:
		return []byte(Unquote(key)), value, true
	}
	return key[1 : len(key)-1], value, true
}

// NextQuoted is Next with the key as it is spelled, in its quotes.
func (m *Members) NextQuoted() (key, value []byte, ok bool) {
	if m.rest[0] == ',' {
		m.rest = m.rest[1:]
	}
	if m.rest[0] == '}' {
		return nil, nil, false
	}
	n := valueEnd(m.rest)
	key = m.rest[:n]
	m.rest = m.rest[n+1:] // and the colon
	n = valueEnd(m.rest)
	value, m.rest = m.rest[:n], m.rest[n:]
	return key, value, true
}

// Items goes through the items of an array in the same way.
type Items struct{ rest []byte }

// ItemsOf returns the items of array; ok is false for any other value.
func ItemsOf(array []byte) (it Items, ok bool) {
	if len(array) == 0 || array[0] != '[' {
		return it, false
	}
	return Items{array[1:]}, true
}

// Next returns the next item. ok is false at the end.
func (it *Items) Next() (value []byte, ok bool) {
	if it.rest[0] == ',' {
		it.rest = it.rest[1:]
	}
	if it.rest[0] == ']' {
		return nil, false
	}
	n := valueEnd(it.rest)
	value, it.rest = it.rest[:n], it.rest[n:]
	return value, true
}

// IsNull reports whether the value is null.
func IsNull(value []byte) bool { return value[0] == 'n' }

// IsNumber reports whether the value is a number.
func IsNumber(value []byte) bool { return value[0] == '-' || '0' <= value[0] && value[0] <= '9' }

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
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(b) - 1
}

// Unquote returns the text of a string.
func Unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is canonical
	return s
}

// PointerTo finds a string in a value and returns the JSON pointer to it.
func PointerTo(value []byte, text string) (string, bool) {
	if m, ok := MembersOf(value); ok {
		for {
			key, inner, ok := m.Next()
			if !ok {
				return "", false
			}
			if at, ok := PointerTo(inner, text); ok {
				return "/" + EscapePointer(string(key)) + at, true
			}
		}
	}
	if it, ok := ItemsOf(value); ok {
		for i := 0; ; i++ {
			inner, ok := it.Next()
			if !ok {
				return "", false
			}
			if at, ok := PointerTo(inner, text); ok {
				return "/" + strconv.Itoa(i) + at, true
			}
		}
	}
	return "", value[0] == '"' && Unquote(value) == text
}

// EscapePointer writes a key as a token of a JSON pointer (RFC 6901).
func EscapePointer(key string) string {
	out := make([]byte, 0, len(key))
	for i := 0; i < len(key); i++ {
		switch key[i] {
		case '~':
			out = append(out, "~0"...)
		case '/':
			out = append(out, "~1"...)
		default:
			out = append(out, key[i])
		}
	}
	return string(out)
}
