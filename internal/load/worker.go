package load

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// afterFailure is how long a connection waits after it broke, unless a rate says when to
// send.
const afterFailure = 100 * time.Millisecond

// work sends requests over one connection until the plan or ctx ends.
func (r *run) work(ctx context.Context, c *conn) {
	defer c.close()
	defer context.AfterFunc(ctx, c.hurry)()
	s := r.o.sleep()
	defer s.Close()
	for {
		k := r.next.Add(1) - 1
		due, ok := r.await(ctx, s, k)
		if !ok {
			return
		}
		r.send(ctx, c, k, due)
	}
}

// await waits until request k is due and returns that moment; false when the request is
// not to be sent any more.
func (r *run) await(ctx context.Context, s sleeper, k int64) (due time.Duration, ok bool) {
	if k >= r.plan.requests() || ctx.Err() != nil {
		return 0, false
	}
	now := r.since()
	if !r.plan.open() {
		return now, r.plan.count > 0 || now < r.plan.duration
	}
	due = r.plan.due(k)
	if due > now && !sleepFor(ctx, s, due-now) {
		return 0, false
	}
	// What is still due when the time is over is counted, not sent.
	return due, r.plan.count > 0 || r.since() < r.plan.duration
}

// send sends request k and tells the tally how it went.
func (r *run) send(ctx context.Context, c *conn, k int64, due time.Duration) {
	request, tasks := r.whole, r.plan.tasks(k)
	if tasks < r.plan.batch {
		request = r.rest
	}
	sent := r.since()
	if !r.plan.open() {
		due = sent
	}
	a, err := c.do(ctx, request, r.ends != nil)
	now := r.since()
	one := sample{due: due, sent: sent, now: now, tasks: tasks}
	switch {
	case err != nil && ctx.Err() != nil:
		r.tally.unanswered()
	case err != nil:
		r.tally.failed(one, 0, reason(err))
		r.pauseAfter(ctx, now)
	case a.status/100 != 2:
		r.healthy.Store(int64(now))
		r.tally.failed(one, a.status, detail(a))
		if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden { // as it will be for every request
			r.fail(fmt.Errorf("the server refuses these tasks (%d): %s", a.status, detail(a)))
		}
	default:
		r.healthy.Store(int64(now))
		r.tally.accepted(one)
		if r.ends != nil {
			r.expect(a.body, one)
		}
	}
}

// expect notes which tasks an answer names, so that their ends are known for theirs.
func (r *run) expect(body []byte, s sample) {
	n := int64(0)
	for _, id := range ids(body) {
		r.ends.expect(id, s.due)
		n++
	}
	if n != s.tasks {
		r.fail(fmt.Errorf("an answer to %d tasks names %d: is this a Daybook server?", s.tasks, n))
	}
}

// pauseAfter gives a server time to come back, and gives up when it does not.
func (r *run) pauseAfter(ctx context.Context, now time.Duration) {
	if quiet := now - time.Duration(r.healthy.Load()); quiet > r.o.Patience {
		r.fail(fmt.Errorf("nothing was answered for %v", r.o.Patience))
		return
	}
	if !r.plan.open() {
		sleepFor(ctx, plainSleeper{}, afterFailure)
	}
}
