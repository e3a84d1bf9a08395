package projection

import (
	"iter"
	"math"

	"daybook/task"

	"github.com/tidwall/btree"
)

// never is the key of what waits without an end.
const never task.Micros = math.MaxInt64

// waits is who is suspended, by what they wait for. Those with an end are in order.deadlines.
type waits struct {
	bySignal  waiters
	over      []ended                // waits that have got their signals; some may have ended since
	approvals *btree.BTreeG[*record] // those that wait for a person, in the order in which they were suspended
}

// ended is a wait that is over.
type ended struct {
	rec  *record
	wait *task.Wait
}

func newWaits() waits {
	return waits{bySignal: newWaiters(),
		approvals: btree.NewBTreeGOptions(func(a, b *record) bool { return a.wait.Seq < b.wait.Seq }, noLocks)}
}

// wait notes what the task of the record waits for now.
func (v *Views) wait(rec *record) {
	w := rec.task.Waits()
	if w == rec.wait {
		return
	}
	for _, one := range []*task.Wait{rec.wait, w} {
		if one != nil && one.Kind == task.StepApproval {
			v.others.add(namedEvent{v.order.at, changedApproval, rec.task.Name()})
		}
	}
	if old := rec.wait; old != nil {
		for _, name := range old.Signals {
			v.waits.bySignal.remove(name, rec.slot)
		}
		if old.Kind == task.StepApproval {
			v.waits.approvals.Delete(rec)
		}
	}
	if rec.wait = w; w == nil {
		return
	}
	for _, name := range w.Signals {
		v.waits.bySignal.add(name, rec.slot)
	}
	if w.Kind == task.StepApproval {
		v.waits.approvals.Set(rec)
	}
	v.lookForSignals(rec)
}

// signalSent looks who has got all that they wait for with a signal.
func (v *Views) signalSent(name string) {
	for slot := range v.waits.bySignal.of(name) {
		v.lookForSignals(v.table.at(slot))
	}
}

// lookForSignals notes that the task has got the signals that it waits for, if it has.
func (v *Views) lookForSignals(rec *record) {
	if w := rec.wait; w != nil && w.Kind == task.StepSignal && v.SignalsFor(w, never) != nil {
		v.waits.over = append(v.waits.over, ended{rec, w})
	}
}

// WaitsOver goes through the suspended tasks whose wait is over at a moment: they have got their signals, or the time is over.
// It is for the goroutine that writes; nothing may be applied while it runs.
func (v *Views) WaitsOver(now task.Micros) iter.Seq[*task.Task] {
	return func(yield func(*task.Task) bool) {
		kept := v.waits.over[:0]
		for _, one := range v.waits.over {
			if one.rec.wait == one.wait {
				kept = append(kept, one)
			}
		}
		clear(v.waits.over[len(kept):])
		v.waits.over = kept
		for _, one := range kept {
			if !yield(&one.rec.task) {
				return
			}
		}
		v.order.deadlines.passed(now, func(rec *record) bool { return yield(&rec.task) })
	}
}

// NextWaitOver is when the wait of the next suspended task is over: 1 if it is now, 0 if none is known. It is for the goroutine
// that writes.
func (v *Views) NextWaitOver() task.Micros {
	for over := v.waits.over; len(over) > 0; over = over[1:] {
		if over[0].rec.wait == over[0].wait {
			v.waits.over = over
			return 1
		}
	}
	v.waits.over = nil // they are woken in this order, so those that have ended come first
	if next := v.order.deadlines.next(); next != never {
		return next
	}
	return 0
}

// Approvals returns the tasks that wait for a person, those that wait longest first, at most limit after the one that was suspended
// with an event; and the seq at which they did so.
func (v *Views) Approvals(after int64, limit int) (list []task.Task, seq int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	v.waits.approvals.Ascend(&record{wait: &task.Wait{Seq: after + 1}}, func(rec *record) bool {
		list = append(list, rec.task)
		return len(list) < limit
	})
	return list, v.Seq()
}

// ApprovalCount is how many tasks wait for a person.
func (v *Views) ApprovalCount() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.waits.approvals.Len()
}
