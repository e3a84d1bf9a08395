package table

import (
	"bytes"
	"io"
)

// reader splits text into rows of fields, as RFC 4180 says and with mercy for what does
// not keep to it:
//   - blanks around a quoted field are passed over;
//   - a quote within a quoted field that ends nothing is taken as it is, if the field
//     ends on its line;
//   - a quoted field that has no end within MaxRow makes its line a line without quotes.
type reader struct {
	src     io.Reader
	chunk   int
	onRead  func() error
	buf     []byte
	start   int   // buf[start:end] is not yet split
	end     int   //
	offset  int64 // of buf[0] in the text
	eof     bool
	fields  [][]byte
	scratch []byte // what fields point to that had doubled quotes
	broken  int    // rows whose quotes make no sense

	delimiter byte
	rowEnd    byte // '\n', or '\r' where there is no '\n'
}

const (
	minChunk = 4 << 10
	maxChunk = 256 << 10
)

// newReader returns a reader; onRead is called after each read and may end the work.
func newReader(src io.Reader, chunk int, onRead func() error) *reader {
	if chunk <= 0 {
		chunk = maxChunk
	}
	chunk = min(max(chunk, minChunk), maxChunk)
	return &reader{src: src, chunk: chunk, onRead: onRead, buf: make([]byte, maxChunk)}
}

// sample reads the first sampleSize bytes, which next will give again, and tells whether
// that is all there is.
func (r *reader) sample() (text []byte, whole bool, err error) {
	for !r.eof && r.end < sampleSize {
		if _, err := r.more(); err != nil {
			return nil, false, err
		}
	}
	return r.buf[:r.end], r.eof, nil
}

// more reads on. It tells false when the buffer is as large as it may be, and full.
func (r *reader) more() (bool, error) {
	if r.start > 0 {
		r.offset += int64(r.start)
		r.end = copy(r.buf, r.buf[r.start:r.end])
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
			if err := checkText(room[:n], r.offset+int64(r.end)); err != nil {
				return false, err
			}
			r.end += n
		}
		if err == io.EOF {
			r.eof = true
		} else if err != nil {
			return false, err
		}
		if n > 0 || r.eof {
			return true, r.onRead()
		}
	}
	return false, io.ErrNoProgress
}

// next returns the fields of the next row, valid until the next call. Blank lines are
// passed over. A row that is too long has no fields. io.EOF at the end.
func (r *reader) next() ([][]byte, error) {
	for {
		line, found, err := r.line()
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, r.skipLine()
		}
		after := min(r.start+len(line)+1, r.end)
		line = trimCR(line)
		switch {
		case len(line) == 0:
			r.start = after
		case bytes.IndexByte(line, '"') < 0:
			r.start = after
			r.split(line)
			return r.fields, nil
		default:
			done, err := r.quotedRow()
			if err != nil {
				return nil, err
			}
			if !done { // more may have moved the line
				r.broken++
				line, _, _ := r.line()
				r.start = min(r.start+len(line)+1, r.end)
				r.split(trimCR(line))
			}
			return r.fields, nil
		}
	}
}

// line returns what lies up to the next end of row, and false when that is too far away.
func (r *reader) line() (line []byte, found bool, err error) {
	scanned := 0
	for {
		if i := bytes.IndexByte(r.buf[r.start+scanned:r.end], r.rowEnd); i >= 0 {
			return r.buf[r.start : r.start+scanned+i], true, nil
		}
		scanned = r.end - r.start
		if r.eof {
			if scanned == 0 {
				return nil, false, io.EOF
			}
			return r.buf[r.start:r.end], true, nil
		}
		if more, err := r.more(); err != nil || !more {
			return nil, false, err
		}
	}
}

// skipLine drops a line that does not fit into the buffer.
func (r *reader) skipLine() error {
	for {
		if i := bytes.IndexByte(r.buf[r.start:r.end], r.rowEnd); i >= 0 {
			r.start += i + 1
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

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// split splits a line without regard to quotes.
func (r *reader) split(line []byte) {
	fields, from := r.fields[:0], 0
	for i, c := range line {
		if c == r.delimiter {
			fields = append(fields, line[from:i])
			from = i + 1
		}
	}
	r.fields = append(fields, line[from:])
}
