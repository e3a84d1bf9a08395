package daybook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"daybook/handler"
	"daybook/internal/durable"
	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
)

// localSteps are the durable steps of an attempt in this process.
type localSteps struct {
	attempt  *scheduler.Attempt
	registry *handler.Registry
}

// Steps implements durable.Run.
func (l localSteps) Steps(ctx context.Context) (map[string]durable.Step, error) {
	list, err := l.attempt.Steps(ctx)
	byName := make(map[string]durable.Step, len(list))
	for i := range list {
		byName[list[i].Name] = stepOf(&list[i])
	}
	return byName, err
}

func stepOf(s *scheduler.Step) durable.Step {
	return durable.Step{Name: s.Name, Kind: s.Kind.String(), Outcome: s.Outcome.String(), Event: s.Signal, Value: s.Value, Damaged: s.Damaged}
}

// Record implements durable.Run.
func (l localSteps) Record(ctx context.Context, name string, value []byte) (durable.Step, error) {
	if err := checkStepName(name); err != nil {
		return durable.Step{}, err
	}
	canonical, err := jsontext.Canonical(nil, value, task.MaxDepth)
	if err != nil {
		return durable.Step{}, handler.Permanent(fmt.Errorf("its value is not valid JSON: %w", err))
	}
	if len(canonical) > task.MaxStepValue {
		return durable.Step{}, handler.Permanent(fmt.Errorf("its value has %d bytes; the most is %d", len(canonical), task.MaxStepValue))
	}
	step, err := l.attempt.RecordStep(ctx, task.NewStep{Name: name, Value: canonical})
	var other *scheduler.OtherValueError
	if errors.As(err, &other) {
		return stepOf(&other.First[0]), nil
	}
	if errors.Is(err, task.ErrStepsFull) {
		err = handler.Permanent(err)
	}
	return stepOf(&step), err
}

func checkStepName(name string) error {
	if !task.ValidStepName(name) {
		return handler.Permanent(fmt.Errorf("the name of a step, %q, must be 1 to 128 of A-Z a-z 0-9 . _ - : @ #", name))
	}
	return nil
}

// Suspend implements durable.Run. The attempt is ended by its error.
func (l localSteps) Suspend(_ context.Context, w durable.Wait) (durable.Step, error) {
	if err := checkStepName(w.Step); err != nil {
		return durable.Step{}, err
	}
	now := l.attempt.Now()
	c := task.Suspend{Step: w.Step}
	if w.Timeout > 0 {
		c.Until = now + task.SpanOf(w.Timeout)
	}
	switch {
	case w.Approval != nil:
		c.Kind, c.Role = task.StepApproval, w.Approval.Role
		if c.Role == "" {
			c.Role = "operator"
		}
		fields := w.Approval.Fields
		if fields != nil {
			if bad := l.registry.CheckFields("/fields", fields); bad != nil {
				return durable.Step{}, handler.Permanent(fmt.Errorf("the fields of the approval %s: %s %s", w.Step, bad[0].Pointer, bad[0].Detail))
			}
		}
		detail, err := json.Marshal(struct {
			Title  string          `json:"title"`
			Fields json.RawMessage `json:"fields,omitempty"`
		}{task.CutText(w.Approval.Title, 800), fields})
		if err == nil {
			c.Detail, err = jsontext.Canonical(nil, detail, task.MaxDepth)
		}
		if err != nil {
			return durable.Step{}, handler.Permanent(fmt.Errorf("the approval %s: %w", w.Step, err))
		}
	case len(w.Events) > 0:
		c.Kind, c.Signals, c.All = task.StepSignal, w.Events, w.All
		for _, name := range w.Events {
			if !task.ValidSignalName(name) {
				return durable.Step{}, handler.Permanent(fmt.Errorf("the name of an event, %q, must be 1 to 200 of A-Z a-z 0-9 . _ - : @ # /", name))
			}
		}
		if len(w.Events) > task.MaxSignals {
			return durable.Step{}, handler.Permanent(fmt.Errorf("the step %s waits for %d events; the most is %d", w.Step, len(w.Events), task.MaxSignals))
		}
	case w.ChildrenOf != "":
		c.Kind, c.Of = task.StepChildren, w.ChildrenOf
	default:
		c.Kind, c.Until = task.StepSleep, max(task.MicrosOf(w.Until), 1)
	}
	return durable.Step{}, suspended{c}
}

// suspended is the error that suspends a task of this process.
type suspended struct{ command task.Suspend }

func (suspended) Error() string              { return durable.ErrSuspended.Error() }
func (suspended) Unwrap() error              { return durable.ErrSuspended }
func (s suspended) Suspension() task.Suspend { return s.command }
