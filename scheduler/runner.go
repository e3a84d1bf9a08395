package scheduler

import (
	"context"
	"encoding/json"
	"time"

	"daybook/task"
)

// Attempt is what a Runner gets.
type Attempt struct {
	Task       task.Task // as it was when the attempt started
	Parameters json.RawMessage
	// FileNames reads what its files are called, by id; those not known are left out.
	FileNames func() (map[string]string, error)
	// Dependencies are the tasks that it depends on, as they ended, by the name or the id that it calls them by; nil if it depends on none.
	Dependencies map[string]DependencyResult
	// Report tells how far the attempt is: 0 … 100 and a message ("" = none). It may be
	// called as often as one likes, by any goroutine, until Run returns.
	Report func(percent float64, message string)
	// Save writes a progress report with a JSON value that later attempts get from Saved, in order; it is then on disk.
	Save  func(ctx context.Context, percent float64, message string, value []byte) error
	Saved func(ctx context.Context) ([][]byte, error)
	// Steps reads the steps of the task. RecordStep records one, and returns it when it is on disk: see
	// Scheduler.RecordSteps.
	Steps      func(ctx context.Context) ([]Step, error)
	RecordStep func(ctx context.Context, step task.NewStep) (Step, error)
	Now        func() task.Micros // by which waits end
	// Children makes children of the task: see Scheduler.MakeChildren. ReadChild completes the submit of one out of its body.
	Children  func(ctx context.Context, c *NewChildren) ([]Submitted, error)
	ReadChild func(body []byte, into *task.Submit) []task.FieldError
}

// Outcome is what an attempt leads to.
type Outcome struct {
	Result []byte   // one JSON value, at most 16 MiB; nil = none
	Files  []string // ids of the files the result names

	Outcome string // what came of it, in a few words; "" = none
	Partial bool   // not all of it came about
}

// Runner runs attempts. An error with a method Permanent() bool that returns true is not retried; one with a method
// RetryAfter() time.Duration is retried in that time, if it is more than 0; one with a method Suspension() task.Suspend
// suspends the task. A panic is a failed attempt.
type Runner interface {
	// Run runs one attempt and returns when it is over. ctx ends on cancel, timeout or
	// stop (its cause says which).
	Run(ctx context.Context, a Attempt) (Outcome, error)
	// Runs reports whether tasks of the type can be run by this process.
	Runs(taskType string) bool
	// Knows reports whether the type is known: a task of it may be submitted, whoever runs it.
	Knows(taskType string) bool
	// CheckParameters checks parameters by the schema of the type and adds defaults; bad is what is wrong with them.
	CheckParameters(taskType string, parameters []byte) (prepared []byte, bad []task.FieldError)
	// CheckResult lists what is wrong with the result of a worker by what its type promises; nil = no result.
	CheckResult(taskType string, result []byte) []task.FieldError
	// LeaseLength is how long a worker leases a task of the type that does not say: 1 s … 1 h.
	LeaseLength(taskType string) time.Duration
}
