package projection

import (
	"context"
	"fmt"

	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Children calls fn for all children of a task, as they stand: first those that have left memory, the latest submitted
// first, then those in memory in the order of submission. fn must not keep the task, nor call methods of the views.
// Errors: *Rebuilding, those of the view file, ctx's.
func (v *Views) Children(ctx context.Context, parent ulid.ULID, fn func(*task.Task)) error {
	return v.patiently(ctx, func() error { return v.ChildrenNow(ctx, parent, fn) })
}

// ChildrenNow is Children for the goroutine that writes: it does not wait while the views are rebuilt.
func (v *Views) ChildrenNow(ctx context.Context, parent ulid.ULID, fn func(*task.Task)) error {
	for {
		filed, evicted, err := v.filedChildren(ctx, parent)
		if err != nil {
			return fmt.Errorf("read the children of a task: %w", err)
		}
		if v.withKids(parent, filed, evicted, fn) {
			return nil
		}
	}
}

// withKids calls fn for the rows that memory does not have and for the children in memory; false if tasks have left
// memory since the rows were read.
func (v *Views) withKids(parent ulid.ULID, filed []fileRow, evicted int64, fn func(*task.Task)) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.evicted != evicted {
		return false
	}
	for i := range filed {
		if v.table.find(filed[i].Task.ID) == nil {
			fn(&filed[i].Task)
		}
	}
	v.kidsOf(parent, func(rec *record) bool {
		fn(&rec.task)
		return true
	})
	return true
}

// filedChildren reads the children that are in the file, some of which may be in memory too. They are all that are
// not in memory while Views.evicted stays as it was.
func (v *Views) filedChildren(ctx context.Context, parent ulid.ULID) (filed []fileRow, evicted int64, err error) {
	v.mu.RLock()
	k, evicted := v.keeper, v.evicted
	v.mu.RUnlock()
	if k == nil {
		return nil, evicted, nil
	}
	err = k.readingNow(ctx, func(r *viewfile.Reader) error {
		return r.Children(ctx, parent, func(row *fileRow) { filed = append(filed, *row) })
	})
	return filed, evicted, err
}

// broods are the children in the file of parents that come back from the end.
type broods struct {
	rows    map[ulid.ULID][]fileRow
	evicted int64 // Views.evicted when they were read
}

// bringChildren reads the children in the file of the parents that the changes lead back from the end, before the lock is taken;
// nil if there are none.
func (v *Views) bringChildren(changes []Change, back map[ulid.ULID]*fileRow) (b *broods, err error) {
	if v.keeper == nil {
		return nil, nil
	}
	for _, c := range changes {
		if c.Event.Type != task.EventRetried || !v.isParent(c.ID, back[c.ID]) {
			continue
		}
		if b == nil {
			b = &broods{rows: make(map[ulid.ULID][]fileRow)}
		}
		var evicted int64
		if b.rows[c.ID], evicted, err = v.filedChildren(context.Background(), c.ID); err != nil {
			return nil, err
		}
		if len(b.rows) > 1 && evicted != b.evicted {
			evicted = -1 // all are read again
		}
		b.evicted = evicted
	}
	return b, nil
}

// bringChildrenOf does the same for one event, while the lock is held and nobody reads the file.
func (v *Views) bringChildrenOf(id ulid.ULID, e task.EventType) (err error) {
	if v.keeper == nil || e != task.EventRetried {
		return nil
	}
	if rec, row := v.table.find(id), v.back[id]; (rec == nil || !rec.task.IsParent()) && (row == nil || !row.Task.IsParent()) {
		return nil
	}
	var filed []fileRow
	err = v.keeper.readingNow(context.Background(), func(r *viewfile.Reader) error {
		return r.Children(context.Background(), id, func(row *fileRow) { filed = append(filed, *row) })
	})
	if v.brood == nil {
		v.brood = make(map[ulid.ULID][]fileRow)
	}
	v.brood[id] = filed
	return err
}

// isParent reports whether the task with the id, which is in memory or in the row, has children.
func (v *Views) isParent(id ulid.ULID, row *fileRow) bool {
	if t := v.peek(id); t != nil {
		return t.IsParent()
	}
	return row != nil && row.Task.IsParent()
}

// OpenChildren is how many children of a task have not ended, apart from detached ones. Anyone may ask.
func (v *Views) OpenChildren(parent ulid.ULID) int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if f := v.families.live[parent]; f != nil {
		return f.open
	}
	return 0
}

// What follows is for the one goroutine that writes.

// DueFamilies are parents for whose children, or for which themselves, something is to be done, at most limit.
func (v *Views) DueFamilies(limit int) (parents []ulid.ULID) {
	v.families.due.Scan(func(_ int64, f *family) bool {
		parents = append(parents, f.parent.task.ID)
		return len(parents) < limit
	})
	return parents
}

// ToCancel are the children of a parent that are to be cancelled and are not told, at most limit. all says that the parent is
// being cancelled in this round.
func (v *Views) ToCancel(parent ulid.ULID, limit int) (children []ulid.ULID) {
	v.mu.RLock() // another goroutine lets tasks go
	defer v.mu.RUnlock()
	f := v.families.live[parent]
	if f == nil || limit == 0 {
		return nil
	}
	all := isTold(&f.parent.task)
	if !all && f.excess == 0 {
		return nil
	}
	v.kidsOf(parent, func(rec *record) bool {
		if rec.kin == kinOpen && (all || f.broods[rec.task.Kin.Step].doomed()) {
			children = append(children, rec.task.ID)
		}
		return len(children) < limit
	})
	return children
}

// Settled reports whether the children of a step of a parent that has not ended, or all if it is "", need not be waited for,
// and whether they make it fail then. changes counts what has happened to the family.
func (v *Views) Settled(parent ulid.ULID, step string) (settled, failed bool, changes int64) {
	f := v.families.live[parent]
	if f == nil {
		return true, false, 0
	}
	settled = f.settled(step)
	return settled, settled && f.failed(step), f.changes
}
