package textindex

import (
	"unicode"
	"unicode/utf8"
)

const (
	maxWord = 64       // bytes of a word, folded
	maxText = 64 << 10 // bytes read of a text
	maxDoc  = 4 * maxText
)

// fold gives the letter or digit that an ASCII byte means, 0 for all else.
const fold = zeros48 + "0123456789" + "\x00\x00\x00\x00\x00\x00\x00" +
	alphabet + "\x00\x00\x00\x00\x00\x00" + alphabet + "\x00\x00\x00\x00\x00" +
	zeros48 + zeros48 + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

const (
	alphabet = "abcdefghijklmnopqrstuvwxyz"
	zeros48  = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

// scanner gives the words of texts one by one.
type scanner struct {
	texts [][]byte // what follows
	left  int      // bytes that may still be read of it
	text  []byte
	at    int
	json  bool // a backslash begins an escape
	word  [maxWord]byte
}

// scan begins to read the texts of a document. It never fails: what is no JSON is read
// as if it were.
func (s *scanner) scan(texts [][]byte) {
	s.texts, s.left, s.text, s.at, s.json = texts, maxDoc, nil, 0, true
}

// next returns the next word, folded, or nil after the last one. It is valid until the
// next call.
func (s *scanner) next() []byte {
	for {
		if word := s.inText(); word != nil {
			return word
		}
		if len(s.texts) == 0 || s.left == 0 {
			return nil
		}
		s.text, s.at = s.texts[0], 0
		s.text = s.text[:min(len(s.text), maxText, s.left)]
		s.left -= len(s.text)
		s.texts = s.texts[1:]
	}
}

// inText returns the next word of the text, nil at its end.
func (s *scanner) inText() []byte {
	text, i := s.text, s.at
	n := 0         // bytes of the word
	full := false  // the word has all the bytes it may have
	alone := false // the word is one character
scan:
	for i < len(text) {
		c := text[i]
		if f := fold[c]; f != 0 {
			if alone {
				break
			}
			if n < maxWord && !full {
				s.word[n] = f
				n++
			}
			i++
			continue
		}
		r, size := rune(c), 1
		switch {
		case c >= utf8.RuneSelf:
			r, size = utf8.DecodeRune(text[i:])
		case c == '\\' && s.json:
			r, size = unescape(text[i:])
		}
		r, kind := classify(r)
		switch {
		case kind == between && n == 0:
			i += size
			continue
		case kind == between, kind == single && n > 0, kind == letter && alone:
			break scan
		}
		i += size
		alone = alone || kind == single
		if full = full || n+utf8.RuneLen(r) > maxWord; !full {
			n += utf8.EncodeRune(s.word[n:], r)
		}
	}
	s.at = i
	if n == 0 {
		return nil
	}
	return s.word[:n]
}

// kind is what a character does to words.
type kind uint8

const (
	between kind = iota // belongs to no word
	letter              // joins letters; a digit too
	mark                // joins whatever is before it
	single              // is one word
)

// classify returns the character with case folded and its kind.
func classify(r rune) (rune, kind) {
	switch {
	case r < utf8.RuneSelf:
		if f := fold[r]; f != 0 {
			return rune(f), letter
		}
		return r, between
	case unicode.IsMark(r):
		return foldRune(r), mark
	case !unicode.IsLetter(r) && !unicode.IsDigit(r):
		return r, between
	case eastAsian(r):
		return r, single
	}
	return foldRune(r), letter
}

// foldRune makes one of all characters that differ in case only: the lower case of the
// first of them.
func foldRune(r rune) rune {
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	return unicode.ToLower(first)
}

// eastAsian reports whether the letter is of a script written without spaces whose
// characters are words enough: Han, Kana, Bopomofo and Hangul.
func eastAsian(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x11FF, // Hangul Jamo
		0x2E80 <= r && r <= 0x9FFF,   // radicals, Kana, Bopomofo, Han
		0xA960 <= r && r <= 0xA97F,   // Hangul Jamo
		0xAC00 <= r && r <= 0xD7FF,   // Hangul
		0xF900 <= r && r <= 0xFAFF,   // Han, compatible
		0xFF66 <= r && r <= 0xFFDC,   // Kana and Hangul of half width
		0x1AFF0 <= r && r <= 0x1B16F, // Kana
		0x20000 <= r && r <= 0x3FFFF: // Han
		return true
	}
	return false
}

// unescape returns the character that the escape at the start of text means, and its
// length. An escape that means none is utf8.RuneError.
func unescape(text []byte) (rune, int) {
	if len(text) < 2 {
		return utf8.RuneError, len(text)
	}
	if text[1] != 'u' {
		return ' ', 2 // a quote, a slash, a control character: never a letter
	}
	r, ok := hex4(text[2:])
	if !ok {
		return utf8.RuneError, 2
	}
	if 0xD800 <= r && r < 0xDC00 && len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
		if low, ok := hex4(text[8:]); ok && 0xDC00 <= low && low < 0xE000 {
			return (r-0xD800)<<10 + low - 0xDC00 + 0x10000, 12
		}
	}
	if 0xD800 <= r && r < 0xE000 {
		r = utf8.RuneError
	}
	return r, 6
}

// hex4 reads four hexadecimal digits.
func hex4(text []byte) (r rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch f := fold[c]; {
		case '0' <= f && f <= '9':
			r = r<<4 + rune(f-'0')
		case 'a' <= f && f <= 'f':
			r = r<<4 + rune(f-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
