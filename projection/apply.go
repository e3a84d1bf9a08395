package projection

import (
	"fmt"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Apply folds events as they lie in the log. Events at or below Seq are ignored, so a
// batch delivered twice changes nothing; a gap is an error and changes nothing.
func (v *Views) Apply(events []*eventlog.Event) error {
	for len(events) > 0 && events[0].Seq <= v.Seq() {
		events = events[1:]
	}
	changes := make([]Change, len(events))
	decoded := make([]task.Event, len(events))
	for i, e := range events {
		id, err := v.decoder.decode(&decoded[i], e)
		if err != nil {
			return err
		}
		changes[i] = Change{ID: id, Event: &decoded[i]}
	}
	return v.ApplyChanges(changes)
}

// ApplyChanges folds a batch that was just appended, in order and without gaps, under
// one lock, and wakes those who wait for changes. A gap is ErrGap and changes nothing.
// Any other error means the fold and the decider disagree, and the views must not be
// used any more.
func (v *Views) ApplyChanges(changes []Change) error {
	for i, c := range changes {
		if want := v.Seq() + int64(i) + 1; c.Event.Seq != want {
			return fmt.Errorf("apply event %d: %w: want %d", c.Event.Seq, ErrGap, want)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if err := v.applyBatch(changes); err != nil {
		return err
	}
	v.moved.Raise()
	return nil
}

func (v *Views) applyBatch(changes []Change) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.batch++
	v.touched = v.touched[:0]
	for _, c := range changes {
		rec, err := v.fold(c.ID, c.Event)
		if err != nil {
			return err
		}
		if rec != nil && rec.batch != v.batch {
			rec.batch = v.batch
			v.touched = append(v.touched, rec)
		}
	}
	for _, rec := range v.touched {
		v.index(rec)
	}
	clear(v.touched)
	v.order.settle()
	v.seq.Store(changes[len(changes)-1].Event.Seq)
	return nil
}

// fold folds one event into the task and the views that go event by event. index must
// follow, once for all events of the task. The record is nil for an event of another
// stream.
func (v *Views) fold(id ulid.ULID, e *task.Event) (*record, error) {
	if e.Type == 0 {
		v.history.add(e.Seq, 0)
		v.recent.add(e.Seq, nil)
		return nil, nil
	}
	if e.Type == task.EventSubmitted {
		return v.foldFirst(id, e)
	}
	rec := v.table.find(id)
	if rec == nil {
		return v.foldFirst(id, e) // which refuses it
	}
	before, previous := rec.task.Status, rec.task.LastSeq
	if err := task.Apply(&rec.task, id, e); err != nil {
		return nil, fmt.Errorf("apply event %d to %s: %w", e.Seq, task.StreamOf(id), err)
	}
	rec.observe(before, e)
	v.windows.add(rec, before, e)
	v.history.add(e.Seq, e.Seq-previous)
	v.recent.add(e.Seq, rec)
	return rec, nil
}

// foldFirst folds the first event of a task.
func (v *Views) foldFirst(id ulid.ULID, e *task.Event) (*record, error) {
	rec := v.table.next()
	if err := task.Apply(&rec.task, id, e); err != nil {
		return nil, fmt.Errorf("apply event %d to %s: %w", e.Seq, task.StreamOf(id), err)
	}
	if !v.table.add(rec) {
		return nil, fmt.Errorf("apply event %d to %s: %w: %s of a task that exists", e.Seq, task.StreamOf(id), task.ErrIllegal, e.Type)
	}
	rec.group = v.counts.group(rec.task.Type, rec.task.Queue)
	*v.table.facet(rec.number) = v.counts.enter(rec)
	if key := rec.task.IdempotencyKey; key != "" {
		if _, taken := v.keys[key]; !taken {
			v.keys[key] = rec.number
		}
	}
	rec.observe(task.None, e)
	v.windows.add(rec, task.None, e)
	v.history.add(e.Seq, 0)
	v.recent.add(e.Seq, rec)
	return rec, nil
}

// observe keeps since and due true.
func (rec *record) observe(before task.Status, e *task.Event) {
	if rec.task.Status == task.Pending && (before != task.Pending || e.Type == task.EventSnoozed) {
		rec.since = max(rec.task.DueAt, e.At)
		rec.due = rec.task.DueAt <= e.At
	}
}

// index brings the views up to date that look at what became of a task, not at how.
func (v *Views) index(rec *record) {
	v.counts.move(v.table.facet(rec.number), rec)
	v.order.put(rec)
}
