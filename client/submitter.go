package client

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"time"
)

const (
	// mostPosts is how many posts of a Submitter are on their way at once.
	mostPosts = 2
	// near is the longest that a post of a near server is on its way; then it is late.
	near = 10 * time.Millisecond
	// mostItems and mostBytes are the most that a server takes in one batch.
	mostItems = 1000
	mostBytes = 16 << 20
)

// Submitter submits tasks for many goroutines: what they submit at the same time travels
// in one post and lands in one commit. Nobody waits for company: a submit goes out at once
// when no post is on its way; those that come meanwhile gather and go out together when it
// is back. Where it takes more than 10 ms to come back, a second one leaves before that.
// One goroutine alone gains nothing and loses nothing.
//
// No order holds between submits of different goroutines. Make it with
// Client.NewSubmitter, one for all goroutines of a program. Safe for concurrent use. It
// needs no closing: what it has on its way ends with its callers.
type Submitter struct {
	client *Client

	mu     sync.Mutex
	onWay  int     // posts that have a goroutine, at most mostPosts
	late   int     // those of them that are late
	isNear bool    // the post that came back last was not late
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
	if p.answers[i].alone { // the server did nothing of the batch that it was in
		s.leave(p, i)
		alone := &post{ctx: ctx, bodies: [][]byte{body}, answers: make([]answer, 1)}
		alone.sendOne(s.client, 0)
		return alone.answers[0].submitted()
	}
	out, err = p.answers[i].submitted()
	s.leave(p, i)
	return out, err
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
	s.begin()
	return p, i
}

// begin makes a worker for what gathers, if a post may leave. Under the lock.
func (s *Submitter) begin() {
	if len(s.gather) > 0 && s.mayLeave() {
		s.onWay++
		go s.work()
	}
}

// mayLeave tells whether one more post may leave. A near server does better with one that
// is full than with two; those that are late hold up nobody. Under the lock.
func (s *Submitter) mayLeave() bool {
	if s.isNear && s.onWay > s.late {
		return false
	}
	return s.onWay < mostPosts
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

// work sends what gathers, a post at a time, until nothing is left. Between two posts the
// callers of the first run until each has its task: who submits again at once is in the
// second.
func (s *Submitter) work() {
	for {
		s.settle()
		p := s.take()
		if p == nil {
			return
		}
		late := time.AfterFunc(near, func() { s.isLate(p) })
		p.send(s.client)
		late.Stop()
		s.isBack(p)
		close(p.done)
		<-p.ctx.Done()
	}
}

// isLate lets what gathers leave while a post takes its time.
func (s *Submitter) isLate(p *post) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.back {
		return
	}
	p.late = true
	s.late++
	s.begin()
}

// isBack takes note of a post that came back.
func (s *Submitter) isBack(p *post) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.back = true
	s.isNear = !p.late
	if p.late {
		s.late--
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
// when there is none, or when a worker less is enough.
func (s *Submitter) take() *post {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onWay--
	for len(s.gather) > 0 && s.mayLeave() {
		p := s.gather[0]
		s.gather[0], s.gather = nil, s.gather[1:]
		p.sent = true
		if p.waiting > 0 {
			s.onWay++
			return p
		}
	}
	return nil
}
