package table

import (
	"bytes"
	"errors"
	"io"
)

// reader splits text into rows of fields, as RFC 4180 says and with mercy for what does
// not keep to it:
//   - LF, CRLF and CR end a row, also mixed;
//   - blanks around a quoted field are passed over;
//   - a quote within a quoted field that ends nothing is taken as it is, if the field
//     ends on its line;
//   - a quoted field that has no end within MaxRow makes its line a line without quotes;
//   - a byte order mark at the start of a row, of files put together, is passed over.
type reader struct {
	marks
	src    io.Reader
	chunk  int
	onRead func() error
	buf    []byte
	start  int // buf[start:end] is not yet split
	end    int
	eof    bool
	hasNUL bool // somewhere in what was read
	lf     place

	line    int64 // number of the line at start, from 1
	row     int64 // number of the line where the row last returned starts
	blank   bool  // a blank line is above that row
	fields  [][]byte
	quoted  []bool // whether each field had quotes; nil = none had
	flags   []bool // what quoted points to
	scratch []byte // what fields point to that had doubled or escaped quotes

	whole  bool // in a sample: the text ends where the buffer ends
	broken int  // rows whose quotes make no sense
	stray  int  // quotes within quoted fields that end nothing
	why    error

	shape      *shape  // of the table; nil = not known
	raw        []byte  // the row last returned if it has several lines
	oneLine    bool    // quotes close on their line or are characters
	strays     int     // such quotes of the line at hand
	strayRows  int     // lines that have one
	strayLines []int64 // the first of these

	keepComments bool
	comments     []comment // when they are kept
}

// comment is a line that is passed over as one.
type comment struct {
	line int64
	text []byte
}

// maxFields is how many fields of a row are told apart; what comes after is dropped.
const maxFields = MaxColumns + 1

// ReasonTooLong is the reason of a BadRow that is longer than MaxRow.
const ReasonTooLong = "longer than 8 MiB"

// Reasons for a row that has no fields.
var (
	errTooLong = errors.New(ReasonTooLong)
	errNUL     = errors.New("has a NUL byte")
	errStray   = errors.New("a quote opens a field that does not end")
)

// errCut is the end of a sample within a row.
var errCut = errors.New("sample ends within a row")

const (
	minChunk = 4 << 10
	maxChunk = 256 << 10
	bom      = "\uFEFF"
)

// chunkSize is the bytes to read at a time; 0 = the most.
func chunkSize(chunk int) int {
	if chunk <= 0 {
		return maxChunk
	}
	return min(max(chunk, minChunk), maxChunk)
}

// newReader returns a reader; onRead is called after each read and may end the work.
func newReader(src io.Reader, chunk int, onRead func() error) *reader {
	return &reader{src: src, chunk: chunkSize(chunk), onRead: onRead, buf: make([]byte, maxChunk), line: 1}
}

// newSampleReader returns a reader of text that is at hand. Unless whole, its last row is
// cut and not returned.
func newSampleReader(text []byte, whole bool, m marks) *reader {
	return &reader{marks: m, buf: text, end: len(text), eof: true, whole: whole, line: 1, onRead: func() error { return nil }}
}

// sample reads the first size bytes, which next will give again, and reports whether
// that is all there is.
func (r *reader) sample(size int) (text []byte, whole bool, err error) {
	for !r.eof && r.end < size {
		if more, err := r.more(); err != nil {
			return nil, false, err
		} else if !more {
			break
		}
	}
	return r.buf[:r.end], r.eof, nil
}

// more reads on. It returns false when the buffer is as large as it may be, and full.
func (r *reader) more() (bool, error) {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.lf.shift(r.start)
		r.start = 0
	}
	if r.end == len(r.buf) {
		if len(r.buf) >= MaxRow {
			return false, nil
		}
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	// A row longer than a chunk is split again after each read: read much.
	room := r.buf[r.end:]
	if r.end < r.chunk {
		room = room[:min(len(room), r.chunk)]
	}
	for range 100 {
		n, err := r.src.Read(room)
		if n > 0 {
			r.hasNUL = r.hasNUL || bytes.IndexByte(room[:n], 0) >= 0
			r.end += n
		}
		if err == io.EOF {
			r.eof, r.whole = true, true
		} else if err != nil {
			return false, err
		}
		if n > 0 || r.eof {
			return true, r.onRead()
		}
	}
	return false, io.ErrNoProgress
}

// skip passes over that many lines, whatever is in them.
func (r *reader) skip(lines int) error {
	for range lines {
		end, found, err := r.rowEnd()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !found {
			if err := r.skipLine(); err != nil {
				return err
			}
			continue
		}
		r.pass(end)
	}
	return nil
}

// next returns the fields of the next row, valid until the next call. Blank lines and
// comments are passed over. A row that cannot be read has no fields; why says what is
// wrong. io.EOF at the end.
func (r *reader) next() ([][]byte, error) {
	r.blank = false
	for {
		end, found, err := r.rowEnd()
		if err != nil {
			return nil, err
		}
		r.row, r.quoted, r.why, r.raw = r.line, nil, nil, nil
		if !found {
			r.why = errTooLong
			return nil, r.skipLine()
		}
		line := r.buf[r.start:end]
		if len(line) > 0 && line[0] == bom[0] && bytes.HasPrefix(line, []byte(bom)) {
			r.start += len(bom)
			line = line[len(bom):]
		}
		switch {
		case r.isBlank(line) || r.comment != 0 && line[0] == r.comment || isFrame(line):
			if end == r.end && !r.whole {
				return nil, errCut
			}
			if r.isBlank(line) {
				r.blank = true
			} else if r.keepComments && line[0] == r.comment {
				r.comments = append(r.comments, comment{r.line, line})
			}
			r.pass(end)
			continue
		case r.quote != 0 && bytes.IndexByte(line, r.quote) >= 0 || r.escape != 0 && bytes.IndexByte(line, r.escape) >= 0:
			if err := r.quotedRow(r.afterEnd(end) - r.start); err != nil {
				return nil, err
			}
		case end == r.end && !r.whole:
			return nil, errCut
		default:
			r.pass(end)
			r.split(line)
		}
		if r.hasNUL && r.nulIn(r.fields) {
			r.why = errNUL
			return nil, nil
		}
		return r.fields, nil
	}
}

// isBlank reports whether a line has nothing but blanks.
func (r *reader) isBlank(line []byte) bool {
	if len(line) > 0 && line[0] > ' ' {
		return false
	}
	for _, c := range line {
		if c != ' ' && c != '\r' && (c != '\t' || r.delimiter == "\t") {
			return false
		}
	}
	return true
}

func (r *reader) nulIn(fields [][]byte) bool {
	for _, field := range fields {
		if bytes.IndexByte(field, 0) >= 0 {
			return true
		}
	}
	return false
}

// rowEnd returns the place of the first end of a row, that of the text if there is none,
// and false when that is too far away. io.EOF when there is no text left.
func (r *reader) rowEnd() (end int, found bool, err error) {
	for {
		end = r.firstEnd()
		// After a CR at the end of the buffer there may come its LF.
		if end < r.end && (r.buf[end] == '\n' || end+1 < r.end || r.eof) {
			if r.lfOnly && end > r.start && r.buf[end-1] == '\r' {
				end--
			}
			return end, true, nil
		}
		if r.eof {
			if r.start == r.end {
				return 0, false, io.EOF
			}
			return r.end, true, nil
		}
		if more, err := r.more(); err != nil || !more {
			return 0, false, err
		}
	}
}

// firstEnd returns the place of the first LF or CR, the end of the buffer without one.
func (r *reader) firstEnd() int {
	end := r.lf.find(r.buf[:r.end], r.start)
	if !r.lfOnly {
		if i := bytes.IndexByte(r.buf[r.start:end], '\r'); i >= 0 {
			return r.start + i
		}
	}
	return end
}

// pass moves on to the row after the end of one.
func (r *reader) pass(end int) {
	r.start = r.afterEnd(end)
	r.line++
}

// afterEnd returns what follows the LF, CRLF or CR at end.
func (r *reader) afterEnd(end int) int {
	if end < r.end && r.buf[end] == '\r' {
		end++
		if end < r.end && r.buf[end] == '\n' {
			end++
		}
		return end
	}
	return min(end+1, r.end)
}

// endsRow reports whether a row may end with the byte.
func (r *reader) endsRow(c byte) bool { return c == '\n' || c == '\r' && !r.lfOnly }

// skipLine drops a line that does not fit into the buffer.
func (r *reader) skipLine() error {
	for {
		end := r.firstEnd()
		if end < r.end {
			r.pass(end)
			return nil
		}
		r.start = r.end
		if r.eof {
			return nil
		}
		if _, err := r.more(); err != nil {
			return err
		}
	}
}

// split splits a line without regard to quotes.
func (r *reader) split(line []byte) {
	r.fields = r.fields[:0]
	switch {
	case r.delimiter == "":
		r.fields = append(r.fields, line)
	case r.blanksDelimit():
		for field := range bytes.FieldsFuncSeq(line, func(c rune) bool { return c == ' ' }) {
			if len(r.fields) < maxFields {
				r.fields = append(r.fields, field)
			}
		}
	case len(r.delimiter) == 1:
		fields, from, delimiter := r.fields, 0, r.delimiter[0]
		for i, c := range line {
			if c == delimiter {
				fields = append(fields, line[from:i])
				from = i + 1
				if len(fields) == maxFields {
					r.fields = fields
					return
				}
			}
		}
		r.fields = append(fields, line[from:])
	default:
		for field := range bytes.SplitSeq(line, []byte(r.delimiter)) {
			if len(r.fields) < maxFields {
				r.fields = append(r.fields, field)
			}
		}
	}
}

// place remembers where the next LF is, so that text without any is not searched again
// for each of its rows.
type place struct {
	at    int  // of the LF, or the end of what was searched
	found bool // at is its place
}

// find returns the place of the first LF from start on, the end of the text without one.
func (p *place) find(text []byte, start int) int {
	from := start
	if p.at >= start {
		if p.found {
			return p.at
		}
		from = min(p.at, len(text))
	}
	if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
		p.at, p.found = from+i, true
	} else {
		p.at, p.found = len(text), false
	}
	return p.at
}

// shift says that the first n bytes were dropped.
func (p *place) shift(n int) {
	p.found = p.found && p.at >= n
	p.at = max(p.at-n, 0)
}
