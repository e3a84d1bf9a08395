package projection

import (
	"context"
	"errors"
	"slices"

	"daybook/projection/viewfile"
	"daybook/task"
)

// claims are the tasks in memory that hold a unique key, or may: those that are live, and of
// those that have ended the one that holds it longest. Those that have left memory are in the
// view file.
type claims struct {
	held   map[task.Claim][]*record
	latest task.Micros // the wall clock at the latest submit with a unique key
}

// claimsKept is for how long after its end a claim stays in the view file: so a clock
// that was ahead by less does no harm.
const claimsKept = 3600 * task.Second

// claim adds the task to those that hold its unique key, or removes it.
func (v *Views) claim(rec *record) {
	if rec.task.Links == nil {
		return
	}
	claim, ok := rec.task.Claims()
	if !ok {
		return
	}
	list := without(v.claims.held[claim], rec)
	switch u := &rec.task.Links.Unique; {
	case !rec.task.Status.Ended():
		v.claims.latest = u.From
		list = slices.DeleteFunc(list, func(other *record) bool { return other.freeBy(u.From) })
		list = append(list, rec)
	case u.For > 0 && !slices.ContainsFunc(list, rec.outlivedBy):
		list = slices.DeleteFunc(list, func(other *record) bool { return other.task.Status.Ended() })
		list = append(list, rec)
	}
	v.setClaims(claim, list)
}

// freeBy reports whether the task no longer holds its key at that moment.
func (rec *record) freeBy(wall task.Micros) bool {
	until := rec.task.Links.Unique.Until()
	return 0 < until && until <= wall
}

// outlivedBy reports whether another task that has ended holds the key for longer.
func (rec *record) outlivedBy(other *record) bool {
	return other.task.Status.Ended() && other.task.Links.Unique.Until() > rec.task.Links.Unique.Until()
}

// unclaim removes a task that leaves memory.
func (v *Views) unclaim(rec *record) {
	if claim, ok := rec.task.Claims(); ok {
		v.setClaims(claim, without(v.claims.held[claim], rec))
	}
}

func (v *Views) setClaims(claim task.Claim, list []*record) {
	if len(list) == 0 {
		delete(v.claims.held, claim)
		return
	}
	v.claims.held[claim] = list
}

func without(list []*record, rec *record) []*record {
	if i := slices.Index(list, rec); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	return list
}

// What follows is for the one goroutine that writes, as Find is.

// FindLiveClaims calls fn for the tasks that hold the claim at that moment and have not ended,
// in no order.
func (v *Views) FindLiveClaims(claim task.Claim, wall task.Micros, fn func(*task.Task)) {
	v.mu.RLock() // another goroutine evicts tasks
	defer v.mu.RUnlock()
	for _, rec := range v.claims.held[claim] {
		if !rec.task.Status.Ended() && rec.task.Holds(wall) {
			fn(&rec.task)
		}
	}
}

// FindEndedClaim returns the task that has ended and holds the claim at that moment, nil if
// there is none: of several the one that holds it longest. It is for claims that no live task holds: when one
// that had ended is live again, those that held the claim for a shorter time may not be found. Errors: those of
// the view file.
func (v *Views) FindEndedClaim(claim task.Claim, wall task.Micros) (*task.Task, error) {
	held := v.peekEndedClaim(claim, wall)
	if v.keeper == nil {
		return held, nil
	}
	var row fileRow
	err := v.keeper.readingNow(context.Background(), func(r *viewfile.Reader) (err error) {
		row, err = r.ByClaim(context.Background(), claim)
		return err
	})
	if errors.Is(err, viewfile.ErrNotFound) {
		return held, nil
	}
	archived, err := found(&row, err)
	if err != nil {
		return nil, err
	}
	if now := v.peek(archived.ID); now != nil {
		archived = now // it is in memory too, and may have changed
	}
	if !archived.Status.Ended() || !archived.Holds(wall) {
		return held, nil
	}
	if held != nil && held.Links.Unique.Until() >= archived.Links.Unique.Until() {
		return held, nil
	}
	return archived, nil
}

func (v *Views) peekEndedClaim(claim task.Claim, wall task.Micros) *task.Task {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, rec := range v.claims.held[claim] {
		if rec.task.Status.Ended() && rec.task.Holds(wall) {
			return &rec.task
		}
	}
	return nil
}

// IsPending reports whether the task is pending. Any goroutine may ask.
func (v *Views) IsPending(id [16]byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rec := v.table.find(id)
	return rec != nil && rec.task.Status == task.Pending
}

// Live reports whether the task has not ended. Any goroutine may ask.
func (v *Views) Live(id [16]byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rec := v.table.find(id) // what has left memory has ended
	return rec != nil && !rec.task.Status.Ended()
}
