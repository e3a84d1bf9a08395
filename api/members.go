package api

import (
	"bytes"
	"encoding/json"
)

// members goes through the members of a JSON object that task.CanonicalJSON has passed:
// no space between tokens, no duplicate keys, nothing malformed. It reads only where the
// values begin and end.
type members struct{ rest []byte }

// membersOf returns the members of object; ok is false for any other value.
func membersOf(object []byte) (m members, ok bool) {
	if len(object) == 0 || object[0] != '{' {
		return m, false
	}
	return members{object[1:]}, true
}

// next returns the next key, without quotes, and its value. ok is false at the end.
func (m *members) next() (key, value []byte, ok bool) {
	if m.rest[0] == ',' {
		m.rest = m.rest[1:]
	}
	if m.rest[0] == '}' {
		return nil, nil, false
	}
	n := valueEnd(m.rest)
	key = m.rest[1 : n-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		key = []byte(unquote(m.rest[:n]))
	}
	m.rest = m.rest[n+1:] // and the colon
	n = valueEnd(m.rest)
	value, m.rest = m.rest[:n], m.rest[n:]
	return key, value, true
}

// items goes through the items of a canonical array in the same way.
type items struct{ rest []byte }

func itemsOf(array []byte) (it items, ok bool) {
	if len(array) == 0 || array[0] != '[' {
		return it, false
	}
	return items{array[1:]}, true
}

func (it *items) next() (value []byte, ok bool) {
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

// unquote returns the text of a canonical JSON string.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is canonical
	return s
}

// pointerTo finds a string in a canonical value and returns the JSON pointer to it.
func pointerTo(value []byte, text string) (string, bool) {
	if m, ok := membersOf(value); ok {
		for {
			key, inner, ok := m.next()
			if !ok {
				return "", false
			}
			if at, ok := pointerTo(inner, text); ok {
				return "/" + escapePointer(string(key)) + at, true
			}
		}
	}
	if it, ok := itemsOf(value); ok {
		for i := 0; ; i++ {
			inner, ok := it.next()
			if !ok {
				return "", false
			}
			if at, ok := pointerTo(inner, text); ok {
				return "/" + itoa(int64(i)) + at, true
			}
		}
	}
	return "", value[0] == '"' && unquote(value) == text
}

// escapePointer writes a key as a token of a JSON pointer (RFC 6901).
func escapePointer(key string) string {
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
