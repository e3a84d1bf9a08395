package projection

import (
	"context"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Get returns the task and the seq at which it stood so. Errors: ErrNotFound.
func (v *Views) Get(_ context.Context, id ulid.ULID) (task.Task, int64, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rec := v.table.find(id)
	if rec == nil {
		return task.Task{}, v.Seq(), ErrNotFound
	}
	return rec.task, v.Seq(), nil
}
