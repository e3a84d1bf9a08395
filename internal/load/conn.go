package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	answerTime = 60 * time.Second // the longest that an answer may take
	slack      = 10 * time.Second // by which a deadline may be late: setting one costs
	hurryTime  = 2 * time.Second  // for what is under way when the run is ended early
	longIdle   = 30 * time.Second // after which a server may have closed a connection
)

// conn is one connection that carries one HTTP/1.1 request at a time and is opened again
// when it has broken. The client of net/http does the same with twice the processor time, which
// the server would lack. All methods but hurry are for one goroutine.
type conn struct {
	target target
	reader *bufio.Reader
	body   bytes.Buffer // of the latest answer, if it was kept
	used   time.Time

	mu       sync.Mutex
	net      net.Conn  // nil = not open; guarded by mu
	deadline time.Time // of net; guarded by mu
	hurried  bool      // guarded by mu
}

func newConn(t target) *conn { return &conn{target: t, reader: bufio.NewReaderSize(nil, 16<<10)} }

// open opens the connection.
func (c *conn) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	n, err := c.target.dial(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.net, c.deadline = n, time.Time{}
	c.mu.Unlock()
	c.used = time.Now()
	c.reader.Reset(n)
	return nil
}

func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// do writes a request and reads its answer. With keep the answer has its body; one that is
// no 2xx has it in any case. The body is valid until the next call. An error closes the
// connection; the next call opens it again.
func (c *conn) do(ctx context.Context, request []byte, keep bool) (answer, error) {
	now := time.Now()
	if c.net != nil && now.Sub(c.used) > longIdle {
		c.close()
	}
	if c.net == nil {
		if err := c.open(ctx); err != nil {
			return answer{}, err
		}
	}
	c.used = now
	c.limit(now)
	_, written := c.net.Write(request)
	a, err := c.readAnswer(keep) // a server that refuses may answer before it has read all
	if err != nil {
		c.close()
		return a, errors.Join(written, err)
	}
	if a.closes || written != nil {
		c.close()
	}
	return a, nil
}

// limit moves the deadline, now and then.
func (c *conn) limit(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.hurried && c.deadline.Sub(now) < answerTime {
		c.deadline = now.Add(answerTime + slack)
		_ = c.net.SetDeadline(c.deadline)
	}
}

// hurry leaves little time to what is under way, and to all that follows.
func (c *conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hurried = true
	if c.net != nil {
		_ = c.net.SetDeadline(time.Now().Add(hurryTime))
	}
}
