package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

const maxAnswer = 256 << 20 // bytes of a body

// answer is what a server said.
type answer struct {
	status int
	closes bool   // the connection cannot be used again
	body   []byte // valid until the next answer; nil if it was not kept
}

// post is the request that answers belong to, as http.ReadResponse wants it.
var post = &http.Request{Method: http.MethodPost}

// readAnswer reads one answer and leaves the reader behind it.
func (c *conn) readAnswer(keep bool) (answer, error) {
	resp, err := http.ReadResponse(c.reader, post)
	for err == nil && resp.StatusCode/100 == 1 { // early hints; the answer follows
		resp, err = http.ReadResponse(c.reader, post)
	}
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, closes: resp.Close}
	body := io.LimitReader(resp.Body, maxAnswer+1)
	var n int64
	if keep || a.status/100 != 2 {
		c.body.Reset()
		n, err = c.body.ReadFrom(body)
		a.body = c.body.Bytes()
	} else {
		n, err = io.Copy(io.Discard, body)
	}
	if err == nil && n > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return a, err
}

// ids returns the ids of the tasks in an answer: one task, or an array of tasks.
func ids(body []byte) (all []string) {
	type named struct {
		ID string `json:"id"`
	}
	var tasks []named
	if json.Unmarshal(body, &tasks) != nil {
		tasks = make([]named, 1)
		if json.Unmarshal(body, &tasks[0]) != nil {
			return nil
		}
	}
	for _, t := range tasks {
		if t.ID != "" {
			all = append(all, t.ID)
		}
	}
	return all
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
