package projection

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

// place is which index of order a task lies in.
type place uint8

const (
	nowhere     place = iota // it has ended
	inReady                  // pending, and may start
	inHeld                   // pending and due, but a dependency does not let it start: see dependencies
	inScheduled              // pending, and its time is to come
	inBackoff                // pending, and the time of its retry is to come
	inSuspended              // pending, and suspended until something comes, or ending
	inRunning                // running
	places
)

// dueKey is a key of an index of order, with its record.
type dueKey struct {
	task.ReadyKey
	rec *record
}

func (a dueKey) less(b dueKey) bool { return a.Less(b.ReadyKey) }

// order says which tasks are ready, which are waiting for their time and which run.
type order struct {
	ready      readyTrees
	keyed      keyQueues
	timed      [2]*btree.BTreeG[dueKey] // inScheduled and inBackoff, each by due, seq: priorities do not count
	deadlines  deadlines                // of inSuspended those with an end
	running    []*record                // in no order
	in         [][places]int64          // by group: how many tasks lie where
	moved      []int64                  // by group: seq of the event that last moved one of its tasks, 0 for one before the start
	at         int64                    // the seq of moves that are made now
	targets    map[ulid.ULID]*target    // what tasks that have not ended depend on
	workflows  int                      // that are ready
	deliveries int                      // that are ready
	stranded   []*record                // pending tasks with an impossible dependency, in no order

	readyCount atomic.Int64 // for readers
}

var noLocks = btree.Options{NoLocks: true}

func newOrder() order {
	return order{keyed: newKeyQueues(), timed: [2]*btree.BTreeG[dueKey]{newDueTree(), newDueTree()}, targets: make(map[ulid.ULID]*target)}
}

// replace takes over another order.
func (o *order) replace(n *order) {
	n.ready.parked = o.ready.parked
	o.ready, o.keyed, o.timed, o.deadlines, o.running, o.in = n.ready, n.keyed, n.timed, n.deadlines, n.running, n.in
	o.moved, o.at = n.moved, n.at
	o.targets, o.stranded, o.workflows, o.deliveries = n.targets, n.stranded, n.workflows, n.deliveries
	o.publish()
}

// tree is where the tasks of inScheduled or inBackoff lie.
func (o *order) tree(p place) *btree.BTreeG[dueKey] { return o.timed[p-inScheduled] }

// put moves the record to where its task now belongs.
func (o *order) put(rec *record) {
	to, key := rec.belongs()
	if to == rec.place && key == rec.key() {
		return
	}
	o.remove(rec)
	rec.place, rec.keyDue = to, key.Due
	for int(rec.group) >= len(o.in) {
		o.in, o.moved = append(o.in, [places]int64{}), append(o.moved, 0)
	}
	o.moved[rec.group] = o.at
	if to != nowhere {
		o.in[rec.group][to]++
	}
	switch to {
	case inReady:
		o.addReady(key)
		o.countReady(rec, 1)
	case inScheduled, inBackoff:
		o.tree(to).Load(key)
	case inSuspended:
		if key.Due != never {
			o.deadlines.Put(rec)
		}
	case inRunning:
		rec.lane = int32(len(o.running))
		o.running = append(o.running, rec)
		o.run(rec)
	}
}

// belongs returns the place of a task and its key there. A task that was found to be
// due stays so, whatever its priority becomes, until its due time changes.
func (rec *record) belongs() (place, dueKey) {
	t := &rec.task
	switch t.Status {
	case task.Running:
		return inRunning, dueKey{task.ReadyKey{Seq: t.SubmitSeq}, rec}
	case task.Pending:
		if w := t.Waits(); w != nil {
			end := w.Until
			if end == 0 {
				end = never
			}
			return inSuspended, dueKey{task.ReadyKey{Due: end, Seq: t.SubmitSeq}, rec}
		}
		if t.Ending() != task.None {
			return inSuspended, dueKey{task.ReadyKey{Due: never, Seq: t.SubmitSeq}, rec}
		}
		switch {
		case rec.due && rec.held():
			return inHeld, dueKey{t.ReadyKey(), rec}
		case rec.due:
			return inReady, dueKey{t.ReadyKey(), rec}
		case t.Retrying:
			return inBackoff, dueKey{task.ReadyKey{Due: t.DueAt, Seq: t.SubmitSeq}, rec}
		}
		return inScheduled, dueKey{task.ReadyKey{Due: t.DueAt, Seq: t.SubmitSeq}, rec}
	}
	return nowhere, dueKey{task.ReadyKey{Seq: t.SubmitSeq}, rec}
}

// key is the key that the record has where it lies; of no use where nothing is ordered.
func (rec *record) key() dueKey {
	return dueKey{task.ReadyKey{Due: rec.keyDue, Seq: rec.task.SubmitSeq}, rec}
}

func (o *order) remove(rec *record) {
	if rec.place != nowhere {
		o.in[rec.group][rec.place]--
	}
	switch rec.place {
	case inReady:
		o.removeReady(rec.key())
		o.countReady(rec, -1)
	case inScheduled, inBackoff:
		o.tree(rec.place).Delete(rec.key())
	case inSuspended:
		if rec.keyDue != never {
			o.deadlines.Remove(rec)
		}
	case inRunning:
		last := len(o.running) - 1
		moved := o.running[last]
		o.running[rec.lane], moved.lane = moved, rec.lane
		o.running[last] = nil
		o.running = o.running[:last]
		o.stopRunning(rec)
	}
	rec.place, rec.keyDue, rec.lane = nowhere, 0, 0
}

// countReady counts the ready tasks that do not start in the slots of tasks.
func (o *order) countReady(rec *record, n int) {
	switch rec.task.Type {
	case task.TypeWorkflow:
		o.workflows += n
	case DeliveryType:
		o.deliveries += n
	}
}

// publish shows readers the number of ready tasks.
func (o *order) publish() { o.readyCount.Store(int64(o.ready.count)) }

// ReadyCount is how many tasks are ready. Anyone may ask.
func (v *Views) ReadyCount() int { return int(v.order.readyCount.Load()) }

// What follows is for the one goroutine that writes.

// Find returns the task, nil if there is none. Not to be changed, nor kept beyond the
// next ApplyChanges. Errors: those of the view file.
func (v *Views) Find(id ulid.ULID) (*task.Task, error) {
	if t := v.peek(id); t != nil || v.keeper == nil {
		return t, nil
	}
	row, err := v.keeper.byID(context.Background(), id)
	return found(&row, err)
}

func (v *Views) peek(id ulid.ULID) *task.Task {
	v.mu.RLock() // another goroutine lets tasks go
	defer v.mu.RUnlock()
	if rec := v.table.find(id); rec != nil {
		return &rec.task
	}
	return nil
}

// FindByKey returns the task submitted with that idempotency key, nil if there is none, as
// Find does.
func (v *Views) FindByKey(key string) (*task.Task, error) {
	if t := v.peekKey(key); t != nil || v.keeper == nil {
		return t, nil
	}
	row, err := v.keeper.byKey(context.Background(), key)
	return found(&row, err)
}

func (v *Views) peekKey(key string) *task.Task {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if slot, ok := v.keys[key]; ok {
		return &v.table.at(slot).task
	}
	return nil
}

// found is the task in the row, nil if there is none.
func found(row *fileRow, err error) (*task.Task, error) {
	switch {
	case errors.Is(err, viewfile.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look for a task: %w", err)
	}
	return &row.Task, nil
}

// AnyReadyDelivery reports whether a delivery of a webhook is ready.
func (v *Views) AnyReadyDelivery() bool { return v.order.deliveries > 0 }

// AnyReadyWorkflow reports whether a workflow is ready.
func (v *Views) AnyReadyWorkflow() bool { return v.order.workflows > 0 }

// Promote makes ready the pending tasks that are due by now.
func (v *Views) Promote(now task.Micros) {
	v.mu.Lock() // a checkpoint may be copying the tasks
	defer v.mu.Unlock()
	o := &v.order
	for _, tree := range o.timed {
		for {
			key, ok := tree.Min()
			if !ok || key.Due > now {
				break
			}
			key.rec.due = true
			o.put(key.rec)
		}
	}
	o.publish()
}

// PromoteStale makes ready the pending tasks that are due by now although their time is
// not reached: see task.Task.Due. It looks at every task that waits, and is needed only
// after the wall clock was set back.
func (v *Views) PromoteStale(now task.Micros) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var due []*record
	for _, tree := range v.order.timed {
		tree.Scan(func(key dueKey) bool {
			if key.rec.task.Due(now) {
				due = append(due, key.rec)
			}
			return true
		})
	}
	for _, rec := range due {
		rec.due = true
		v.order.put(rec)
	}
	v.order.publish()
}

// NextDue is when the next pending task that is not ready becomes due; 0 = none.
func (v *Views) NextDue() (next task.Micros) {
	for _, tree := range v.order.timed {
		if key, some := tree.Min(); some && (next == 0 || key.Due < next) {
			next = key.Due
		}
	}
	return next
}

// Ready goes through the ready tasks of the types and queues that are wanted, in the order of a Line: those
// that their keys hold are left out. Nothing may be applied while it runs.
func (v *Views) Ready(wanted func(taskType, queue string) bool) iter.Seq[*task.Task] {
	return func(yield func(*task.Task) bool) {
		line := v.OpenLine(wanted)
		for t := line.First(); t != nil && yield(t); t = line.First() {
			line.Skip()
		}
	}
}

// Running goes through the running tasks in no order.
func (v *Views) Running() iter.Seq[*task.Task] {
	return func(yield func(*task.Task) bool) {
		for _, rec := range v.order.running {
			if !yield(&rec.task) {
				return
			}
		}
	}
}
