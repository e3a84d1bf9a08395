package client

import (
	"context"
	"encoding/json"
	"time"

	"daybook/internal/durable"
)

// Step does a step once: if an earlier attempt has done it, its value is returned. What do returns is kept as JSON when do
// returns without an error. If the attempt ends between the two, the step is done again: give what it calls the task's id and the
// step's name as an idempotency key. A name is 1 to 128 of A-Z a-z 0-9 . _ - : @ #, and used once in an attempt: number the steps of a
// loop, as in page#2. A value has at most 256 KiB; a task has at most 10,000 steps and 64 MiB in them. ctx is that of the handler, or
// made of it. Any number of goroutines may do steps.
func Step[T any](ctx context.Context, name string, do func(ctx context.Context) (T, error)) (T, error) {
	return durable.Do(ctx, name, do)
}

// Sleep waits in a step for a span of time. The task holds no slot, key or limit meanwhile, and the attempt does not count. If the time is not
// over, the error wraps ErrSuspended: the handler must return it, and runs again when the time is over.
func Sleep(ctx context.Context, name string, d time.Duration) error {
	return durable.Sleep(ctx, name, d)
}

// SleepUntil is Sleep until a time.
func SleepUntil(ctx context.Context, name string, until time.Time) error {
	return durable.SleepUntil(ctx, name, until)
}

// WaitEvent waits in a step for an event (POST /api/events) and returns its payload. It suspends the task as Sleep does. When it has not
// come in the time of timeout, the error wraps ErrTimedOut; 0 = it waits for ever.
func WaitEvent[T any](ctx context.Context, name, event string, timeout time.Duration) (T, error) {
	return durable.WaitEvent[T](ctx, name, event, timeout)
}

// WaitAny is WaitEvent for the first of several events. It returns its name and payload.
func WaitAny(ctx context.Context, name string, timeout time.Duration, events ...string) (event string, payload json.RawMessage, err error) {
	return durable.WaitAny(ctx, name, timeout, events...)
}

// WaitAll is WaitEvent for all of several events. It returns their payloads by name.
func WaitAll(ctx context.Context, name string, timeout time.Duration, events ...string) (map[string]json.RawMessage, error) {
	return durable.WaitAll(ctx, name, timeout, events...)
}

// Ask is what Approval asks of a person, and Answer what they answer.
type (
	Ask    = durable.Ask
	Answer = durable.Answer
)

// Approval asks a person in a step, and waits for the answer. It suspends the task as Sleep does.
func Approval(ctx context.Context, name string, ask Ask) (Answer, error) {
	return durable.Approval(ctx, name, ask)
}

var (
	// ErrSuspended is what waiting returns when the task is suspended. The handler must return it, wrapped or not.
	ErrSuspended = durable.ErrSuspended
	// ErrTimedOut: what the task waited for has not come in time.
	ErrTimedOut = durable.ErrTimeout
)
