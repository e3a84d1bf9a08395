package table

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// magic is how files begin that people take for tables, and what they are.
var magic = []struct{ begin, what string }{
	{"PK\x03\x04", "a ZIP archive, perhaps an Excel workbook: save it as CSV"},
	{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Excel or Word file: save it as CSV"},
	{"\x1F\x8B", "compressed with gzip twice: unpack it once"},
	{"\x28\xB5\x2F\xFD", "compressed with zstd: unpack it first, or compress it with gzip"},
	{"BZh", "compressed with bzip2: unpack it first, or compress it with gzip"},
	{"\xFD7zXZ\x00", "compressed with xz: unpack it first, or compress it with gzip"},
	{"%PDF-", "a PDF document"},
	{"\x89PNG\r\n\x1A\n", "a PNG picture"},
	{"\xFF\xD8\xFF", "a JPEG picture"},
	{"GIF8", "a GIF picture"},
	{"PAR1", "a Parquet file"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"\xFF\xFE\x00\x00", "UTF-32 text: save it as UTF-8"},
	{"\x00\x00\xFE\xFF", "UTF-32 text: save it as UTF-8"},
}

const (
	headSize   = 4096
	tarAt, tar = 257, "ustar" // where a tar archive has its magic
)

// source is a table's bytes as UTF-8 without a byte order mark.
type source struct {
	io.Reader
	encoding    string // known when all was read
	compression string // "gzip" or ""
	raw         *counter
	guess       *guess // nil = the encoding was given, or a byte order mark says it
	lost        *lostCounter
}

// openSource finds out how a file is compressed and encoded.
func openSource(r io.Reader, o Options) (*source, error) {
	s := &source{raw: &counter{r: r}}
	b := bufio.NewReaderSize(s.raw, headSize)
	head, err := peek(b)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\x1F\x8B\x08")) {
		s.compression = "gzip"
		b = bufio.NewReaderSize(&unpacker{packed: b, raw: s.raw, free: cmp.Or(o.unpackFree, unpackFree)}, headSize)
		if head, err = peek(b); err != nil {
			return nil, err
		}
	}
	for _, m := range magic {
		if strings.HasPrefix(string(head), m.begin) {
			return nil, fmt.Errorf("%w: it is %s", ErrNotText, m.what)
		}
	}
	if what := structured(head); what != "" {
		return nil, fmt.Errorf("%w: it is %s: save it as CSV", ErrNoTable, what)
	}
	if len(head) > tarAt && bytes.HasPrefix(head[tarAt:], []byte(tar)) {
		return nil, fmt.Errorf("%w: it is a tar archive: unpack it first", ErrNotText)
	}
	return s, s.decode(b, head, o)
}

// structured says what a text is that is written by the rules of something else.
func structured(head []byte) string {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bom)), " \t\r\n")
	line, _, whole := bytes.Cut(head, []byte("\n"))
	lower := bytes.ToLower(line[:min(len(line), 16)])
	switch {
	case bytes.HasPrefix(lower, []byte("<!doctype html")), bytes.HasPrefix(lower, []byte("<html")):
		return "an HTML page"
	case bytes.HasPrefix(lower, []byte("<?xml")):
		return "XML"
	case len(line) > 0 && line[0] == '{' && (whole || len(head) < headSize) && json.Valid(line):
		return "JSON"
	case len(line) > 0 && (line[0] == '{' || line[0] == '[') && isJSONBegin(head[1:]):
		return "JSON"
	}
	return ""
}

// isJSONBegin reports whether a bracket that this follows opens JSON over several lines.
func isJSONBegin(after []byte) bool {
	inner := bytes.TrimLeft(after, " \t\r\n")
	if len(inner) == 0 {
		return false
	}
	broken := bytes.IndexByte(after[:len(after)-len(inner)], '\n') >= 0
	return inner[0] == '{' || broken && (inner[0] == '"' || inner[0] == '[')
}

// peek returns the first bytes of a text.
func peek(b *bufio.Reader) ([]byte, error) {
	head, err := b.Peek(headSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return head, nil
}

// decode finds out the encoding. A byte order mark is more certain than an option.
func (s *source) decode(b *bufio.Reader, head []byte, o Options) error {
	marked := encoding.Encoding(nil)
	switch {
	case bytes.HasPrefix(head, []byte(bom)):
		s.encoding = "utf-8"
		if _, err := b.Discard(len(bom)); err != nil {
			return err
		}
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		s.encoding, marked = "utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		s.encoding, marked = "utf-16be", unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM)
	case o.Encoding != "":
		given, name, err := encodingOf(o.Encoding)
		if err != nil {
			return err
		}
		if s.encoding = name; name != "utf-8" {
			marked = given
		}
	default:
		if s.encoding = utf16Of(head); s.encoding != "" {
			marked, _, _ = encodingOf(s.encoding)
		}
	}
	if marked != nil {
		s.lost = &lostCounter{r: marked.NewDecoder().Reader(b)}
		s.Reader = s.lost
		return nil
	}
	s.guess = &guess{r: b, buf: make([]byte, 0, chunkSize(o.Chunk)), decided: s.encoding}
	s.Reader = s.guess
	return nil
}

// name is the encoding that was read.
func (s *source) name() string {
	if s.guess != nil && s.guess.decided != "" {
		return s.guess.decided
	}
	if s.encoding == "" {
		return "utf-8"
	}
	return s.encoding
}

// warnings say what of the text could not be read as it is.
func (s *source) warnings(o Options) (list []string) {
	if given, name, err := encodingOf(o.Encoding); err == nil && given != nil && name != s.name() {
		list = append(list, fmt.Sprintf("The byte order mark says %s, so encoding %s was not used.", s.name(), name))
	}
	if s.guess != nil && s.guess.decided == windows1252 {
		list = append(list, "The text is not UTF-8 and was read as windows-1252. If its letters look wrong, give encoding.")
	}
	if s.guess != nil && s.guess.foreign > 0 {
		list = append(list, fmt.Sprintf("%s not UTF-8 and read as windows-1252.", were(s.guess.foreign, "byte")))
	}
	if s.lost != nil && s.lost.n > 0 {
		list = append(list, fmt.Sprintf("%s unreadable as %s and became U+FFFD. Another encoding may be right.", were(s.lost.n, "character"), s.name()))
	}
	return list
}

func were(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return fmt.Sprintf("%d %ss were", n, noun)
}

// encodingOf returns the encoding of a label and its name.
func encodingOf(label string) (encoding.Encoding, string, error) {
	if label == "" {
		return nil, "", nil
	}
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %q; try utf-8, windows-1251, shift_jis or another of the WHATWG Encoding Standard", ErrUnknownEncoding, label)
	}
	name, err := htmlindex.Name(e)
	if err != nil || name == "replacement" || name == "x-user-defined" {
		return nil, "", fmt.Errorf("%w: %q", ErrUnknownEncoding, label)
	}
	return e, name, nil
}

// utf16Of tells UTF-16 without a byte order mark by its NUL bytes: most characters of a
// table are ASCII, whose other byte is 0.
func utf16Of(head []byte) string {
	var nul [2]int
	for i, c := range head {
		if c == 0 {
			nul[i%2]++
		}
	}
	half := len(head) / 2
	switch {
	case half < 4:
		return ""
	case nul[1]*2 > half && nul[0]*20 < half:
		return "utf-16le"
	case nul[0]*2 > half && nul[1]*20 < half:
		return "utf-16be"
	}
	return ""
}

// checkText refuses what has many NUL bytes, as binary files have.
func checkText(sample []byte) error {
	const most = 100 // NUL bytes: one in 100
	if bytes.Count(sample, []byte{0})*most <= len(sample) {
		return nil
	}
	return fmt.Errorf("%w: it has a NUL byte at position %d; if it is text, give its encoding", ErrNotText, bytes.IndexByte(sample, 0))
}

// counter counts what is read through it.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.err = err
	return n, err
}

// lostCounter counts the characters that a decoder put in place of what it could not read.
type lostCounter struct {
	r io.Reader
	n int64
}

func (c *lostCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(bytes.Count(p[:n], []byte("\uFFFD")))
	return n, err
}

// Bounds on what gzip may unpack to: a number of bytes, and beyond that a number for each
// packed one. Tables pack to a tenth, at best to a hundredth; a file that is made to fill
// memory or disks to a thousandth.
const (
	unpackFree  = 128 << 20
	unpackRatio = 300
)

// unpacker reads gzip, within those bounds.
type unpacker struct {
	packed *bufio.Reader
	raw    *counter
	z      *gzip.Reader
	n      int64
	free   int64 // bytes that are not bounded
}

func (u *unpacker) Read(p []byte) (int, error) {
	if u.z == nil {
		z, err := gzip.NewReader(u.packed)
		if err != nil {
			return 0, u.errorOf(err)
		}
		u.z = z
		u.z.Multistream(false)
	}
	n, err := u.z.Read(p)
	u.n += int64(n)
	if u.n > u.free && u.n > unpackRatio*u.raw.n {
		return 0, fmt.Errorf("%w: more than %d MiB from %d KiB of gzip; unpack the file and upload what is needed of it",
			ErrBomb, u.n>>20, u.raw.n>>10)
	}
	if err == io.EOF {
		err = u.nextPart()
	}
	return n, u.errorOf(err)
}

// nextPart goes on to the next part of the file, io.EOF without one. Zeros behind a part
// fill a block of a tape or disk; gzip passes over them too.
func (u *unpacker) nextPart() error {
	for {
		c, err := u.packed.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			break
		}
	}
	if err := u.packed.UnreadByte(); err != nil {
		return err
	}
	if err := u.z.Reset(u.packed); err != nil {
		return err
	}
	u.z.Multistream(false)
	return nil
}

// errorOf tells a damaged file from a source that cannot be read.
func (u *unpacker) errorOf(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case u.raw.err != nil && u.raw.err != io.EOF:
		return u.raw.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: its end is missing; upload it again", ErrDamaged)
	}
	return fmt.Errorf("%w: %w; pack and upload it again", ErrDamaged, err)
}
