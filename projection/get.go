package projection

import (
	"context"
	"errors"
	"fmt"

	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

type fileRow = viewfile.Row

// Get returns the task and the seq at which it stood so. Errors: ErrNotFound, those of
// the view file, ctx's.
func (v *Views) Get(ctx context.Context, id ulid.ULID) (task.Task, int64, error) {
	return v.look(ctx, id, func(*record) {}, func(*fileRow) {})
}

// looks is how often a task is looked for that moves between memory and file.
const looks = 8

// look finds the task in memory, else in the file, and calls the one or the other.
func (v *Views) look(ctx context.Context, id ulid.ULID, inMemory func(*record), inFile func(*fileRow)) (t task.Task, seq int64, err error) {
	err = v.patiently(ctx, func() (err error) {
		t, seq, err = v.lookNow(ctx, id, inMemory, inFile)
		return err
	})
	return t, seq, err
}

func (v *Views) lookNow(ctx context.Context, id ulid.ULID, inMemory func(*record), inFile func(*fileRow)) (task.Task, int64, error) {
	for range looks {
		t, seq, moves, ok := v.inMemory(id, inMemory)
		if ok {
			return t, seq, nil
		}
		k := v.kept()
		if k == nil {
			return task.Task{}, seq, ErrNotFound
		}
		row, err := k.byID(ctx, id)
		if err == nil {
			inFile(&row)
			return row.Task, seq, nil
		}
		if !errors.Is(err, viewfile.ErrNotFound) {
			return task.Task{}, seq, fmt.Errorf("look for a task: %w", err)
		}
		if v.returns.Load() == moves {
			return task.Task{}, seq, ErrNotFound
		}
		// A task came back to memory while the file was asked: it may have been this one.
	}
	return task.Task{}, v.Seq(), ErrNotFound
}

func (v *Views) inMemory(id ulid.ULID, found func(*record)) (t task.Task, seq int64, moves int64, ok bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rec := v.table.find(id)
	if rec == nil {
		return t, v.Seq(), v.returns.Load(), false
	}
	found(rec)
	return rec.task, v.Seq(), 0, true
}

// InMemory returns a task that has not ended, as it stands; the zero Task if it has, or there is none.
func (v *Views) InMemory(id ulid.ULID) task.Task {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if rec := v.table.find(id); rec != nil {
		return rec.task
	}
	return task.Task{}
}
