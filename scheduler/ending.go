package scheduler

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"daybook/task"
)

// ending is how an attempt ended and what follows from that. It is worked out in the
// goroutine of the attempt, because a handler's errors, results and panic values are code
// of the handler too: their methods may panic, block or end the goroutine.
//
//  1. call runs the handler; notice, deferred, sees a panic or a Goexit.
//  2. explain, deferred, asks the error or the panic for its words.
//  3. finish, deferred, reports command.
type ending struct {
	outcome  Outcome
	err      error
	returned bool // the handler has, with outcome and err
	panicked bool
	value    any          // that it panicked with
	frames   []uintptr    // where it panicked
	success  task.Succeed // what command points to after a success
	command  task.Command // what ends the attempt
	fail     task.Fail    // what command is after a failure
	suspend  task.Suspend // what command is if the handler suspends the task
}

// Failures of which the handler says nothing itself.
const (
	errorGoexit     = "the handler ended its goroutine (runtime.Goexit, or FailNow of a test); a handler must return"
	errorUnreadable = "the handler returned an error whose Error method panicked or did not return; is it a nil pointer?"
	errorPanicked   = "the handler panicked"
)

const (
	maxPanicText = 4 << 10 // bytes of a panic value's text that are kept
	maxFrames    = 48      // of a stack
)

// notice takes in how the handler ended. It is to be deferred.
func (a *attempt) notice() {
	e := &a.ending
	value := recover()
	if e.returned {
		return
	}
	if e.panicked = value != nil; e.panicked {
		e.value = value
		e.frames = make([]uintptr, maxFrames)
		e.frames = e.frames[:runtime.Callers(2, e.frames)]
		a.s.o.Logger.Error("handler panicked", "task", a.task.Name(), "type", a.task.Type,
			"attempt", a.task.Attempt, "stack", string(debug.Stack()))
	}
}

// explain works out which command ends the attempt, from how the handler ended and from why
// its context did, if it did. It is to be deferred.
func (a *attempt) explain() {
	e := &a.ending
	cause := context.Cause(a.ctx)
	if e.returned && e.err == nil {
		e.success = task.Succeed{Fence: a.fence, Result: e.outcome.Result, Files: e.outcome.Files,
			Outcome: e.outcome.Outcome, Partial: e.outcome.Partial}
		e.command = &e.success
		return
	}
	defer func() {
		_ = recover() // of the methods of its error or panic value; then what fail says already stands
		e.command = a.afterFailure(cause)
	}()
	e.fail = task.Fail{Fence: a.fence, Code: task.CodeError}
	switch {
	case e.panicked:
		e.fail.Code, e.fail.Error, e.fail.Stack = task.CodePanic, errorPanicked, stackText(e.frames)
		e.fail.Error = errorPanicked + ": " + task.CutText(fmt.Sprint(e.value), maxPanicText)
	case !e.returned:
		e.fail.Error = errorGoexit
	default:
		e.fail.Error = errorUnreadable
		var permanent interface{ Permanent() bool }
		if errors.As(e.err, &permanent) && permanent.Permanent() {
			e.fail.Code = task.CodePermanent
		}
		var suspended interface{ Suspension() task.Suspend }
		if errors.As(e.err, &suspended) {
			e.suspend = suspended.Suspension()
			e.suspend.Fence = a.fence
		}
		var later interface{ RetryAfter() time.Duration }
		if errors.As(e.err, &later) {
			e.fail.After = task.SpanOf(min(later.RetryAfter(), task.MaxBackoffMax.Duration()))
		}
		if e.err == a.ctx.Err() || e.err == cause { // bare, it says nothing that the cause does not
			e.fail.Error = ""
			return
		}
		e.fail.Error = e.err.Error()
	}
}

// afterFailure is what a failed attempt leads to, given why its context ended. An error
// that no retry can mend is one whatever else happened, unless the task was cancelled.
func (a *attempt) afterFailure(cause error) task.Command {
	fail := a.ending.fail
	permanent := fail.Code == task.CodePermanent
	switch suspended := a.ending.suspend.Step != ""; {
	case suspended && !errors.Is(cause, task.ErrAttemptTimeout) && !errors.Is(cause, task.ErrAttemptLeaseLost):
		return a.ending.suspend // of a task that is being cancelled it is refused
	case errors.Is(cause, task.ErrAttemptCancelled):
		return task.Stop{Fence: a.fence}
	case errors.Is(cause, task.ErrAttemptStopping) && !permanent:
		return task.Release{Fence: a.fence}
	case errors.Is(cause, task.ErrAttemptTimeout):
		if !permanent {
			fail.Code = task.CodeTimeout
		}
		if fail.Error != "" {
			fail.Error = "; then: " + fail.Error
		}
		fail.Error = a.timeoutText() + fail.Error
	}
	return fail
}

// withoutHandler is what ends an attempt whose handler has not returned in time.
func (a *attempt) withoutHandler() task.Command {
	switch cause := context.Cause(a.ctx); {
	case errors.Is(cause, task.ErrAttemptCancelled):
		return task.Stop{Fence: a.fence}
	case errors.Is(cause, task.ErrAttemptStopping):
		return task.Release{Fence: a.fence}
	}
	return task.Fail{Fence: a.fence, Code: task.CodeTimeout, Error: a.timeoutText() + "; the handler has not returned"}
}

func (a *attempt) timeoutText() string {
	return fmt.Sprintf("it ran longer than its timeout of %v", a.task.Timeout.Duration())
}

// stackText lists the frames as function and line, without the folders of the machine that
// the program was built on, and without what the runtime adds above the panic.
func stackText(frames []uintptr) string {
	var b strings.Builder
	list := runtime.CallersFrames(frames)
	for more := len(frames) > 0; more; {
		var f runtime.Frame
		f, more = list.Next()
		if b.Len() == 0 && strings.HasPrefix(f.Function, "runtime.") {
			continue
		}
		fmt.Fprintf(&b, "%s (%s:%d)\n", f.Function, filepath.Base(f.File), f.Line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
