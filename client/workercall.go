package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"daybook/internal/durable"
)

const (
	leasesPath = "/api/leases"
	// mostReports and mostCallBytes are the most reports of one call, and the most bytes of them. A
	// larger report goes alone.
	mostReports   = 1000
	mostCallBytes = 8 << 20
	// slowCallBytes: of a larger call, the leases get beats while it is on its way.
	slowCallBytes = 1 << 20
	// answerTime is how long an answer may take, beyond the wait for work.
	answerTime = 30 * time.Second
	// slowestUpload is the slowest network that a call is given time for, in bytes a second.
	slowestUpload = 64 << 10
	// longestCallPause is the longest pause between two tries of a call.
	longestCallPause = 5 * time.Second
)

// leaseCall is one call that reports and leases. It is repeated as it is until it has an answer.
type leaseCall struct {
	call
	most    int // leases
	wait    time.Duration
	pollID  string
	body    []byte
	reports []*report
	ctx     context.Context
	cancel  context.CancelFunc // nil = the context is that of other calls too
	failed  atomic.Bool        // at least once

	// Set before the call is sent to workerRun.answered.
	answer leasesAnswer
	err    error
}

// leasesAnswer is the answer to POST /api/leases.
type leasesAnswer struct {
	Leases      []*leased `json:"leases"`
	Results     []Problem `json:"results"` // Status 200 = recorded
	Quiet       bool      `json:"quiet"`
	BeatSeconds float64   `json:"beat_seconds"`
}

// result is the answer to one report. One that is missing is that of a report that was recorded.
func (a *leasesAnswer) result(i int) *Problem {
	if i < len(a.Results) {
		return &a.Results[i]
	}
	return &Problem{Status: http.StatusOK}
}

// leased is one task that was leased.
type leased struct {
	Token   string                  `json:"token"`
	Attempt int                     `json:"attempt"`
	Task    Task                    `json:"task"`
	Steps   map[string]durable.Step `json:"steps"`

	Dependencies map[string]DependencyResult `json:"dependencies"`
}

// callHeader is the header of calls that report and lease. No compression: a worker is near its server, and to unpack a small
// answer costs more than to read it.
var callHeader = http.Header{"Content-Type": {"application/json"}, "Accept-Encoding": {"identity"}}

func (r *workerRun) newCall(most int, wait time.Duration, pollID string, reports []*report) *leaseCall {
	c := &leaseCall{most: most, wait: wait, pollID: pollID, reports: reports}
	switch {
	case r.stopping && len(reports) == 0: // it asks what a lost answer had: not for long
		c.ctx, c.cancel = context.WithTimeout(r.calls, deliverTime)
	case most > 0:
		c.ctx = r.polling
	default:
		c.ctx = r.calls
	}
	c.method, c.header, c.again = http.MethodPost, callHeader, true
	if len(reports) == 1 && reports[0].alone {
		c.most = 0
		c.aloneBody(reports[0])
		return c
	}
	if c.pollID == "" {
		r.polls++
		c.pollID = r.pollPrefix + strconv.Itoa(r.polls)
	}
	c.path = leasesPath
	size := len(r.callHead) + 100
	for _, rep := range reports {
		size += len(rep.body) + 1
	}
	body := append(make([]byte, 0, size), r.callHead...)
	body = strconv.AppendInt(append(body, `,"max":`...), int64(most), 10)
	body = strconv.AppendInt(append(body, `,"wait_seconds":`...), int64(wait/time.Second), 10)
	body = append(append(append(body, `,"poll_id":"`...), c.pollID...), '"')
	for i, rep := range reports {
		body = append(append(body, [...]string{`,"reports":[`, ","}[min(i, 1)]...), rep.body...)
	}
	if len(reports) > 0 {
		body = append(body, ']')
	}
	c.body = append(body, '}')
	return c
}

// newCallHead is what each call has that reports and leases, as JSON without its end.
func (r *workerRun) newCallHead() []byte {
	head, _ := json.Marshal(struct {
		Worker       string   `json:"worker"`
		Build        string   `json:"build,omitempty"`
		TaskTypes    []string `json:"task_types"`
		Queues       []string `json:"queues,omitempty"`
		LeaseSeconds int64    `json:"lease_seconds"`
	}{r.options.Name, r.options.Build, r.worker.types, r.options.Queues, int64(r.options.Lease / time.Second)}) // of texts and numbers
	return head[:len(head)-1]
}

// aloneBody makes the call that is for one task.
func (c *leaseCall) aloneBody(rep *report) {
	var b struct {
		reportBody
		Token string `json:"token,omitempty"`
		Do    string `json:"do,omitempty"`
	}
	_ = json.Unmarshal(rep.body, &b.reportBody) // it was encoded from one
	do := b.reportBody.Do
	if do == "progress" {
		do = "heartbeat"
	}
	c.path = pathOf("/api/leases/", rep.attempt.token, "/"+do)
	c.body, _ = json.Marshal(b)
}

// isForOne reports whether the call is for one task.
func (c *leaseCall) isForOne() bool { return c.path != leasesPath }

// isSlow reports whether the call may not arrive before the leases of its reports run out.
func (c *leaseCall) isSlow() bool { return c.failed.Load() || len(c.body) > slowCallBytes }

// send repeats the call until it has an answer that a repetition would not change.
func (c *leaseCall) send(r *workerRun, w *wire) {
	if c.cancel != nil {
		defer c.cancel()
	}
	for pause := shortestPause; ; pause = min(2*pause, longestCallPause) {
		c.err = c.once(w)
		if c.err == nil || !transient(c.err) || c.ctx.Err() != nil {
			return
		}
		if !c.failed.Swap(true) {
			r.logger.Warn("the server does not answer; trying again", "err", c.err)
		}
		if sleep(c.ctx, pauseAfter(c.err, pause)) != nil {
			return
		}
	}
}

// pauseAfter is the pause after an error: at random up to a longest one, but as long as the server
// asks for.
func pauseAfter(err error, longest time.Duration) time.Duration {
	pause := longest/2 + mathrand.N(longest/2)
	var p *Problem
	if errors.As(err, &p) {
		pause = max(pause, p.RetryAfter)
	}
	return pause
}

func (c *leaseCall) once(w *wire) error {
	upload := time.Duration(len(c.body)/slowestUpload) * time.Second
	c.answer = leasesAnswer{}
	data, err := w.post(c.ctx, time.Now().Add(c.wait+answerTime+upload), c.call, c.body)
	if err != nil || c.isForOne() {
		return err
	}
	if err := decode(data, &c.answer); err != nil {
		return fmt.Errorf("decode the answer to %s %s: %w", c.method, c.path, err)
	}
	return nil
}

// failed handles a lease call without an answer.
func (r *workerRun) failed(c *leaseCall) {
	var p *Problem
	isProblem := errors.As(c.err, &p) && !transient(c.err)
	switch {
	case !isProblem: // cancelled by the stop
		r.outbox = append(c.reports, r.outbox...)
		if c.most > 0 {
			r.lostPoll = c.pollID
		}
	case len(c.reports) == 1 && c.reports[0].alone:
		r.result(c.reports[0], p)
	case len(c.reports) > 0 && (p.Status == http.StatusBadRequest || p.Status == http.StatusRequestEntityTooLarge):
		for _, rep := range c.reports { // one of them is to blame: each is sent alone
			rep.alone = true
		}
		r.outbox = append(c.reports, r.outbox...)
	default:
		if r.err == nil {
			r.err = c.err
			r.logger.Error("the server refuses the worker", "err", c.err)
		}
		r.stop()
	}
}

// result handles the answer to one report.
func (r *workerRun) result(rep *report, res *Problem) {
	if res.Status/100 == 2 {
		return
	}
	a := rep.attempt
	log := r.logger.With("task", a.task.ID, "task_type", a.task.TaskType)
	switch {
	case res.Status >= 500 || res.Status == http.StatusTooManyRequests:
		r.outbox = append(r.outbox, rep)
		r.held = true
		r.pause(time.Second)
	case strings.HasSuffix(res.Type, "cancelled"):
		if !rep.ends && r.running[a.token] == a {
			a.cancel(ErrCancelled)
		}
	case res.Status == http.StatusConflict || res.Status == http.StatusNotFound:
		if !rep.ends {
			r.lose(r.running[a.token])
			return
		}
		log.Warn("the server refused a report: the lease is lost", "err", res)
	case !rep.ends || rep.refused:
		log.Error("the server refused a report", "err", res)
	default: // its content is invalid: the lease stays, and a retry would report the same
		log.Error("the server refused the result of a task", "err", res)
		instead := a.failure(Permanent(fmt.Errorf("the server refused the result: %w", res)))
		instead.refused = true
		r.outbox = append(r.outbox, instead)
	}
}
