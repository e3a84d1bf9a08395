package table

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// magic is how files begin that people take for tables, and what they are.
var magic = []struct{ begin, what string }{
	{"PK\x03\x04", "a ZIP archive, perhaps an Excel workbook: save it as CSV"},
	{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Excel or Word file: save it as CSV"},
	{"\x1F\x8B", "compressed with gzip: unpack it first"},
	{"\x28\xB5\x2F\xFD", "compressed with zstd: unpack it first"},
	{"BZh", "compressed with bzip2: unpack it first"},
	{"\xFD7zXZ\x00", "compressed with xz: unpack it first"},
	{"%PDF-", "a PDF document"},
	{"\x89PNG\r\n\x1A\n", "a PNG picture"},
	{"\xFF\xD8\xFF", "a JPEG picture"},
	{"GIF8", "a GIF picture"},
	{"PAR1", "a Parquet file"},
	{"SQLite format 3\x00", "an SQLite database"},
}

// decode returns the text as UTF-8 without its byte order mark, and says how it was
// encoded. Bytes that are no UTF-8 pass as they are; see shown.
func decode(r io.Reader) (io.Reader, string, error) {
	b := bufio.NewReaderSize(r, 4096)
	head, err := b.Peek(16)
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	for _, m := range magic {
		if strings.HasPrefix(string(head), m.begin) {
			return nil, "", fmt.Errorf("%w: it is %s", ErrNotText, m.what)
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		_, err := b.Discard(3)
		return b, "utf-8", err
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Reader(b), "utf-16le", nil
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		return unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewDecoder().Reader(b), "utf-16be", nil
	}
	return b, "utf-8", nil
}

// checkText refuses NUL, which no table has and every binary file soon shows.
func checkText(p []byte, offset int64) error {
	i := bytes.IndexByte(p, 0)
	if i < 0 {
		return nil
	}
	return fmt.Errorf("%w: it has a NUL byte at position %d (if it is UTF-16, its byte order mark is missing)",
		ErrNotText, offset+int64(i))
}

// maxName is the most bytes of a column's name.
const maxName = 256

// shown returns at most limit bytes of a value for the report. What is no UTF-8 is taken
// for Windows-1252, of which ISO 8859-1 is a part.
func shown(b []byte, limit int) string {
	cut := len(b) > limit
	if cut {
		b = b[:limit]
		for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
			if utf8.RuneStart(b[i]) {
				if !utf8.FullRune(b[i:]) {
					b = b[:i]
				}
				break
			}
		}
	}
	text := string(b)
	if !utf8.ValidString(text) {
		decoded, err := charmap.Windows1252.NewDecoder().String(text)
		if err != nil {
			decoded = strings.ToValidUTF8(text, "\uFFFD")
		}
		text = decoded
	}
	if cut {
		text += "…"
	}
	return text
}
