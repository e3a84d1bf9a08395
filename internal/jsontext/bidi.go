package jsontext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// HasBidi reports whether text has a bidirectional control: an invisible character, such as U+202E, that
// reorders the text beside it, so that people read something else than is written.
func HasBidi(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return strings.ContainsFunc(text[i:], isBidi)
		}
	}
	return false
}

// WithoutBidi is text without its bidirectional controls.
func WithoutBidi(text string) string {
	if !HasBidi(text) {
		return text
	}
	return strings.Map(func(c rune) rune {
		if isBidi(c) {
			return -1
		}
		return c
	}, text)
}

func isBidi(c rune) bool { return unicode.Is(unicode.Bidi_Control, c) }
