package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// stop begins the stop.
func (r *workerRun) stop() {
	if r.stopping {
		return
	}
	r.stopping = true
	r.logger.Info("the worker stops: running tasks finish first", "running", len(r.running), "grace", r.options.Grace)
	r.endPoll()
	r.deadline.Reset(r.options.Grace)
}

// isDone reports whether all handlers have returned and all reports are delivered.
func (r *workerRun) isDone() bool {
	return r.stopping && len(r.running) == 0 && len(r.outbox) == 0 && r.lostPoll == "" &&
		r.poll == nil && r.quick == nil && r.beat == nil
}

// endGrace ends the contexts of the handlers that still run.
func (r *workerRun) endGrace() {
	r.graceEnd = true
	for _, a := range r.running {
		a.cancel(ErrStopping)
	}
	r.deadline.Reset(deliverTime)
}

// giveUp abandons tasks that have not ended deliverTime after the grace. Their leases
// expire, and no other worker starts them before that.
func (r *workerRun) giveUp() error {
	err := r.err
	if len(r.running) > 0 {
		var names []string
		for _, a := range r.running {
			names = append(names, a.task.TaskType+" "+a.task.ID)
		}
		slices.Sort(names)
		err = errors.Join(err, fmt.Errorf("handlers did not return after their context had ended: %s", strings.Join(names, ", ")))
	}
	r.abandon()
	lost := len(r.outbox)
	for range len(slices.DeleteFunc([]*leaseCall{r.poll, r.quick}, func(c *leaseCall) bool { return c == nil })) {
		lost += len((<-r.answered).reports)
	}
	if r.beat != nil {
		<-r.beaten
	}
	if lost > 0 {
		err = errors.Join(err, fmt.Errorf("reports could not be delivered to the server (%d): their tasks run again", lost))
	}
	return err
}
