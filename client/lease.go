package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"daybook/internal/durable"
	"daybook/internal/jsontext"
)

// Causes of the end of a handler's context, for context.Cause.
var (
	// ErrCancelled: the task was cancelled; nothing of the attempt is kept.
	ErrCancelled = errors.New("the task was cancelled")
	// ErrLeaseLost: the lease has expired, or may have; nothing of the attempt is kept.
	ErrLeaseLost = errors.New("the lease of the task is lost")
	// ErrStopping: the worker stops; the task is released and the attempt does not count.
	ErrStopping = errors.New("the worker is stopping")
)

// Lease is one attempt of a task, as its handler sees it.
type Lease[P any] struct {
	Parameters P
	Task       Task // as it was leased
	Attempt    int  // from 1; goes on counting when a person retries the task

	attempt *attempt
}

// Dependencies are the tasks that the task depends on, as they ended, by the name that it calls them by or else by id; empty if it depends on none. It
// is not to be changed. References with $from in the parameters are replaced already.
func (l Lease[P]) Dependencies() map[string]DependencyResult { return l.attempt.dependencies }

// DependencyResult is a task that another one depends on, as it ended.
type DependencyResult struct {
	ID              string          `json:"id"`
	Status          Status          `json:"status"`
	ResultData      json.RawMessage `json:"result_data"`                // null = it has none, or ResultTruncated
	ResultTruncated bool            `json:"result_truncated,omitempty"` // it has more than 64 KiB, or those before it have 1 MiB
}

// Progress says how far the attempt is, 0 to 100, with a short message ("" = none). It returns at
// once and may be called at any rate: the latest one is sent, at most four times a second.
func (l Lease[P]) Progress(percent float64, message string) {
	l.attempt.report(percent, message)
}

// Log is the log of the attempt. Its lines are shown on the task's page, live.
func (l Lease[P]) Log() *slog.Logger { return l.attempt.taskLog().logger() }

// Token is the lease token, for calls of the HTTP API that have no method here. Keep it secret.
func (l Lease[P]) Token() string { return l.attempt.token }

// SetOutcome says what came of the task, in a few words that are shown in lists, at most 200 bytes; partial: not all of it
// came about.
func (l Lease[P]) SetOutcome(outcome string, partial bool) { l.attempt.setOutcome(outcome, partial) }

// AddFile makes a file that was uploaded with Client.Upload part of the task's result.
func (l Lease[P]) AddFile(id string) { l.attempt.addFile(id) }

// attempt runs one lease.
type attempt struct {
	run    *workerRun
	token  string
	task   *Task // as it was leased; nobody changes it
	number int
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	progress *report  // the latest one that is not sent; guarded by mu
	files    []string // guarded by mu
	outcome  string   // guarded by mu
	partial  bool     // guarded by mu
	log      *taskLog // nil = nobody has asked for it; guarded by mu

	logClosed bool // guarded by mu

	steps map[string]durable.Step // that came with the lease; nobody changes it

	dependencies map[string]DependencyResult // the same

	suspended bool // the attempt has suspended its task; guarded by mu

	// Of the loop alone.
	until time.Time // the lease is valid at least until then
	lost  bool      // the server has said so: report nothing

	end *report // how it ended; set before it is sent to workerRun.ended
}

// report is one entry of "reports" in POST /api/leases.
type report struct {
	attempt *attempt
	ends    bool   // it ends the lease
	alone   bool   // it is sent by a call for one task
	refused bool   // it replaces one that the server has refused
	body    []byte // as JSON
}

// reportBody is a report as JSON.
type reportBody struct {
	Token      string          `json:"token"`
	Do         string          `json:"do"`
	Result     json.RawMessage `json:"result,omitempty"`
	Files      []string        `json:"files,omitempty"`
	Outcome    string          `json:"outcome,omitempty"`
	Partial    bool            `json:"partial,omitempty"`
	Error      string          `json:"error,omitempty"`
	Retryable  *bool           `json:"retryable,omitempty"`
	RetryAfter *float64        `json:"retry_after_seconds,omitempty"`
	Progress   *float64        `json:"progress,omitempty"`
	Message    string          `json:"message,omitempty"`
}

func (a *attempt) newReport(b reportBody) (*report, error) {
	b.Token = a.token
	text, err := json.Marshal(b)
	return &report{attempt: a, ends: b.Do != "progress", alone: len(text) > mostCallBytes, body: text}, err
}

// completion is the report of a success without files, as newReport makes it: most reports are one.
func (a *attempt) completion(result json.RawMessage) *report {
	body := jsontext.AppendString(append(make([]byte, 0, len(a.token)+len(result)+48), `{"token":`...), a.token)
	body = append(body, `,"do":"complete"`...)
	if len(result) > 0 {
		body = append(append(body, `,"result":`...), result...)
	}
	body = append(body, '}')
	return &report{attempt: a, ends: true, alone: len(body) > mostCallBytes, body: body}
}

// runHandler runs the handler and sends how it ended to the loop. It is the whole life of the
// attempt's goroutine. A panic, and runtime.Goexit, are errors.
func (a *attempt) runHandler(do handlerFunc) {
	var result json.RawMessage
	err := errGoexit
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n\n%s", p, debug.Stack())
			a.run.logger.Error("handler panicked", "task", a.task.ID, "task_type", a.task.TaskType, "panic", p)
		}
		a.closeLog()
		a.end = a.endOf(result, err)
		a.cancel(nil)
		a.run.ended <- a
	}()
	result, err = do(durable.With(a.ctx, a), a)
}

var errGoexit = errors.New("handler ended its goroutine (runtime.Goexit)")

// maxErrorText is the most bytes of an error that are reported.
const maxErrorText = 16 << 10

// endOf is the report of how the handler returned.
func (a *attempt) endOf(result json.RawMessage, err error) *report {
	a.mu.Lock()
	body := reportBody{Do: "complete", Result: result, Files: a.files, Outcome: a.outcome, Partial: a.partial}
	a.mu.Unlock()
	if err == nil && len(body.Files) == 0 && body.Outcome == "" && !body.Partial {
		return a.completion(result)
	}
	if err == nil {
		r, err2 := a.newReport(body)
		if err2 == nil {
			return r
		}
		err = Permanent(fmt.Errorf("encode the result: %w", err2))
	}
	cause := context.Cause(a.ctx)
	if errors.Is(cause, ErrStopping) || errors.Is(cause, ErrLeaseLost) {
		r, _ := a.newReport(reportBody{Do: "release"})
		return r
	}
	return a.failure(err)
}

// failure is the report of an error.
func (a *attempt) failure(err error) *report {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + " …"
	}
	if text == "" {
		text = "error without a text"
	}
	retryable := !isPermanent(err)
	body := reportBody{Do: "fail", Error: text, Retryable: &retryable}
	var later retryAfter
	if errors.As(err, &later) && retryable {
		seconds := max(later.after.Seconds(), 0)
		body.RetryAfter = &seconds
	}
	r, _ := a.newReport(body)
	return r
}

// report notes the progress of the handler.
func (a *attempt) report(percent float64, message string) {
	if percent != percent { // NaN
		percent = 0
	}
	percent = min(max(percent, 0), 100)
	r, err := a.newReport(reportBody{Do: "progress", Progress: &percent, Message: strings.ToValidUTF8(message, "\uFFFD")})
	if err != nil {
		return
	}
	a.mu.Lock()
	isFirst := a.progress == nil
	a.progress = r
	a.mu.Unlock()
	if isFirst {
		a.run.hasProgress(a)
	}
}

// takeProgress returns and removes the progress that is not sent yet, nil for none.
func (a *attempt) takeProgress() *report {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.progress
	a.progress = nil
	return r
}

func (a *attempt) setOutcome(outcome string, partial bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outcome, a.partial = outcome, partial
}

func (a *attempt) addFile(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files = append(a.files, id)
}

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that no retry can fix, such as bad parameters: the task is FAILED
// at once. It returns nil for nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

func isPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

type retryAfter struct {
	error
	after time.Duration
}

func (r retryAfter) Unwrap() error { return r.error }

// RetryAfter marks an error after which the task is to be retried in that time, instead of by its
// own backoff. It returns nil for nil.
func RetryAfter(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return retryAfter{err, after}
}
