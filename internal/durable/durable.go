// Package durable lets a handler do durable steps: what it has done is kept, and an attempt that comes later does not do
// it again. Handlers in the server's process and in workers use the same functions; what is behind them is a Run.
package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrNoRun: the context is not that of a handler.
	ErrNoRun = errors.New("the context is not that of a handler: pass on the one that it was called with")
	// ErrTimeout: what the task waited for has not come in time.
	ErrTimeout = errors.New("it has not come in time")
	// ErrSuspended is what waiting returns when the task is suspended. The handler must return it, wrapped or not: the task is run
	// again when what it waits for has come.
	ErrSuspended = errors.New("the task is suspended: the handler must return this error")
)

// Step is a step that is done.
type Step struct {
	Name    string          `json:"name"`
	Kind    string          `json:"kind"`    // result, sleep, signal, approval, children
	Outcome string          `json:"outcome"` // done, fired, timeout, cancelled
	Event   string          `json:"event"`   // the event whose payload is the value, of a wait for any of several
	Value   json.RawMessage `json:"value"`
	Damaged bool            `json:"damaged"` // the log has the value and cannot give it
}

// Wait is what a task waits for in a step: one of Until, Events, Approval and ChildrenOf.
type Wait struct {
	Step       string
	Until      time.Time     // sleep
	Events     []string      // names
	All        bool          // of the events it needs all, not any
	Approval   *Ask          // the answer of a person
	ChildrenOf string        // the step whose children have ended
	Timeout    time.Duration // of events and approvals; 0 = none
}

// Ask is what is asked of a person.
type Ask struct {
	Title   string          // in one line
	Role    string          // who may answer; "" = operator
	Fields  json.RawMessage // a JSON Schema of the answer, an object; nil = any
	Timeout time.Duration   // 0 = none
}

// Answer is the answer of a person.
type Answer struct {
	Approved bool            `json:"approved"`
	Answer   json.RawMessage `json:"answer"` // by the fields; null if it was refused
	Reason   string          `json:"reason"`
	By       string          `json:"by"` // who has answered
}

// Run is one attempt of a task.
type Run interface {
	// Steps returns the steps that the task has. It is called once.
	Steps(ctx context.Context) (map[string]Step, error)
	// Record keeps the value of a step, and returns the step that is kept: the first of the name.
	Record(ctx context.Context, name string, value []byte) (Step, error)
	// Suspend suspends the task: its error wraps ErrSuspended. If what it waits for has come already, it returns the step.
	Suspend(ctx context.Context, w Wait) (Step, error)
	// Children makes the children of a step; the same again makes no others. detached: the task does not wait for them.
	Children(ctx context.Context, step string, f Family, detached bool) error
}

// state is what is known of the steps of a run.
type state struct {
	run Run

	mu    sync.Mutex
	steps map[string]Step // nil = not read yet; guarded by mu
	used  map[string]bool // by this attempt; guarded by mu
}

type key struct{}

// With returns a context for the handler of a run.
func With(ctx context.Context, run Run) context.Context {
	return context.WithValue(ctx, key{}, &state{run: run, used: make(map[string]bool)})
}

// begin returns the step of a name if it is done; each name is used once by an attempt.
func begin(ctx context.Context, name string) (*state, *Step, error) {
	s, ok := ctx.Value(key{}).(*state)
	if !ok {
		return nil, nil, ErrNoRun
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[name] {
		return nil, nil, fmt.Errorf("the step %s was there before in this attempt: number the steps of a loop, as in %s#2", name, name)
	}
	s.used[name] = true
	if s.steps == nil {
		steps, err := s.run.Steps(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("read the steps of the task: %w", err)
		}
		if s.steps = steps; steps == nil {
			s.steps = make(map[string]Step)
		}
	}
	step, done := s.steps[name]
	switch {
	case !done:
		return s, nil, nil
	case step.Damaged:
		return nil, nil, fmt.Errorf("the step %s was done, and its value is damaged in the log: an operator can have it done again with forget", name)
	}
	return s, &step, nil
}

// Do does a step once: if an earlier attempt has done it, its value is returned. What do returns is kept as JSON when do
// returns without an error. If the attempt ends between the two, the step is done again: give what it calls the task's id and the
// step's name as an idempotency key. A name is 1 to 128 of A-Z a-z 0-9 . _ - : @ #, and used once in an attempt: number the steps of a
// loop, as in page#2. A value has at most 256 KiB; a task has at most 10,000 steps and 64 MiB in them. It is for any number of
// goroutines.
func Do[T any](ctx context.Context, name string, do func(ctx context.Context) (T, error)) (value T, err error) {
	s, step, err := begin(ctx, name)
	if err != nil {
		return value, err
	}
	if step == nil {
		if value, err = do(ctx); err != nil {
			return value, err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return value, fmt.Errorf("encode the value of the step %s: %w", name, err)
		}
		kept, err := s.run.Record(context.WithoutCancel(ctx), name, text) // it is done: that is to be kept also if the task is being cancelled
		if err != nil {
			return value, fmt.Errorf("record the step %s: %w", name, err)
		}
		step = &kept
	}
	var first T
	if err := json.Unmarshal(step.Value, &first); err != nil {
		return value, fmt.Errorf("the value of the step %s does not fit: %w", name, err)
	}
	return first, nil
}

// wait waits in a step.
func wait(ctx context.Context, w Wait) (Step, error) {
	s, step, err := begin(ctx, w.Step)
	if err == nil && step == nil {
		var now Step
		now, err = s.run.Suspend(ctx, w)
		step = &now
	}
	if err != nil {
		return Step{}, err
	}
	if step.Outcome == "timeout" {
		return *step, fmt.Errorf("step %s: %w", w.Step, ErrTimeout)
	}
	return *step, nil
}

// Sleep waits for a span of time. The task holds no slot meanwhile.
func Sleep(ctx context.Context, name string, d time.Duration) error {
	return SleepUntil(ctx, name, time.Now().Add(d))
}

// SleepUntil waits until a time.
func SleepUntil(ctx context.Context, name string, until time.Time) error {
	_, err := wait(ctx, Wait{Step: name, Until: until})
	return err
}

// WaitEvent waits for an event and returns its payload. timeout 0 = none; ErrTimeout when it is over.
func WaitEvent[T any](ctx context.Context, name, event string, timeout time.Duration) (payload T, err error) {
	step, err := wait(ctx, Wait{Step: name, Events: []string{event}, Timeout: timeout})
	if err != nil {
		return payload, err
	}
	if err := json.Unmarshal(step.Value, &payload); err != nil {
		return payload, fmt.Errorf("the payload of %s does not fit: %w", event, err)
	}
	return payload, nil
}

// WaitAny waits for the first of several events, and returns its name and payload.
func WaitAny(ctx context.Context, name string, timeout time.Duration, events ...string) (event string, payload json.RawMessage, err error) {
	step, err := wait(ctx, Wait{Step: name, Events: events, Timeout: timeout})
	return step.Event, step.Value, err
}

// WaitAll waits for all of several events, and returns their payloads by name.
func WaitAll(ctx context.Context, name string, timeout time.Duration, events ...string) (payloads map[string]json.RawMessage, err error) {
	step, err := wait(ctx, Wait{Step: name, Events: events, All: true, Timeout: timeout})
	if err == nil {
		err = json.Unmarshal(step.Value, &payloads)
	}
	return payloads, err
}

// Approval asks a person, and waits for the answer.
func Approval(ctx context.Context, name string, ask Ask) (answer Answer, err error) {
	step, err := wait(ctx, Wait{Step: name, Approval: &ask, Timeout: ask.Timeout})
	if err == nil {
		err = json.Unmarshal(step.Value, &answer)
	}
	return answer, err
}
