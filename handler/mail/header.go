package mail

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxHeaderWord  = 70 // of plain text, so that a header can be folded at 78 (RFC 5322, 2.1.1)
	maxEncodedWord = 75 // RFC 2047, 2
)

// headerText is a text for a header without structure, in ASCII: as it is where it can be folded
// and is not taken for something else, else as encoded words of RFC 2047.
func headerText(text string) string {
	for word := range strings.SplitSeq(text, " ") {
		if len(word) > maxHeaderWord || strings.Contains(word, "=?") {
			return encodedWords(text)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }) {
		return encodedWords(text)
	}
	return text
}

// encodedWords encodes a text as "Q" words, none of which cuts a character.
func encodedWords(text string) string {
	const begin, end = "=?utf-8?q?", "?="
	var words []string
	var word strings.Builder
	for _, r := range text {
		code := quotedRune(r)
		if word.Len()+len(code) > maxEncodedWord-len(begin)-len(end) {
			words = append(words, begin+word.String()+end)
			word.Reset()
		}
		word.WriteString(code)
	}
	return strings.Join(append(words, begin+word.String()+end), " ")
}

// quotedRune is one character in an encoded word.
func quotedRune(r rune) string {
	if r == ' ' {
		return "_"
	}
	if r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return string(r)
	}
	var code strings.Builder
	for _, b := range utf8.AppendRune(nil, r) {
		fmt.Fprintf(&code, "=%02X", b)
	}
	return code.String()
}
