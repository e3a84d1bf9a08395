package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Child is a task that Children makes. Its fields are those of POST /api/tasks/submit; zero values are left out.
type Child struct {
	Type           string   `json:"task_type"`
	Parameters     any      `json:"parameters,omitempty"` // encoded as JSON, an object; nil = {}
	Queue          string   `json:"queue,omitempty"`
	Priority       int      `json:"priority,omitempty"` // -100 … 100; 0 = that of the type, which is 0 unless it was declared
	MaxAttempts    int      `json:"max_attempts,omitempty"`
	TimeoutSeconds float64  `json:"timeout_seconds,omitempty"` // 0 = that of the type or the server
	DelaySeconds   float64  `json:"delay_seconds,omitempty"`
	Tags           []string `json:"tags,omitempty"`
	Subject        string   `json:"subject,omitempty"`
	ConcurrencyKey string   `json:"concurrency_key,omitempty"`
}

// Family is the children that a step makes.
type Family struct {
	Tasks     map[string]Child // by name, 1 … 10,000; a name is that of a step
	OnFailure string           // fail: the task fails when all have ended; collect: it goes on with what became of each; cancel_rest: the others are cancelled, and it fails. "" = fail
	Any       bool             // one success is enough: the rest is cancelled
}

// ChildEnd is what became of a child.
type ChildEnd struct {
	ID        string          `json:"id"`
	Status    string          `json:"status"` // SUCCESS, FAILED, CANCELLED; with Family.Any also PENDING, RUNNING
	Result    json.RawMessage `json:"result_data"`
	Error     string          `json:"error_message"`
	Erased    bool            `json:"erased"`           // the result or error was erased
	Truncated bool            `json:"result_truncated"` // the result or error is longer than 64 KiB, or those of all are longer than 1 MiB; see the task
}

// joinSuffix makes the name of the step that waits of that of the step that makes the children.
const joinSuffix = ":ended"

// Children makes children in a step, waits until they have ended, and returns what became of each by name. It uses two names: that of the step, and the same with
// ":ended". The children are made once: an attempt that comes later gets the same ones.
func Children(ctx context.Context, name string, f Family) (map[string]ChildEnd, error) {
	if err := makeOnce(ctx, name, f, false); err != nil {
		return nil, err
	}
	step, err := wait(ctx, Wait{Step: name + joinSuffix, ChildrenOf: name})
	if err != nil {
		return nil, err
	}
	var ends map[string]ChildEnd
	if err := json.Unmarshal(step.Value, &ends); err != nil {
		return nil, fmt.Errorf("what became of the children of %s cannot be read: %w", name, err)
	}
	return ends, nil
}

// Detach makes children in a step for which the task does not wait, also not with its end.
func Detach(ctx context.Context, name string, tasks map[string]Child) error {
	return makeOnce(ctx, name, Family{Tasks: tasks}, true)
}

// makeOnce makes the children of a step, unless an earlier attempt has.
func makeOnce(ctx context.Context, name string, f Family, detached bool) error {
	s, step, err := begin(ctx, name)
	if err != nil || step != nil {
		return err
	}
	if len(f.Tasks) == 0 {
		return errors.New("the step " + name + " makes no children: give at least one")
	}
	if err := s.run.Children(context.WithoutCancel(ctx), name, f, detached); err != nil {
		return fmt.Errorf("make the children of the step %s: %w", name, err)
	}
	return nil
}
