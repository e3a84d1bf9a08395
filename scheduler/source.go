package scheduler

import (
	"errors"
	"fmt"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// source reads tasks from the views and remembers what it could not read, so that a decision
// goes on as if the task were not there and is then refused.
type source struct {
	views *projection.Views
	// missing: the views cannot be read for now. Whoever decides sets it to nil before and
	// looks at it after; the command is refused with it.
	missing error
	// broken: the views cannot be read at all. Nothing that was decided is appended; it ends the
	// scheduler.
	broken error
}

// get returns a task, nil if there is none or it cannot be read.
func (s *source) get(id ulid.ULID) *task.Task { return s.read(s.views.Find(id)) }

// byKey returns the task with the idempotency key, nil if there is none or it cannot be read.
func (s *source) byKey(key string) *task.Task { return s.read(s.views.FindByKey(key)) }

func (s *source) read(state *task.Task, err error) *task.Task {
	if errors.Is(err, projection.ErrRebuilding) {
		s.missing = err
		return nil
	}
	if err != nil && s.broken == nil {
		s.broken = fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
	}
	return state
}
