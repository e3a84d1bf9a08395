package client

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
)

const (
	// mostPosts is how many posts of a Submitter are on their way at once.
	mostPosts = 2
	// mostItems and mostBytes are the most that a server takes in one batch.
	mostItems = 1000
	mostBytes = 16 << 20
)

// Submitter submits tasks for many goroutines: what they submit at the same time travels
// in one post and lands in one commit. Nobody waits for company: while fewer than two
// posts are on their way a submit goes out at once; those that come meanwhile gather and
// go out together when one is back. There is no timer. One goroutine alone gains nothing
// and loses nothing.
//
// No order holds between submits of different goroutines. Make it with
// Client.NewSubmitter, one for all goroutines of a program. Safe for concurrent use. It
// needs no closing: what it has on its way ends with its callers.
type Submitter struct {
	client *Client

	mu     sync.Mutex
	onWay  int     // posts that have a goroutine, at most mostPosts
	gather []*post // not on their way yet; the last one takes more
}

// NewSubmitter returns a Submitter that sends through c.
func (c *Client) NewSubmitter() *Submitter { return &Submitter{client: c} }

// Submit submits one task, as Client.Submit does: when it returns without an error, the
// task is on the server's disk, and a *Problem is about this submit alone. A network
// error, or an answer of 500 or more, may go to several callers at once.
//
// When ctx ends before the task is on its way, it is never sent. After that the outcome
// is unknown, and others in the same post are not disturbed. Values of ctx do not reach
// the transport.
//
// The task of a key that was used before may lack a long result (ResultTruncated): Get
// has it whole.
func (s *Submitter) Submit(ctx context.Context, submit Submit) (out Submitted, err error) {
	body, err := json.Marshal(submit)
	if err != nil {
		return out, fmt.Errorf("encode the request: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	p, i := s.join(body)
	select {
	case <-p.done:
	case <-ctx.Done():
		s.leave(p, i)
		return out, ctx.Err()
	}
	a := &p.answers[i]
	if a.alone { // the server did nothing of the batch that it was in
		alone := &post{ctx: ctx, bodies: [][]byte{body}, answers: make([]answer, 1)}
		alone.sendOne(s.client, 0)
		return alone.answers[0].submitted()
	}
	return a.submitted()
}

// join adds a submit to what gathers and returns its post and its place there.
func (s *Submitter) join(body []byte) (p *post, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.gather); n > 0 && s.gather[n-1].hasRoom(len(body)) {
		p = s.gather[n-1]
	} else {
		p = newPost()
		s.gather = append(s.gather, p)
	}
	i = p.add(body)
	if s.onWay < mostPosts {
		s.onWay++
		go s.work()
	}
	return p, i
}

// leave takes a submit out of its post if that has not been sent; others may join it yet.
// The last that leaves a post that was sent ends it.
func (s *Submitter) leave(p *post, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.waiting--
	if !p.sent {
		p.size -= len(p.bodies[i])
		p.bodies[i] = nil
	} else if p.waiting == 0 {
		p.cancel()
	}
}

// work sends what gathers, a post at a time, until nothing is left.
func (s *Submitter) work() {
	for {
		s.settle()
		p := s.take()
		if p == nil {
			return
		}
		p.send(s.client)
		p.cancel()
		close(p.done)
	}
}

// settle lets other goroutines run, again as long as more gather by that: those that were
// answered a moment ago, and are about to submit again, then travel together. It waits for
// nobody who does not run already.
func (s *Submitter) settle() {
	for before := 0; ; {
		runtime.Gosched()
		n := s.gathered()
		if n <= before {
			return
		}
		before = n
	}
}

// gathered is how many submits gather.
func (s *Submitter) gathered() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.gather {
		n += p.waiting
	}
	return n
}

// take closes the first post that gathers to newcomers; nil, and the end of the worker,
// when there is none.
func (s *Submitter) take() *post {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.gather) > 0 {
		p := s.gather[0]
		s.gather[0], s.gather = nil, s.gather[1:]
		p.sent = true
		if p.waiting > 0 {
			return p
		}
	}
	s.onWay--
	return nil
}
