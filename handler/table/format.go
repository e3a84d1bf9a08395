package table

import (
	"strings"
	"unicode/utf8"

	"daybook/handler"
)

// Formats are those of the parameters that say how a file is written.
func (Processing) Formats() []handler.Format {
	return []handler.Format{
		{Name: "daybook-encoding", Valid: isEncoding, Detail: "must be an encoding of the WHATWG standard, such as windows-1251, shift_jis, gbk or utf-16le"},
		{Name: "daybook-delimiter", Valid: isDelimiter, Detail: "must be one character, tab, or empty for a single column"},
		{Name: "daybook-mark", Valid: isMark, Detail: "must be one punctuation character, such as \" or #, or empty for none"},
	}
}

func isEncoding(label string) bool {
	_, _, err := encodingOf(label)
	return err == nil
}

func isDelimiter(s string) bool {
	return s == "tab" || s == `\t` || utf8.RuneCountInString(s) <= 1 && !strings.ContainsAny(s, "\r\n\x00\uFFFD")
}

func isMark(s string) bool {
	const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	return len(s) <= 1 && strings.Trim(s, punctuation) == ""
}
