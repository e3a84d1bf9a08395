package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// mostTries is how often the submits of a post are sent as a batch: first all, then without
// those that the server refused.
const mostTries = 3

// post is a batch of submits. The fields above sent are guarded by the Submitter's lock until
// sent is set; then the goroutine that sends owns them until done is closed; then they do not change.
type post struct {
	bodies  [][]byte // encoded submits; nil = its caller went away
	size    int      // bytes of all
	keyless int      // those that have no idempotency key, so that they must not be sent twice
	answers []answer // one a body, once done is closed

	sent    bool // guarded by the Submitter's lock
	late    bool // not back in time; guarded by the Submitter's lock
	back    bool // guarded by the Submitter's lock
	waiting int  // callers that have not left; guarded by the Submitter's lock
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{} // closed when all are answered
}

// answer is the answer to one submit.
type answer struct {
	task     []byte // as JSON
	replayed bool
	returned bool
	replaced []string
	err      error
	alone    bool // the server did nothing and may accept it alone: send it alone
}

func (a *answer) submitted() (out Submitted, err error) {
	if a.err != nil {
		return out, a.err
	}
	if err := out.UnmarshalJSON(a.task); err != nil {
		return Submitted{}, fmt.Errorf("decode the answer to a submit: %w", err)
	}
	out.Replayed, out.Returned, out.Replaced = a.replayed, a.returned, a.replaced
	return out, nil
}

func newPost() *post {
	p := &post{done: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// newLonePost returns a post of one submit, which belongs to its caller.
func newLonePost(ctx context.Context, body []byte, hasKey bool) *post {
	p := &post{ctx: ctx, answers: make([]answer, 1)}
	p.add(body, hasKey)
	return p
}

func (p *post) hasRoom(bytes int) bool {
	n := len(p.bodies) + 1
	return n <= mostItems && p.size+bytes+n+1 <= mostBytes // with commas and brackets
}

func (p *post) add(body []byte, hasKey bool) int {
	if !hasKey {
		p.keyless++
	}
	p.bodies = append(p.bodies, body)
	p.size += len(body)
	p.waiting++
	return len(p.bodies) - 1
}

// send sends the submits and fills in the answers.
func (p *post) send(c *Client) {
	p.answers = make([]answer, len(p.bodies))
	items := make([]int, 0, len(p.bodies))
	for i, body := range p.bodies {
		if body != nil {
			items = append(items, i)
		}
	}
	if len(items) == 1 {
		p.sendOne(c, items[0])
		return
	}
	for try := 1; len(items) > 1; try++ {
		problem := p.sendBatch(c, items)
		if problem == nil {
			return
		}
		// All or none, so it was none. The server names the items that it refused: each gets
		// its own answer. The others are sent again.
		blamed := problem.items(len(items))
		if len(blamed) == 0 || try == mostTries {
			break
		}
		var rest []int
		for k, i := range items {
			if blamed[k] {
				p.answers[i].alone = true
			} else {
				rest = append(rest, i)
			}
		}
		items = rest
	}
	for _, i := range items {
		p.answers[i].alone = true
	}
}

func (p *post) sendOne(c *Client, i int) {
	a := &p.answers[i]
	var header http.Header
	a.task, header, a.err = c.post(p.ctx, "/api/tasks/submit", p.bodies[i], p.keyless == 0)
	var said Submitted
	said.say(header)
	a.replayed, a.returned, a.replaced = said.Replayed, said.Returned, said.Replaced
}

// sendBatch posts the items and fills in their answers, unless the server did nothing and
// may do some of them: then it returns why.
func (p *post) sendBatch(c *Client, items []int) *Problem {
	body := make([]byte, 0, p.size+len(items)+1)
	for k, i := range items {
		body = append(body, "[,"[min(k, 1)])
		body = append(body, p.bodies[i]...)
	}
	body = append(body, ']')
	text, header, err := c.post(p.ctx, "/api/tasks/batch", body, p.keyless == 0)
	var problem *Problem
	if errors.As(err, &problem) && problem.ofItems() {
		return problem
	}
	var tasks [][]byte
	if err == nil {
		tasks, err = splitBatch(text, len(items))
	}
	for k, i := range items {
		if err != nil {
			p.answers[i].err = err
		} else {
			p.answers[i].task = tasks[k]
		}
	}
	if list := header.Get("Idempotent-Replayed-Items"); err == nil && list != "" {
		for k := range indexes(list, len(items)) {
			p.answers[items[k]].replayed = true
		}
	}
	if list := header.Get("Unique-Returned-Items"); err == nil && list != "" {
		for k := range indexes(list, len(items)) {
			p.answers[items[k]].returned = true
		}
	}
	return nil
}

// ofItems reports whether a batch was refused because of some of its items. A refusal that does not
// depend on the items is the answer to all.
func (p *Problem) ofItems() bool {
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return p.Status/100 == 4
}

// items are the indexes of the items, of n, that the server says are to blame.
func (p *Problem) items(n int) map[int]bool {
	blamed := map[int]bool{}
	for _, e := range p.Errors {
		index, _, _ := strings.Cut(strings.TrimPrefix(e.Pointer, "/"), "/")
		if k, err := strconv.Atoi(index); err == nil && 0 <= k && k < n {
			blamed[k] = true
		}
	}
	return blamed
}

// indexes reads "0-4,7": numbers below n, and runs of them with both ends. What is none
// is left out.
func indexes(list string, n int) map[int]bool {
	all := map[int]bool{}
	for text := range strings.SplitSeq(list, ",") {
		from, to, isRun := strings.Cut(strings.TrimSpace(text), "-")
		if !isRun {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil || first < 0 {
			continue
		}
		for k := first; k <= last && k < n; k++ {
			all[k] = true
		}
	}
	return all
}
