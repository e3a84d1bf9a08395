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
	// mostPosts is how many posts of a Submitter are in flight at once.
	mostPosts = 2
	// near is the longest time that a post to a near server takes; after that it is late.
	near = 10 * time.Millisecond
	// mostItems and mostBytes are the most that a server takes in one batch.
	mostItems = 1000
	mostBytes = 16 << 20
)

// Submitter submits tasks for many goroutines: what they submit at the same time is sent
// in one post and written in one commit. No submit is delayed to wait for others: it is sent at once
// if no post is in flight; those that come meanwhile are sent together when it
// is answered. If that takes more than 10 ms, a second post is sent before.
// With one goroutine it is as fast as Client.Submit.
//
// No order holds between submits of different goroutines. Make it with
// Client.NewSubmitter, one for all goroutines of a program. Safe for concurrent use. It
// needs no closing: its requests end with their callers.
type Submitter struct {
	client *Client

	mu     sync.Mutex
	onWay  int     // posts that have a goroutine, at most mostPosts
	late   int     // those of them that are late
	isNear bool    // the post that came back last was not late
	gather []*post // not sent yet; the last one is open for more
}

// NewSubmitter returns a Submitter that sends through c.
func (c *Client) NewSubmitter() *Submitter { return &Submitter{client: c} }

// Submit submits one task, as Client.Submit does: when it returns without an error, the
// task is on the server's disk, and a *Problem is about this submit alone. A network
// error, or an answer of 500 or more, may go to several callers at once.
//
// If ctx ends before the task is sent, it is never sent. After that the outcome
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
	p, i := s.join(body, submit.IdempotencyKey != "")
	select {
	case <-p.done:
	case <-ctx.Done():
		s.leave(p, i)
		return out, ctx.Err()
	}
	if p.answers[i].alone { // the server did nothing of its batch
		s.leave(p, i)
		alone := newLonePost(ctx, body, submit.IdempotencyKey != "")
		alone.sendOne(s.client, 0)
		return alone.answers[0].submitted()
	}
	out, err = p.answers[i].submitted()
	s.leave(p, i)
	return out, err
}

// join adds a submit to an open post and returns the post and its index there.
func (s *Submitter) join(body []byte, hasKey bool) (p *post, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.gather); n > 0 && s.gather[n-1].hasRoom(len(body)) {
		p = s.gather[n-1]
	} else {
		p = newPost()
		s.gather = append(s.gather, p)
	}
	i = p.add(body, hasKey)
	s.begin()
	return p, i
}

// begin starts a worker for the submits that have collected, if a post may be sent. Under the lock.
func (s *Submitter) begin() {
	if len(s.gather) > 0 && s.mayLeave() {
		s.onWay++
		go s.work()
	}
}

// mayLeave reports whether one more post may be sent. A near server handles one full post faster
// than two; late posts do not count. Under the lock.
func (s *Submitter) mayLeave() bool {
	if s.isNear && s.onWay > s.late {
		return false
	}
	return s.onWay < mostPosts
}

// leave removes a submit from its post if that has not been sent. When the last submit leaves a post
// that was sent, the request is cancelled.
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

// work sends one post after the other until nothing is left. Between two posts it lets the callers
// of the first one run, so that a caller that submits again at once is in the second.
func (s *Submitter) work() {
	for {
		s.yield()
		p := s.nextPost()
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

// isLate notes that a post takes long, so that another one may be sent meanwhile.
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

// isBack notes that a post was answered.
func (s *Submitter) isBack(p *post) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.back = true
	s.isNear = !p.late
	if p.late {
		s.late--
	}
}

// yield lets other goroutines run for as long as that brings more submits: callers that were
// answered a moment ago and submit again are then in the same post. It waits for no goroutine
// that is blocked.
func (s *Submitter) yield() {
	for before := 0; ; {
		runtime.Gosched()
		n := s.gathered()
		if n <= before {
			return
		}
		before = n
	}
}

// gathered is how many submits wait to be sent.
func (s *Submitter) gathered() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.gather {
		n += p.waiting
	}
	return n
}

// nextPost closes the oldest open post and returns it for sending. It returns nil, and the caller must
// end, if there is none or if the other workers are enough.
func (s *Submitter) nextPost() *post {
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
