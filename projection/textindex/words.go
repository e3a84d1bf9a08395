package textindex

import (
	"unicode"
	"unicode/utf8"
)

const (
	maxWord = 64          // bytes of a word, folded
	maxText = 64 << 10    // bytes of a text that are read
	maxDoc  = 4 * maxText // bytes of a document that are read
)

// fold maps an ASCII letter to lower case, a digit to itself, and every other byte to 0.
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

// scanner splits texts into words.
type scanner struct {
	texts [][]byte // not read yet
	left  int      // bytes of them that may still be read
	text  []byte
	at    int
	json  bool // a backslash begins an escape
	word  [maxWord]byte
}

// scan starts with the texts of a document. It never fails: a text that is not JSON is read as if it
// were.
func (s *scanner) scan(texts [][]byte) {
	s.texts, s.left, s.text, s.at, s.json = texts, maxDoc, nil, 0, true
}

// next returns the next word, folded, or nil after the last one. The word is valid until the next
// call.
func (s *scanner) next() []byte {
	for {
		if word := s.nextInText(); word != nil {
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

// nextInText returns the next word of the current text, or nil at its end.
func (s *scanner) nextInText() []byte {
	text, i := s.text, s.at
	n := 0         // bytes of the word
	full := false  // the word has its maximum length
	alone := false // the word is a single character
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
		case kind == separator && n == 0:
			i += size
			continue
		case kind == separator, kind == single && n > 0, kind == letter && alone:
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

// kind is the role of a character in words.
type kind uint8

const (
	separator kind = iota // belongs to no word
	letter                // continues a word of letters; digits too
	mark                  // continues any word
	single                // is a word by itself
)

// classify returns the character with its case folded, and its kind.
func classify(r rune) (rune, kind) {
	switch {
	case r < utf8.RuneSelf:
		if f := fold[r]; f != 0 {
			return rune(f), letter
		}
		return r, separator
	case unicode.IsMark(r):
		return foldRune(r), mark
	case !unicode.IsLetter(r) && !unicode.IsDigit(r):
		return r, separator
	case eastAsian(r):
		return r, single
	}
	return foldRune(r), letter
}

// foldRune maps all characters that differ only in case to one: the lower case of the first of
// them.
func foldRune(r rune) rune {
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	return unicode.ToLower(first)
}

// eastAsian reports whether each letter of this script is a word: Han, Kana, Bopomofo and Hangul are
// written without spaces.
func eastAsian(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x11FF, // Hangul Jamo
		0x2E80 <= r && r <= 0x9FFF,   // radicals, Kana, Bopomofo, Han
		0xA960 <= r && r <= 0xA97F,   // Hangul Jamo
		0xAC00 <= r && r <= 0xD7FF,   // Hangul
		0xF900 <= r && r <= 0xFAFF,   // Han, compatibility
		0xFF66 <= r && r <= 0xFFDC,   // half-width Kana and Hangul
		0x1AFF0 <= r && r <= 0x1B16F, // Kana
		0x20000 <= r && r <= 0x3FFFF: // Han
		return true
	}
	return false
}

// unescape returns the character of the escape at the start of text, and the length of the escape.
// An invalid escape is utf8.RuneError.
func unescape(text []byte) (rune, int) {
	if len(text) < 2 {
		return utf8.RuneError, len(text)
	}
	if text[1] != 'u' {
		return ' ', 2 // a quote, slash or control character: never a letter
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
