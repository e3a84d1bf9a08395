package handler

import (
	"strconv"
	"unicode/utf8"
)

// accepts reports whether a canonical object is certainly valid, and which properties it has.
func (q *quick) accepts(object []byte) (seen uint64, ok bool) {
	if len(object) == 0 || object[0] != '{' {
		return 0, false
	}
	seen, end := q.object.members(object, 0)
	return seen, end == len(object)
}

// accepts returns the end of the value that starts at at, −1 if it may be invalid.
func (s *quickSchema) accepts(text []byte, at int) int {
	if s == nil || at >= len(text) {
		return -1
	}
	kind := kindOf(text[at])
	if s.kinds&kind == 0 || s.words != nil && kind != kindText {
		return -1
	}
	switch kind {
	case kindText:
		return s.word(text, at)
	case kindNumber:
		return s.number(text, at)
	case kindList:
		return s.list(text, at)
	case kindObject:
		_, end := s.members(text, at)
		return end
	case kindBoolean:
		if text[at] == 'f' {
			return at + len("false")
		}
	}
	return at + len("true") // as long as null
}

// kindOf is the kind of the value that begins with c.
func kindOf(c byte) kinds {
	switch c {
	case '"':
		return kindText
	case '{':
		return kindObject
	case '[':
		return kindList
	case 't', 'f':
		return kindBoolean
	case 'n':
		return kindNull
	}
	return kindNumber
}

// members returns which properties the object that starts at at has, and its end.
func (s *quickSchema) members(text []byte, at int) (seen uint64, end int) {
	for at++; at < len(text) && text[at] != '}'; {
		if text[at] == ',' {
			at++
		}
		end, plain := textEnd(text, at)
		if !plain || end >= len(text) {
			return 0, -1
		}
		value := s.others
		if p, ok := s.properties[string(text[at+1:end-1])]; ok {
			value, seen = p.schema, seen|p.bit
		}
		if at = value.accepts(text, end+1); at < 0 {
			return 0, -1
		}
	}
	if seen&s.required != s.required {
		return 0, -1
	}
	return seen, at + 1
}

func (s *quickSchema) list(text []byte, at int) int {
	n := 0
	for at++; at < len(text) && text[at] != ']'; n++ {
		if text[at] == ',' {
			at++
		}
		if at = s.items.accepts(text, at); at < 0 {
			return -1
		}
	}
	if !s.count.has(float64(n)) {
		return -1
	}
	return at + 1
}

func (s *quickSchema) number(text []byte, at int) int {
	end, whole := plainNumberEnd(text, at)
	if end < 0 || !whole && s.kinds&kindFraction == 0 {
		return -1
	}
	if s.size == all {
		return end
	}
	f, err := strconv.ParseFloat(string(text[at:end]), 64)
	if err != nil || !s.size.has(f) {
		return -1
	}
	return end
}

func (s *quickSchema) word(text []byte, at int) int {
	end, plain := textEnd(text, at)
	if s.words == nil && s.length == all {
		return end
	}
	if !plain {
		return -1
	}
	word := text[at+1 : end-1]
	if !s.length.has(float64(utf8.RuneCount(word))) || s.words != nil && !s.words[string(word)] {
		return -1
	}
	return end
}

// textEnd returns the index after a string, and whether the string has no escapes.
func textEnd(text []byte, at int) (end int, plain bool) {
	plain = true
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, plain
		case '\\':
			plain = false
			i++
		}
	}
	return len(text), false
}

// plainNumberEnd returns the index after a number without exponent and with at most 15
// digits, which float64 compares correctly; −1 for any other.
func plainNumberEnd(text []byte, at int) (end int, whole bool) {
	whole = true
	end = at
	for ; end < len(text); end++ {
		switch c := text[end]; {
		case '0' <= c && c <= '9', c == '-' && end == at:
		case c == '.':
			whole = false
		case c == ',' || c == '}' || c == ']':
			if end == at || end-at > 15 {
				return -1, false
			}
			return end, whole
		default:
			return -1, false
		}
	}
	return -1, false
}
