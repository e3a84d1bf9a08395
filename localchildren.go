package daybook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"daybook/handler"
	"daybook/internal/durable"
	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
)

// Children implements durable.Run.
func (l localSteps) Children(ctx context.Context, step string, f durable.Family, detached bool) error {
	if err := checkStepName(step); err != nil {
		return err
	}
	policy := f.OnFailure
	if policy == "" {
		policy = task.ChildFails.String()
	}
	c := &scheduler.NewChildren{Step: step, Any: f.Any, Names: slices.Sorted(maps.Keys(f.Tasks)), Submits: make([]task.Submit, len(f.Tasks))}
	var known bool
	if c.OnFailure, known = task.ParseOnChildFailure(policy); !known {
		return handler.Permanent(fmt.Errorf("OnFailure is %q; it must be fail, collect or cancel_rest", policy))
	}
	bodies := make([][]byte, len(c.Names))
	for i, name := range c.Names {
		if err := checkStepName(name); err != nil {
			return err
		}
		text, err := json.Marshal(f.Tasks[name])
		if err == nil {
			text, err = jsontext.Canonical(nil, text, task.MaxDepth+1)
		}
		if err != nil {
			return handler.Permanent(fmt.Errorf("encode the child %s: %w", name, err))
		}
		bodies[i] = text
		if bad := l.attempt.ReadChild(slices.Clone(text), &c.Submits[i]); bad != nil {
			return handler.Permanent(fmt.Errorf("the child %s: %s %s", name, bad[0].Pointer, bad[0].Detail))
		}
		if detached {
			c.Submits[i].Kin = &task.Kin{Detached: true}
		}
	}
	c.Request = c.Hash(detached, bodies)
	_, err := l.attempt.Children(ctx, c)
	var other *scheduler.OtherValueError
	if errors.As(err, &other) { // an earlier attempt has asked for others, and these are there
		return nil
	}
	if errors.Is(err, task.ErrInvalid) || errors.Is(err, task.ErrStepsFull) {
		err = handler.Permanent(err)
	}
	return err
}
