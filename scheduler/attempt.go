package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Causes of the end of an attempt's context.
var (
	errCancelled = errors.New("task was cancelled")
	errTimeout   = errors.New("attempt ran longer than timeout_seconds")
	errStopping  = errors.New("server is stopping")
	errOver      = errors.New("attempt is over")
)

const (
	// progressEvery is the least time between two progress events of a task.
	progressEvery = 250 * time.Millisecond
	// obedience is how long a handler may take to return once its context has ended.
	// After it the attempt is ended without it; it keeps its slot until it returns.
	obedience = time.Second
)

// attempt is one run of a handler, from its task.started to the return of the handler.
type attempt struct {
	s      *Scheduler
	id     ulid.ULID
	stream string // of the task
	fence  int64
	task   task.Task // as it started
	ctx    context.Context
	end    context.CancelCauseFunc
	// parameters of the task, nil if they are still to be read: the
	// attempt then reads them.
	parameters []byte

	// Owned by the loop.
	settled bool         // its end has been decided, with the handler or without
	success task.Succeed // what conclude returns

	mu       sync.Mutex
	percent  float64     // guarded by mu; the latest report
	message  string      // guarded by mu
	news     bool        // guarded by mu; there is a report that no event carries
	queued   bool        // guarded by mu; the loop will come for it
	last     time.Time   // guarded by mu; when the loop last came
	timer    *time.Timer // guarded by mu; nil unless a report waits for its time
	finished bool        // guarded by mu; the handler has returned
}

// report is what an attempt tells the loop.
type report struct {
	kind     reportKind
	news     bool // progress says something; known once the loop has it
	attempt  *attempt
	outcome  Outcome       // returned
	err      error         // returned, overdue
	progress task.Progress // what no event carries yet
}

type reportKind uint8

const (
	returned   reportKind = iota // the handler has returned
	progressed                   // there is news in the attempt
	overdue                      // the context ended and the handler has not returned
)

func (s *Scheduler) newAttempt(t *task.Task, stream string) *attempt {
	a := &attempt{s: s, id: t.ID, stream: stream, fence: t.Fence, task: *t}
	a.ctx, a.end = context.WithCancelCause(context.Background())
	return a
}

// run calls the handler and reports its return. It is the body of a goroutine that
// the loop joins through the report.
func (a *attempt) run() {
	if a.task.Timeout > 0 {
		timeout := time.AfterFunc(a.task.Timeout.Duration(), func() { a.stop(errTimeout) })
		defer timeout.Stop()
	}
	outcome, err := a.call()
	a.mu.Lock()
	a.finished = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.mu.Unlock()
	a.end(errOver)
	a.s.tell(report{kind: returned, attempt: a, outcome: outcome, err: err})
}

// panicked is the error of a handler that panicked.
type panicked struct{ stack []byte }

func (p *panicked) Error() string { return "the handler panicked; the server's log has the stack" }

func (a *attempt) call() (outcome Outcome, err error) {
	defer func() {
		if value := recover(); value != nil {
			stack := debug.Stack()
			a.s.o.Logger.Error("handler panicked", "task", a.task.Name(), "type", a.task.Type,
				"attempt", a.task.Attempt, "panic", fmt.Sprint(value), "stack", string(stack))
			err = &panicked{stack}
		}
	}()
	parameters := a.parameters
	if parameters == nil {
		if parameters, err = a.s.o.Payloads.Get(a.ctx, a.task.SubmitSeq); err != nil {
			return Outcome{}, fmt.Errorf("read the parameters: %w", err)
		}
	}
	return a.s.o.Runner.Run(a.ctx, Attempt{Task: a.task, Parameters: parameters, Report: a.report})
}

// stop ends the attempt's context; the loop hears of it if the handler does not return
// in time.
func (a *attempt) stop(cause error) {
	a.end(cause)
	time.AfterFunc(obedience, func() {
		a.mu.Lock()
		finished := a.finished
		a.mu.Unlock()
		if !finished {
			a.s.tell(report{kind: overdue, attempt: a})
		}
	})
}

// tell sends a report unless the loop has ended.
func (s *Scheduler) tell(r report) {
	select {
	case s.reports <- r:
		s.wake(len(s.reports))
	case <-s.stopped:
	}
}

// report keeps the latest word and sees to it that the loop comes for it, at most once
// in progressEvery.
func (a *attempt) report(percent float64, message string) {
	a.mu.Lock()
	if a.finished || math.IsNaN(percent) {
		a.mu.Unlock()
		return
	}
	a.percent, a.news = max(a.percent, percent), true
	if message != "" {
		a.message = message
	}
	if a.queued {
		a.mu.Unlock()
		return
	}
	a.queued = true
	wait := progressEvery - time.Since(a.last)
	if wait > 0 && !a.last.IsZero() && percent < 100 {
		a.timer = time.AfterFunc(wait, func() { a.s.tell(report{kind: progressed, attempt: a}) })
		a.mu.Unlock()
		return
	}
	a.mu.Unlock()
	a.s.tell(report{kind: progressed, attempt: a})
}

// takeNews returns the latest report as a command; false when there is none.
func (a *attempt) takeNews() (task.Progress, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news := a.news
	a.news, a.queued, a.last = false, false, time.Now()
	p := task.Progress{Fence: a.fence, Percent: a.percent, Message: a.message}
	a.message = ""
	return p, news
}

// conclude says which command ends the attempt, from what the handler returned and
// from why its context ended, if it did.
func (a *attempt) conclude(r *report, seed uint64) task.Command {
	if r.err == nil {
		a.success = task.Succeed{Fence: a.fence, Result: r.outcome.Result, Files: r.outcome.Files}
		return &a.success
	}
	var p *panicked
	var permanent interface{ Permanent() bool }
	fail := task.Fail{Fence: a.fence, Code: task.CodeError, Error: r.err.Error(), Seed: seed}
	switch cause := context.Cause(a.ctx); {
	case cause == errCancelled:
		return task.Stop{Fence: a.fence}
	case cause == errStopping:
		return task.Release{Fence: a.fence}
	case cause == errTimeout:
		fail.Code, fail.Error = task.CodeTimeout, a.timeoutText()
	case errors.As(r.err, &p):
		fail.Code = task.CodePanic
	case errors.As(r.err, &permanent) && permanent.Permanent():
		fail.Code = task.CodePermanent
	}
	return fail
}

func (a *attempt) timeoutText() string {
	return fmt.Sprintf("it ran longer than its timeout of %v", a.task.Timeout.Duration())
}
