package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

const (
	maxAnswer  = 256 << 20 // bytes of a body
	maxHeaders = 256       // lines
)

// answer is what a server said.
type answer struct {
	status int
	closes bool   // the connection cannot be used again
	body   []byte // valid until the next answer; nil if it was not kept
}

var errAnswer = errors.New("not an HTTP answer")

// readAnswer reads one answer and leaves the reader behind it.
func (c *conn) readAnswer(keep bool) (answer, error) {
	c.body = c.body[:0]
	for {
		a, length, err := readHead(c.reader)
		if err != nil {
			return a, err
		}
		if a.status/100 == 1 { // a word on the way; the answer follows
			continue
		}
		var body *[]byte
		if keep || a.status/100 != 2 {
			body = &c.body
		}
		switch {
		case a.status == 204 || a.status == 304:
		case length == chunked:
			err = readChunks(c.reader, body)
		case length == untilEnd:
			err = readAll(c.reader, body)
			a.closes = true
		default:
			err = readN(c.reader, body, length)
		}
		if body != nil {
			a.body = *body
		}
		return a, err
	}
}

// Lengths of a body that the header does not number.
const (
	untilEnd = -1
	chunked  = -2
)

// readHead reads the status and the headers.
func readHead(r *bufio.Reader) (a answer, length int64, err error) {
	line, err := readLine(r)
	if err != nil {
		return a, 0, err
	}
	if a.status, a.closes, err = statusOf(line); err != nil {
		return a, 0, err
	}
	length = untilEnd
	for range maxHeaders {
		if line, err = readLine(r); err != nil {
			return a, 0, noEnd(err)
		}
		if len(line) == 0 {
			return a, length, nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return a, 0, fmt.Errorf("%w: header %.40q", errAnswer, line)
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "Content-Length"):
			if length == chunked {
				continue
			}
			n, err := strconv.ParseUint(string(value), 10, 62)
			if err != nil || n > maxAnswer || length >= 0 && length != int64(n) {
				return a, 0, fmt.Errorf("%w: length %.40q", errAnswer, value)
			}
			length = int64(n)
		case is(name, "Transfer-Encoding"):
			if !is(value, "chunked") {
				return a, 0, fmt.Errorf("%w: transfer encoding %.40q", errAnswer, value)
			}
			length = chunked
		case is(name, "Connection"):
			if is(value, "close") {
				a.closes = true
			}
		}
	}
	return a, 0, fmt.Errorf("%w: more than %d headers", errAnswer, maxHeaders)
}

// is compares without regard to case and without allocating.
func is(text []byte, want string) bool {
	return len(text) == len(want) && bytes.EqualFold(text, []byte(want))
}

// statusOf reads "HTTP/1.1 200 OK". A server of HTTP/1.0 closes after its answer.
func statusOf(line []byte) (status int, closes bool, err error) {
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return 0, false, fmt.Errorf("%w: %.40q", errAnswer, line)
	}
	n, err := strconv.ParseUint(string(line[9:12]), 10, 16)
	if err != nil || n < 100 {
		return 0, false, fmt.Errorf("%w: %.40q", errAnswer, line)
	}
	return int(n), line[7] == '0', nil
}

// readLine reads a line without its end. It is valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	line = line[:len(line)-1]
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// noEnd is err, where the end of the input comes too early.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readN reads n bytes, to the end of body unless it is nil.
func readN(r *bufio.Reader, body *[]byte, n int64) error {
	if body == nil {
		_, err := r.Discard(int(n))
		return noEnd(err)
	}
	for n > 0 {
		part, err := r.Peek(int(min(n, int64(max(r.Buffered(), 1)))))
		*body = append(*body, part...)
		_, _ = r.Discard(len(part))
		n -= int64(len(part))
		if err != nil {
			return noEnd(err)
		}
	}
	return nil
}

// readAll reads to the end of the input.
func readAll(r *bufio.Reader, body *[]byte) error {
	for total := 0; ; {
		part, err := r.Peek(max(r.Buffered(), 1))
		if total += len(part); total > maxAnswer {
			return fmt.Errorf("%w: more than %d bytes", errAnswer, maxAnswer)
		}
		if body != nil {
			*body = append(*body, part...)
		}
		_, _ = r.Discard(len(part))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readChunks reads a chunked body and what trails it.
func readChunks(r *bufio.Reader, body *[]byte) error {
	for total := uint64(0); ; {
		line, err := readLine(r)
		if err != nil {
			return noEnd(err)
		}
		text, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimRight(text, " \t")), 16, 32)
		if total += n; err != nil || total > maxAnswer {
			return fmt.Errorf("%w: chunk of %.40q", errAnswer, text)
		}
		if n == 0 {
			return readTrailer(r)
		}
		if err := readN(r, body, int64(n)); err != nil {
			return err
		}
		if line, err = readLine(r); err != nil {
			return noEnd(err)
		}
		if len(line) > 0 {
			return fmt.Errorf("%w: chunk without an end", errAnswer)
		}
	}
}

func readTrailer(r *bufio.Reader) error {
	for range maxHeaders {
		line, err := readLine(r)
		if err != nil {
			return noEnd(err)
		}
		if len(line) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: more than %d trailers", errAnswer, maxHeaders)
}

// detail says why a server refused, from a problem of RFC 9457.
func detail(a answer) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(a.body, &p) != nil {
		return ""
	}
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// reason says why there was no answer, without the ports that differ each time.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
