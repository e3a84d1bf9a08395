// Package jsontext reads and writes JSON text (RFC 8259) by hand, for the paths where
// encoding/json costs too much. Canonical checks a text and makes it canonical: no space between
// tokens, no duplicate keys. Members and Items walk through canonical text. Writer writes it. The
// tests compare all of it with encoding/json. It decodes nothing into Go structs.
package jsontext

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error says where a JSON text is wrong and how.
type Error struct {
	Pointer string // RFC 6901, "" = the whole document
	Detail  string // "duplicate key", "must be valid UTF-8", …
}

func (e *Error) Error() string { return e.Pointer + ": " + e.Detail }

// Canonical checks that src is exactly one JSON value and appends it to dst
// without insignificant space. Numbers and strings keep the client's own spelling.
// Refused with a *Error: syntax errors, duplicate keys, invalid UTF-8, NUL (also
// as \u0000), lone surrogates, nesting deeper than maxDepth. One pass, no
// allocation beyond dst for plain input.
//
// A value that is no array or object has depth 0, [] has depth 1. The stack grows with
// maxDepth, never with src. When src is refused dst is returned as it was.
func Canonical(dst, src []byte, maxDepth int) ([]byte, error) {
	c := canonical{src: src, dst: dst, levels: maxDepth}
	err := c.document(maxDepth)
	if err != nil {
		return dst, err
	}
	return c.dst, nil
}

var byteOrderMark = []byte("\uFEFF")

// canonical is the state of one pass. src[from:at] has been checked but not yet copied.
type canonical struct {
	src  []byte
	dst  []byte
	from int
	at   int

	levels int // of objects and lists that are allowed
}

func (c *canonical) document(maxDepth int) *Error {
	if bytes.HasPrefix(c.src, byteOrderMark) { // RFC 8259, section 8.1: it may be ignored
		c.from, c.at = len(byteOrderMark), len(byteOrderMark)
	}
	c.space()
	if c.at == len(c.src) {
		return &Error{Detail: "must be a JSON value; it is empty"}
	}
	if err := c.value(maxDepth); err != nil {
		return err
	}
	c.space()
	if c.at < len(c.src) {
		return c.unexpected("after the value")
	}
	c.dst = append(c.dst, c.src[c.from:c.at]...)
	return nil
}

// value reads one value; depth is how many levels may still be opened.
func (c *canonical) value(depth int) *Error {
	if c.at == len(c.src) {
		return c.unexpected("where a value should be")
	}
	switch b := c.src[c.at]; {
	case b == '{' || b == '[':
		if depth <= 0 {
			return &Error{Detail: fmt.Sprintf("is nested too deep: at most %d levels of objects and lists are allowed", c.levels)}
		}
		if b == '{' {
			return c.object(depth - 1)
		}
		return c.array(depth - 1)
	case b == '"':
		_, err := c.text()
		return err
	case b == '-' || '0' <= b && b <= '9':
		return c.number()
	case b == 't':
		return c.literal("true")
	case b == 'f':
		return c.literal("false")
	case b == 'n':
		return c.literal("null")
	}
	return c.unexpected("where a value should be")
}

func (c *canonical) object(depth int) *Error {
	c.at++
	if c.space(); c.skip('}') {
		return nil
	}
	var seen keySet
	for {
		if c.space(); c.at == len(c.src) || c.src[c.at] != '"' {
			return c.unexpected("where a key should be")
		}
		start := c.at
		escaped, err := c.text()
		if err != nil {
			return err
		}
		key := c.src[start+1 : c.at-1]
		if escaped {
			key = []byte(Unquote(c.src[start:c.at]))
		}
		if !seen.add(key) {
			return (&Error{Detail: "duplicate key"}).below(string(key))
		}
		if c.space(); !c.skip(':') {
			return c.unexpected("where ':' should be").below(string(key))
		}
		c.space()
		if err := c.value(depth); err != nil {
			return err.below(string(key))
		}
		if c.space(); c.skip('}') {
			return nil
		}
		if !c.skip(',') {
			return c.unexpected("where ',' or '}' should be")
		}
	}
}

func (c *canonical) array(depth int) *Error {
	c.at++
	if c.space(); c.skip(']') {
		return nil
	}
	for i := 0; ; i++ {
		c.space()
		if err := c.value(depth); err != nil {
			return err.below(strconv.Itoa(i))
		}
		if c.space(); c.skip(']') {
			return nil
		}
		if !c.skip(',') {
			return c.unexpected("where ',' or ']' should be")
		}
	}
}

// space drops insignificant space: what lies before it is copied.
func (c *canonical) space() {
	if c.at == len(c.src) || c.src[c.at] > ' ' {
		return
	}
	start := c.at
	for c.at < len(c.src) {
		if b := c.src[c.at]; b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			break
		}
		c.at++
	}
	if c.at > start {
		c.dst = append(c.dst, c.src[c.from:start]...)
		c.from = c.at
	}
}

func (c *canonical) skip(b byte) bool {
	if c.at == len(c.src) || c.src[c.at] != b {
		return false
	}
	c.at++
	return true
}

func (c *canonical) literal(word string) *Error {
	if !bytes.HasPrefix(c.src[c.at:], []byte(word)) {
		return c.unexpected("where a value should be")
	}
	c.at += len(word)
	return nil
}

// number reads what RFC 8259 section 6 allows.
func (c *canonical) number() *Error {
	c.skip('-')
	if !c.skip('0') && !c.digits() {
		return c.unexpected("in a number")
	}
	if c.skip('.') && !c.digits() {
		return c.unexpected("in a number")
	}
	if c.skip('e') || c.skip('E') {
		if !c.skip('+') {
			c.skip('-')
		}
		if !c.digits() {
			return c.unexpected("in a number")
		}
	}
	return nil
}

// digits reads one digit or more.
func (c *canonical) digits() bool {
	start, i := c.at, c.at
	for i < len(c.src) && '0' <= c.src[i] && c.src[i] <= '9' {
		i++
	}
	c.at = i
	return i > start
}

// textByte tells which bytes of a string need no second look.
var textByte = func() (plain [256]bool) {
	for b := 0x20; b < utf8.RuneSelf; b++ {
		plain[b] = b != '"' && b != '\\'
	}
	return plain
}()

// text reads a string and reports whether it has escapes.
func (c *canonical) text() (escaped bool, err *Error) {
	c.at++
	for {
		i := c.at
		for i < len(c.src) && textByte[c.src[i]] {
			i++
		}
		c.at = i
		if c.at == len(c.src) {
			return escaped, c.unexpected("in a string")
		}
		switch b := c.src[c.at]; {
		case b == '"':
			c.at++
			return escaped, nil
		case b == '\\':
			escaped = true
			if err := c.escape(); err != nil {
				return escaped, err
			}
		case b == 0:
			return escaped, &Error{Detail: "must not contain NUL"}
		case b < 0x20:
			return escaped, c.unexpected("in a string")
		default:
			r, size := utf8.DecodeRune(c.src[c.at:])
			if r == utf8.RuneError && size == 1 {
				return escaped, &Error{Detail: "must be valid UTF-8"}
			}
			c.at += size
		}
	}
}

// escape reads what follows a backslash, surrogate pairs whole.
func (c *canonical) escape() *Error {
	c.at++
	if c.at == len(c.src) {
		return c.unexpected("in a string")
	}
	switch c.src[c.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.at++
		return nil
	case 'u':
	default:
		return c.unexpected("after a backslash")
	}
	r, ok := hex4(c.src[c.at+1:])
	switch {
	case !ok:
		return c.unexpected("after a backslash")
	case r == 0:
		return &Error{Detail: "must not contain NUL"}
	case 0xD800 <= r && r < 0xDC00:
		if c.at+7 > len(c.src) || c.src[c.at+5] != '\\' || c.src[c.at+6] != 'u' {
			return &Error{Detail: "must not contain a lone surrogate"}
		}
		if low, ok := hex4(c.src[c.at+7:]); !ok || low < 0xDC00 || low > 0xDFFF {
			return &Error{Detail: "must not contain a lone surrogate"}
		}
		c.at += 6
	case 0xDC00 <= r && r <= 0xDFFF:
		return &Error{Detail: "must not contain a lone surrogate"}
	}
	c.at += 5
	return nil
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, d := range b[:4] {
		switch {
		case '0' <= d && d <= '9':
			d -= '0'
		case 'a' <= d && d <= 'f':
			d -= 'a' - 10
		case 'A' <= d && d <= 'F':
			d -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func (c *canonical) unexpected(where string) *Error {
	what := "end of text"
	if c.at < len(c.src) {
		r, _ := utf8.DecodeRune(c.src[c.at:])
		what = strconv.QuoteRune(r)
	}
	return &Error{Detail: fmt.Sprintf("must be JSON: unexpected %s at byte %d, %s", what, c.at, where)}
}

// below moves the error under a key of the value that holds it.
func (e *Error) below(key string) *Error {
	e.Pointer = "/" + EscapePointer(key) + e.Pointer
	return e
}

// keySet holds the keys of one object: few are compared one by one, many go to a map. The object
// of a task has about 35.
type keySet struct {
	few    [40][]byte
	n      int
	filter uint64 // has the bits of all keys in few: most new keys are found to be new by it
	many   map[string]struct{}
}

// add adds a key and reports whether it is new.
func (s *keySet) add(key []byte) bool {
	if s.many != nil {
		if _, ok := s.many[string(key)]; ok {
			return false
		}
		s.many[string(key)] = struct{}{}
		return true
	}
	bit := filterBit(key)
	if s.filter&bit != 0 {
		for _, other := range s.few[:s.n] {
			if bytes.Equal(other, key) {
				return false
			}
		}
	}
	s.filter |= bit
	if s.n < len(s.few) {
		s.few[s.n] = key
		s.n++
		return true
	}
	s.many = make(map[string]struct{}, 4*len(s.few))
	for _, other := range s.few {
		s.many[string(other)] = struct{}{}
	}
	s.many[string(key)] = struct{}{}
	return true
}

// filterBit returns one bit for a key: the same for the same key.
func filterBit(key []byte) uint64 {
	n := len(key)
	if n == 0 {
		return 1
	}
	return 1 << ((uint(n) + 5*uint(key[0]) + 11*uint(key[n/2]) + 17*uint(key[n-1])) % 64)
}
