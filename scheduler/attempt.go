package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// errOver ends the context of an attempt that has returned; the other causes are in package task.
var errOver = errors.New("attempt is over")

const (
	// progressEvery is the least time between two progress events of a task.
	progressEvery = 250 * time.Millisecond
	// returnLimit is how long a handler may take to return once its context has ended.
	// After it the attempt is ended without it; it keeps its slot until it returns.
	returnLimit = time.Second
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
	slot       slot
	ending     ending // owned by the goroutine in run until it has reported

	// Owned by the loop.
	endDecided bool // its end has been decided, with the handler or without

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
	command  task.Command  // returned, overdue: what ends the attempt
	progress task.Progress // what no event carries yet
	tried    tries
}

type reportKind uint8

const (
	returned   reportKind = iota // the handler has returned
	progressed                   // there is news in the attempt
	overdue                      // the context ended and the handler has not returned
	survived                     // a suspect has run for the length of its trial
)

func (s *Scheduler) newAttempt(t *task.Task, stream string) *attempt {
	a := &attempt{s: s, id: t.ID, stream: stream, fence: t.Fence(), task: *t}
	a.ctx, a.end = context.WithCancelCause(context.Background())
	return a
}

// run calls the handler and reports its end. It is the body of a goroutine that the loop
// joins through the report. See ending for the steps; each of them is taken even if the
// handler ends the goroutine by runtime.Goexit.
func (a *attempt) run() {
	if timeout := a.task.Timeout.Duration(); timeout > 0 {
		var cancel context.CancelFunc
		a.ctx, cancel = context.WithTimeoutCause(a.ctx, timeout, task.ErrAttemptTimeout)
		defer cancel()
		defer a.watchReturn(timeout).Stop() // or it would keep the attempt until then
	}
	defer a.finish()
	defer a.explain()
	defer a.notice()
	a.ending.outcome, a.ending.err = a.call()
	a.ending.returned = true
}

// damagedParameters is the error of an attempt whose parameters the log cannot give: no
// other attempt can have them.
type damagedParameters struct{}

func (damagedParameters) Error() string {
	return "its parameters are damaged in the log, so it cannot run: submit it again"
}

func (damagedParameters) Permanent() bool { return true }

// call runs the handler and checks its result, as the log would.
func (a *attempt) call() (outcome Outcome, err error) {
	parameters := a.parameters
	if parameters == nil {
		parameters, err = a.s.o.Payloads.Get(a.ctx, a.task.SubmitSeq)
		if errors.Is(err, eventlog.ErrDamaged) {
			return Outcome{}, damagedParameters{}
		}
		if err != nil {
			return Outcome{}, fmt.Errorf("read the parameters: %w", err)
		}
	}
	parameters, results, err := a.s.WithResults(a.ctx, &a.task, parameters)
	if err != nil {
		return Outcome{}, err
	}
	// The handler gets a copy: what it does to it is its own.
	outcome, err = a.s.o.Runner.Run(a.ctx, Attempt{Task: a.task, Parameters: bytes.Clone(parameters), Dependencies: results, FileNames: a.fileNames,
		Report: a.report, Save: a.save, Saved: a.saved, Steps: a.steps, RecordStep: a.recordStep, Now: a.s.Now,
		Children: a.makeChildren, ReadChild: func(body []byte, into *task.Submit) []task.FieldError { return a.s.o.ReadSubmit(body, a.s.Now(), into) }})
	if err != nil {
		return Outcome{}, err
	}
	return checked(outcome)
}

// fileNames is what the task's files are called, as its first event says.
func (a *attempt) fileNames() (map[string]string, error) {
	if a.task.Subject() == "" {
		return nil, nil
	}
	events, err := a.s.o.Log.Events(a.ctx, []int64{a.task.SubmitSeq})
	if err != nil {
		return nil, fmt.Errorf("read the names of its files: %w", err)
	}
	var d task.Data
	if err := new(task.Decoder).Decode(&d, task.EventSubmitted, events[0].V, events[0].Data); err != nil {
		return nil, fmt.Errorf("read the names of its files: %w", err)
	}
	return d.NamesOfFiles(), nil
}

// finish reports the end. None of the handler's code runs any more.
func (a *attempt) finish() {
	a.mu.Lock()
	a.finished = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.mu.Unlock()
	a.end(errOver)
	a.s.send(report{kind: returned, attempt: a, command: a.ending.command})
}

// stop ends the attempt's context; the loop hears of it if the handler does not return
// in time.
func (a *attempt) stop(cause error) {
	a.end(cause)
	a.watchReturn(0)
}

// watchReturn tells the loop if the handler has not returned soon after its context has
// ended, which it does after so long.
func (a *attempt) watchReturn(after time.Duration) *time.Timer {
	return time.AfterFunc(after+returnLimit, func() {
		a.mu.Lock()
		finished := a.finished
		a.mu.Unlock()
		if !finished {
			a.s.send(report{kind: overdue, attempt: a})
		}
	})
}

// send sends a report unless the loop has ended.
func (s *Scheduler) send(r report) {
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
		a.timer = time.AfterFunc(wait, func() { a.s.send(report{kind: progressed, attempt: a}) })
		a.mu.Unlock()
		return
	}
	a.mu.Unlock()
	a.s.send(report{kind: progressed, attempt: a})
}

// keep has the loop come again for a report that found no room in the log, unless there is a newer one.
func (a *attempt) keep(p task.Progress) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.message == "" {
		a.message = p.Message
	}
	a.news = true // the end of the attempt has it
	if a.finished || a.queued || a.s.damage() != nil {
		return
	}
	a.queued = true
	a.timer = time.AfterFunc(fullProbe, func() { a.s.send(report{kind: progressed, attempt: a}) })
}

// latestProgress returns the latest report as a command; false when there is none.
func (a *attempt) latestProgress() (task.Progress, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news := a.news
	a.news, a.queued, a.last = false, false, time.Now()
	p := task.Progress{Fence: a.fence, Percent: a.percent, Message: a.message}
	a.message = ""
	return p, news
}
