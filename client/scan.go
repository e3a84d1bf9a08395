package client

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// scan reads JSON in the plain form that the server writes. It takes nothing that is no
// JSON, and gives what encoding/json gives. Where it does not know what that is, odd is
// set: then encoding/json must decide, and what was read is void.
type scan struct {
	text []byte
	at   int
	odd  bool
}

// deepest is how many objects and arrays may lie in each other before a text is odd.
const deepest = 100

// peek is the next byte; 0 at the end, or when the text is odd.
func (s *scan) peek() byte {
	if s.odd || s.at >= len(s.text) {
		return 0
	}
	return s.text[s.at]
}

// take steps over c, which must come next.
func (s *scan) take(c byte) {
	if s.peek() != c {
		s.odd = true
		return
	}
	s.at++
}

// word steps over w if it comes next.
func (s *scan) word(w string) bool {
	if s.odd || len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

// null steps over null if it comes next.
func (s *scan) null() bool { return s.peek() == 'n' && s.word("null") }

// more steps over a comma, or over the end of an object or array, and tells which it was.
func (s *scan) more(end byte) bool {
	if s.peek() == ',' {
		s.at++
		return true
	}
	s.take(end)
	return false
}

// space steps over white space.
func (s *scan) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// key reads the name of a member and the colon. A name that may be another way to write
// a known one is odd: encoding/json does not look at the case of letters.
func (s *scan) key() []byte {
	s.take('"')
	start := s.at
	for s.at < len(s.text) && (isLower(s.text[s.at]) || s.text[s.at] == '_') {
		s.at++
	}
	name := s.text[start:s.at]
	s.take('"')
	s.take(':')
	return name
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// quoted steps over a string and returns what is between the quotes. plain tells that it
// stands for itself.
func (s *scan) quoted() (inside []byte, plain bool) {
	s.take('"')
	start, plain, high := s.at, true, byte(0)
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			inside = s.text[start:s.at]
			s.at++
			return inside, plain && (high < utf8.RuneSelf || utf8.Valid(inside))
		case c == '\\':
			plain = false
			s.escape()
		case c < ' ':
			s.odd = true
			return nil, false
		default:
			high |= c
			s.at++
		}
		if s.odd {
			return nil, false
		}
	}
	s.odd = true
	return nil, false
}

// escape steps over a backslash and what belongs to it.
func (s *scan) escape() {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
	case 'u':
		s.at++
		for range 4 {
			if c := s.peek(); !isDigit(c) && (c|0x20 < 'a' || 'f' < c|0x20) {
				s.odd = true
				return
			}
			s.at++
		}
	default:
		s.odd = true
	}
}

// words reads a string; null leaves what is there.
func (s *scan) words(to *string) {
	if s.null() {
		return
	}
	start := s.at
	inside, plain := s.quoted()
	switch {
	case s.odd:
	case plain:
		*to = kept(inside)
	default:
		s.odd = json.Unmarshal(s.text[start:s.at], to) != nil
	}
}

// kept is text as a string of its own, which takes no memory for what comes all the time.
func kept(text []byte) string {
	for _, w := range usual {
		if string(text) == w {
			return w
		}
	}
	return string(text)
}

var usual = [...]string{string(Pending), string(Running), string(Success), "default", "capacity", "run_at", "backoff"}

// list reads an array of strings into a nil slice; null leaves it nil.
func (s *scan) list(to *[]string) {
	if s.null() {
		return
	}
	s.take('[')
	*to = []string{}
	if s.peek() == ']' {
		s.at++
		return
	}
	for ok := !s.odd; ok; ok = s.more(']') {
		var one string
		s.words(&one)
		*to = append(*to, one)
	}
}

// number steps over a number.
func (s *scan) number() []byte {
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else {
		s.digits()
	}
	if s.peek() == '.' {
		s.at++
		s.digits()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		s.digits()
	}
	return s.text[start:s.at]
}

// digits steps over digits, of which there must be one.
func (s *scan) digits() {
	start := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	s.odd = s.odd || s.at == start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// integer reads a whole number; null leaves what is there.
func (s *scan) integer(to *int64) {
	if s.null() {
		return
	}
	n, err := strconv.ParseInt(string(s.number()), 10, 64)
	s.odd = s.odd || err != nil
	*to = n
}

// small reads a whole number; null leaves what is there.
func (s *scan) small(to *int) {
	n := int64(*to)
	s.integer(&n)
	*to = int(n)
	s.odd = s.odd || int64(*to) != n
}

// float reads a number; null leaves what is there.
func (s *scan) float(to *float64) {
	if s.null() {
		return
	}
	f, err := strconv.ParseFloat(string(s.number()), 64)
	s.odd = s.odd || err != nil
	*to = f
}

// truth reads true or false; null leaves what is there.
func (s *scan) truth(to *bool) {
	switch {
	case s.null():
	case s.word("true"):
		*to = true
	case s.word("false"):
		*to = false
	default:
		s.odd = true
	}
}

// moment reads a time; null leaves what is there.
func (s *scan) moment(to *time.Time) {
	if s.null() {
		return
	}
	start := s.at
	s.quoted()
	s.odd = s.odd || to.UnmarshalJSON(s.text[start:s.at]) != nil
}

// optional reads what null may stand for.
func optional[T any](s *scan, to **T, read func(*scan, *T)) {
	if s.null() {
		return
	}
	*to = new(T)
	read(s, *to)
}

// raw reads a value of any kind. It lies in the text.
func (s *scan) raw(to *json.RawMessage) {
	start := s.at
	s.value(0)
	*to = json.RawMessage(s.text[start:s.at:s.at])
}

// value steps over a value of any kind that lies in depth others.
func (s *scan) value(depth int) {
	switch s.peek() {
	case '{', '[':
		s.values(depth + 1)
	case '"':
		s.quoted()
	case 't', 'f':
		var either bool
		s.truth(&either)
	case 'n':
		s.odd = !s.null()
	default:
		s.number()
	}
}

// values steps over an object or an array.
func (s *scan) values(depth int) {
	named, end := false, byte(']')
	if s.peek() == '{' {
		named, end = true, '}'
	}
	s.odd = depth > deepest
	s.at++
	s.space()
	if s.peek() == end {
		s.at++
		return
	}
	for ok := !s.odd; ok; ok = s.more(end) {
		s.space()
		if named {
			s.quoted()
			s.space()
			s.take(':')
			s.space()
		}
		s.value(depth)
		s.space()
	}
}

// trim takes off the white space of JSON.
func trim(text []byte) []byte { return bytes.Trim(text, " \n\t\r") }
