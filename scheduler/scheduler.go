// Package scheduler takes commands, owns the clock and runs what is due.
//
// One goroutine, the loop, drains the commands that wait, decides each on the state
// that the ones before it lead to, appends all that follows with one sync, folds it
// into the views and answers. Everything else (handlers, readers) runs beside it.
package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Errors of every command, beside task.Refusal.
var (
	// ErrBusy: the queue of commands stayed full for 5 s. Nothing happened; try again.
	ErrBusy = errors.New("too many commands are waiting")
	// ErrStopped: the scheduler takes no more commands. Nothing happened.
	ErrStopped = errors.New("server is stopping")
	// and eventlog.ErrFull (nothing happened), eventlog.ErrUnknown (it happened or not).
)

// Attempt is what a Runner gets.
type Attempt struct {
	Task       task.Task // as it was when the attempt started
	Parameters json.RawMessage
	// Report tells how far the attempt is: 0 … 100 and a message ("" = none). It may be
	// called as often as one likes, by any goroutine, until Run returns.
	Report func(percent float64, message string)
}

// Outcome is what an attempt leads to.
type Outcome struct {
	Result []byte   // one JSON value, at most 16 MiB; nil = none
	Files  []string // ids of the files the result names
}

// Runner runs attempts. An error that has a method Permanent() bool which returns true
// is not retried. A panic is a failed attempt.
type Runner interface {
	// Run runs one attempt and returns when it is over. ctx ends on cancel, timeout or
	// stop (its cause says which).
	Run(ctx context.Context, a Attempt) (Outcome, error)
	// Knows tells whether tasks of the type can be run here.
	Knows(taskType string) bool
}

// Options configure a scheduler. Log, Views, Payloads and Runner must be set.
type Options struct {
	Log         eventlog.Log
	Views       *projection.Views // folded up to the log's head
	Payloads    *eventlog.Payloads
	Runner      Runner
	Concurrency int           // attempts at the same time, 1 … 10,000; 0 = 8
	Grace       time.Duration // for handlers at a stop; 0 = 20 s
	Logger      *slog.Logger  // nil = slog.Default()
}

// Submitted is the answer to one submit.
type Submitted struct {
	Task     task.Task // as of its own event; a replay: as it is now
	Replayed bool      // the key was used before for the same request
}

// Scheduler runs tasks.
type Scheduler struct{}

// New returns a scheduler that does nothing until Run.
func New(o Options) (*Scheduler, error) { panic("todo") }

// Run runs until ctx ends, then stops in order: no more dispatch, handlers get Grace,
// what is left is released. A nil error means a stop in order; an error that wraps
// eventlog.ErrUnknown means that the log must be reopened.
func (s *Scheduler) Run(ctx context.Context) error { panic("todo") }

// Submit appends the tasks in one commit, all or none, and returns them in order. A
// refused one refuses all: *BatchError says which. Fields ID is ignored.
// ctx ends the waiting, not the command.
func (s *Scheduler) Submit(ctx context.Context, actor string, submits []task.Submit) ([]Submitted, error) {
	panic("todo")
}

// BatchError is the refusal of one submit of several.
type BatchError struct {
	Index int
	Err   error
}

func (e *BatchError) Error() string { return e.Err.Error() }

// Unwrap gives the refusal to errors.Is.
func (e *BatchError) Unwrap() error { return e.Err }

// Do carries out Cancel, Retry, Snooze, Reprioritise or Erase on a task and returns it as it
// then stands. Errors: *task.Refusal, and those above.
func (s *Scheduler) Do(ctx context.Context, actor string, id ulid.ULID, command task.Command) (task.Task, error) {
	panic("todo")
}

// WaitEnded returns when the task has ended or ctx has, with the task as it then stands.
func (s *Scheduler) WaitEnded(ctx context.Context, id ulid.ULID) (task.Task, error) { panic("todo") }

// State is how the scheduler is.
type State struct {
	Running  int  // attempts that hold a slot
	Slots    int  // how many there are
	Draining bool // it is stopping: nothing is dispatched
	Full     bool // the log has no room: nothing is dispatched or taken
	Failed   bool // the log must be reopened: nothing works any more
	Commands int  // that wait to be decided
}

// State returns how the scheduler is now.
func (s *Scheduler) State() State { panic("todo") }

// Waiting says why a pending task is not running.
type Waiting struct {
	Reason  string      // run_at, backoff, capacity, draining, log_full
	Until   task.Micros // run_at, backoff: when that ends; else 0
	Attempt int         // backoff: attempts so far
	Running int         // capacity: attempts that hold a slot
	Slots   int         // capacity: how many there are
}

// WaitingFor returns why the task waits, nil unless it is pending. It is derived from
// the task, the state and the clock, and never stored.
func (s *Scheduler) WaitingFor(t *task.Task) *Waiting { panic("todo") }
