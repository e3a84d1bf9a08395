// Package handler is the contract of task types, the registry of those that a server knows, and the
// smallest one, SLEEP. The other built-in types are in the packages below this one.
package handler

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"daybook/files"
	"daybook/task"
)

// Handler runs tasks of one type. Its methods, and those of what it returns, run in the
// goroutine of the attempt: a panic there, or runtime.Goexit, fails the attempt. A panic in a
// goroutine that the handler starts itself ends the whole process, as always in Go: recover there.
type Handler interface {
	// Spec describes the type. It is called once, at registration.
	//
	// A method Subject(parameters json.RawMessage, fileNames map[string]string) string of the
	// handler makes the subject of tasks that are submitted without one: which one it is, in a line
	// ("3 pictures: resize to 800x600"). It gets valid parameters and the names of the files in them
	// that are known, by id, is called by several goroutines, and must be quick: the submit waits for
	// it. Without the method, or when it returns "", the subject is the names of the files.
	Spec() task.TypeSpec
	// Run runs one attempt. The result is marshalled to JSON: at most 16 MiB, nested at most
	// 32 deep. If it has a method Outcome() (text string, partial bool), that sums the task up in a
	// few words ("3 sent, 4 failed") and says whether some of the work was not done.
	// A result that cannot be marshalled fails the task without a retry. An error made with Permanent
	// is not retried, one made with RetryAfter in that time.
	//
	// ctx ends on cancel, timeout or stop, and context.Cause(ctx) is then ErrCancelled,
	// ErrTimeout, ErrStopping or ErrLeaseLost; its deadline is that of the task's timeout. A
	// handler should return soon after, with ctx's error or another. One that does not return
	// within a second loses its task but keeps its slot, and the task does not start again
	// until it has returned.
	Run(ctx context.Context, call Call) (result any, err error)
}

// Causes of the end of an attempt's context, for context.Cause.
var (
	// ErrCancelled: someone cancelled the task; the result of the attempt is dropped.
	ErrCancelled = task.ErrAttemptCancelled
	// ErrTimeout: the attempt ran longer than the task's timeout.
	ErrTimeout = task.ErrAttemptTimeout
	// ErrStopping: the server stops; the task is requeued without using an attempt.
	ErrStopping = task.ErrAttemptStopping
	// ErrLeaseLost: a newer attempt has the task; the result of this one is dropped.
	ErrLeaseLost = task.ErrAttemptLeaseLost
)

// Call is one attempt. The handler owns all of it and may change it.
type Call struct {
	TaskID         string
	TaskType       string
	Attempt        int             // from 1; a manual retry continues the count
	MaxAttempts    int             // of the task; a manual retry starts the limit again
	LastAttempt    bool            // if this one fails, so does the task
	BeforeRetry    int             // attempts before somebody retried the task; 0 = nobody has
	Tags           []string        // of the task
	IdempotencyKey string          // "" = none
	Parameters     json.RawMessage // valid by the type's schema, defaults included
	Files          *files.Store
	FileNames      map[string]string // names of the task's files by id; unknown ones are left out
	// TraceParent is the W3C traceparent for what the attempt calls; "" if the submit had none. Middleware can
	// put it into the context.
	TraceParent string
	// Dependencies are the tasks that this one depends on, as they ended, by the name or else the id that it calls them by; nil if it depends on none.
	Dependencies map[string]Dependency
	// Report reports the progress, 0 … 100 percent, and a short message ("" = none). It may be
	// called at any rate: at most four reports a second become events.
	Report func(percent float64, message string)
	// Save reports like Report, with a JSON value that later attempts of the task get from Saved: what
	// became of one of many, which may change. It returns when the value is on disk. A value has at most 64 KiB; each
	// call is an event, so save what is worth one. What is done once and never changes is a Step.
	Save func(ctx context.Context, percent float64, message string, value any) error
	// Saved returns what earlier attempts have saved, in order.
	Saved func(ctx context.Context) ([]json.RawMessage, error)
	// NewLog makes the handler behind Log; nil = lines are dropped.
	NewLog func() slog.Handler
}

// Dependency is a task that another one depends on, as it ended.
type Dependency struct {
	ID        string
	Status    string          // SUCCESS, FAILED or CANCELLED
	Result    json.RawMessage // nil = it has none, or Truncated
	Truncated bool            // the result is left out: it has more than 64 KiB, or the results before it have 1 MiB
}

// Log is a log of the task, whose lines are shown on its page while it runs. All levels are kept. It never
// waits for the disk: lines that come faster than they can be written are left out, and a line says
// how many.
func (c *Call) Log() *slog.Logger {
	if c.NewLog == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(c.NewLog())
}

// Open opens a file, under the name that it has in this task. Errors: those of files.Store.Open.
func (c *Call) Open(id string) (io.ReadSeekCloser, files.Info, error) {
	f, info, err := c.Files.Open(id)
	if name := c.FileNames[id]; name != "" && err == nil {
		info.Name = name
	}
	return f, info, err
}

// RunFunc is the method Run of a Handler.
type RunFunc func(ctx context.Context, call Call) (result any, err error)

// Middleware wraps the attempts of every type: what it returns is called instead of next, and may
// call next. It runs in the goroutine of the attempt.
type Middleware func(next RunFunc) RunFunc

type permanent struct{ error }

func (p permanent) Unwrap() error   { return p.error }
func (p permanent) Permanent() bool { return true }

// Permanent marks an error that no retry can fix, such as bad input.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent reports whether err is marked by Permanent.
func IsPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

type retryAfter struct {
	error
	after time.Duration
}

func (r retryAfter) Unwrap() error             { return r.error }
func (r retryAfter) RetryAfter() time.Duration { return r.after }

// RetryAfter marks an error after which the task is retried in that time, at most 7 days, instead of
// by its backoff. It returns nil for nil.
func RetryAfter(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return retryAfter{err, after}
}
