package queues

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
)

// httpCaller posts over its own connection. It writes requests that were made
// before and reads no more of an answer than it must, so that the load takes little
// of the processor from the server.
type httpCaller struct {
	conn net.Conn
	r    *bufio.Reader
	body func(n int) (path, body string)
	made map[int][]byte // requests by the number of tasks
}

func dialHTTP(address string, body func(n int) (path, body string)) (*httpCaller, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &httpCaller{conn: conn, r: bufio.NewReaderSize(conn, 64<<10), body: body, made: map[int][]byte{}}, nil
}

// Submit posts n tasks and returns when they are answered with 200.
func (c *httpCaller) Submit(_ context.Context, n int) error {
	request := c.made[n]
	if request == nil {
		path, body := c.body(n)
		request = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
		c.made[n] = request
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	return c.skipAnswer()
}

func (c *httpCaller) skipAnswer() error {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		status := string(line)
		rest, _ := c.r.Peek(c.r.Buffered())
		return fmt.Errorf("answer: %s%s", status, rest)
	}
	length, chunked, err := c.skipHeader()
	if err != nil {
		return err
	}
	if chunked {
		return c.skipChunks()
	}
	_, err = c.r.Discard(length)
	return err
}

func (c *httpCaller) skipHeader() (length int, chunked bool, err error) {
	length = -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, false, err
			}
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
	if length < 0 && !chunked {
		return 0, false, fmt.Errorf("an answer without a length")
	}
	return length, chunked, nil
}

func (c *httpCaller) skipChunks() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := c.r.Discard(int(size) + 2); err != nil || size == 0 {
			return err
		}
	}
}
