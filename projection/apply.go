package projection

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// readOnPage is how many events ReadOn reads and folds at once.
const readOnPage = 1000

// ReadOn folds what the log has and the views have not, and calls each for what it has folded. Errors: those of Read and Apply;
// eventlog.ErrDamaged for a log that does not give an event that it has.
func (v *Views) ReadOn(ctx context.Context, log eventlog.Log, each func(events []*eventlog.Event)) error {
	for v.Seq() < log.Head().Seq {
		page, err := log.Read(ctx, v.Seq(), eventlog.Filter{}, readOnPage)
		if err == nil && len(page.Events) == 0 {
			err = eventlog.ErrDamaged
		}
		if err == nil {
			err = v.Apply(page.Events)
		}
		if err != nil {
			return fmt.Errorf("read the log after event %d: %w", v.Seq(), err)
		}
		each(page.Events)
	}
	return nil
}

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
		if decoded[i].Type == 0 {
			changes[i].Other = e
		}
	}
	return v.ApplyChanges(changes)
}

// ApplyChanges folds a batch that was just appended, in order and without gaps, under
// one lock, and wakes those who wait for changes. A gap is ErrGap and changes nothing.
// Any other error means the fold and the decider disagree, and the views must not be
// used any more.
func (v *Views) ApplyChanges(changes []Change) error {
	for v.mender != nil && len(changes) > 0 && changes[0].Event.Seq <= v.Seq() {
		changes = changes[1:] // views that were rebuilt have them already
	}
	for i, c := range changes {
		if want := v.Seq() + int64(i) + 1; c.Event.Seq != want {
			return fmt.Errorf("apply event %d: %w: want %d", c.Event.Seq, ErrGap, want)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	for moved := true; moved; {
		back, err := v.bring(changes)
		var brood *broods
		if err == nil {
			brood, err = v.bringChildren(changes, back)
		}
		if errors.Is(err, ErrRebuilding) && v.mender != nil && v.await(mostWait) {
			return v.adopt(changes[len(changes)-1].Event.Seq)
		}
		if err == nil {
			moved, err = v.applyBatch(changes, back, brood)
		}
		if err != nil {
			return err
		}
	}
	v.moved.Raise()
	return v.endRound()
}

// bring fetches the tasks that have left memory and to which the changes belong, before
// the lock is taken.
func (v *Views) bring(changes []Change) (map[ulid.ULID]*fileRow, error) {
	if v.keeper == nil {
		return nil, nil
	}
	var back map[ulid.ULID]*fileRow
	for _, c := range changes {
		if !canFollowEnd(c.Event.Type) || v.has(c.ID) || back[c.ID] != nil {
			continue
		}
		row, err := v.keeper.fetch(c.ID)
		if err != nil {
			return nil, err
		}
		if row == nil {
			continue // the fold refuses it
		}
		if back == nil {
			back = make(map[ulid.ULID]*fileRow)
		}
		back[c.ID] = row
	}
	return v.bringDependencies(changes, back)
}

// bringOne does the same for one task, while the lock is held.
func (v *Views) bringOne(id ulid.ULID) error {
	if v.keeper == nil || v.table.find(id) != nil {
		return nil
	}
	row, err := v.keeper.fetch(id)
	if row != nil {
		v.back = map[ulid.ULID]*fileRow{id: row}
	}
	return err
}

// canFollowEnd reports whether an event of the type can follow the end of a task. All
// others are about tasks that are in memory.
func canFollowEnd(e task.EventType) bool {
	return e == task.EventRetried || e == task.EventErased || e == task.EventLateResultRefused || e == task.EventResubmitted ||
		e == task.EventStepForgotten
}

func (v *Views) has(id ulid.ULID) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.table.find(id) != nil
}

// applyBatch folds the batch. moved: tasks have left memory since the brood was read, and nothing is folded.
func (v *Views) applyBatch(changes []Change, back map[ulid.ULID]*fileRow, brood *broods) (moved bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if brood != nil && brood.evicted != v.evicted {
		return true, nil
	}
	v.begin(back)
	if brood != nil {
		v.brood = brood.rows
	}
	for _, c := range changes {
		if err := v.fold(c.ID, c.Event, c.Other); err != nil {
			return false, err
		}
	}
	v.endBatch(changes[len(changes)-1].Event.Seq)
	return false, nil
}

// begin starts a batch. back holds tasks that have left memory and that events of the batch may be about.
func (v *Views) begin(back map[ulid.ULID]*fileRow) {
	v.touched, v.back, v.brood = v.touched[:0], back, nil
}

// endBatch ends a batch: it updates the views that depend on the state of a task, not on each
// event, and sets the seq that all views show.
func (v *Views) endBatch(seq int64) {
	v.order.at = seq
	for _, rec := range v.touched {
		rec.touched = false
		v.index(rec)
	}
	clear(v.touched)
	v.order.at = seq + 1 // what becomes due from now on is in the next change
	v.order.publish()
	v.seq.Store(seq)
}

// fold folds one event into the task and the views that depend on each event, or other into the fold
// of its kind of stream. endBatch must follow, once for many events.
func (v *Views) fold(id ulid.ULID, e *task.Event, other *eventlog.Event) error {
	if e.Type == 0 {
		v.recent.add(e.Seq, nil)
		v.others.note(other, v.streams)
		if err := v.streams.apply(other); err != nil {
			return err
		}
		switch {
		case other.Type == TokenUsed:
			v.noteUse(other)
		case tokenEvents[other.Type] != 0:
			v.publishTokens()
		}
		if workerEvents[other.Type] != 0 {
			v.publishQuiet()
		}
		if queueEvents[other.Type] != 0 {
			_, name, _ := strings.Cut(other.Stream, ":")
			v.setKeyRules(name, v.keyRulesOf(name))
		}
		if other.Type == ErasureDone && v.keeper != nil {
			poke(v.keeper.archived) // the words of these tasks can go
		}
		if other.Type == SignalSent {
			_, name, _ := strings.Cut(other.Stream, ":")
			v.signalSent(name)
		}
		for _, o := range v.observers {
			o.StreamChanged(other)
		}
		return nil
	}
	if e.Type == task.EventSubmitted {
		return v.foldFirst(id, e)
	}
	rec := v.table.find(id)
	if rec == nil {
		row := v.back[id]
		if row == nil {
			return v.foldFirst(id, e) // which refuses it
		}
		rec = v.restore(row)
	}
	v.markDirty(rec)
	before, previous := rec.task.Status, rec.task.LastSeq
	charge, started := rec.task.Held().Charge, rec.task.StartedAt
	if err := task.Apply(&rec.task, id, e); err != nil {
		return fmt.Errorf("apply event %d to %s: %w", e.Seq, task.StreamOf(id), err)
	}
	rec.trail.add(e.Seq - previous)
	if e.Type == task.EventRetried {
		if err := v.attach(rec); err != nil {
			return err
		}
	}
	if e.Type == task.EventStarted {
		v.charged(&rec.task, e.At)
	}
	if before == task.Running && rec.task.Status != task.Running {
		v.attemptEnded(&rec.task, charge, e.At-started)
	}
	v.note(rec, before, e)
	return nil
}

// foldFirst folds the first event of a task.
func (v *Views) foldFirst(id ulid.ULID, e *task.Event) error {
	rec := v.table.next()
	if err := task.Apply(&rec.task, id, e); err != nil {
		return fmt.Errorf("apply event %d to %s: %w", e.Seq, task.StreamOf(id), err)
	}
	rec.group = v.counts.group(rec.task.Type, rec.task.Queue)
	name := v.counts.names[rec.group]
	rec.task.Type, rec.task.Queue = name.taskType, name.queue // one string for all of the group
	rec.facet = v.counts.enter(rec)
	if !v.table.add(rec) {
		return fmt.Errorf("apply event %d to %s: %w: %s of a task that exists", e.Seq, task.StreamOf(id), task.ErrIllegal, e.Type)
	}
	v.addKey(rec)
	v.markDirty(rec)
	v.limitWorkflows(rec)
	if err := v.attach(rec); err != nil {
		return err
	}
	v.note(rec, task.None, e)
	return nil
}

func (v *Views) addKey(rec *record) {
	if key := rec.task.IdempotencyKey(); key != "" {
		if _, taken := v.keys[key]; !taken {
			v.keys[key] = rec.slot
		}
	}
}

// note updates the views that depend on each event.
func (v *Views) note(rec *record, before task.Status, e *task.Event) {
	rec.observe(before, e)
	foldIn[*alerts](v.streams).ended(&rec.task, e)
	if rec.task.Type == DeliveryType {
		foldIn[*webhooks](v.streams).attempted(&rec.task, e)
	}
	if e.Type == task.EventErased {
		foldIn[*erasures](v.streams).Asked = e.Seq
		v.unindex(&rec.task)
	}
	for _, o := range v.observers {
		o.TaskChanged(&rec.task, before, e)
	}
	v.windows.add(rec, before, e)
	v.recent.add(e.Seq, rec)
	if before == task.None || before.Ended() != rec.task.Status.Ended() {
		v.claim(rec)
		v.mate(rec)
	}
	if v.keeper != nil && rec.task.Status.Ended() {
		v.ended.push(end{e.Seq, rec.slot})
	}
	if !rec.touched {
		rec.touched = true
		v.touched = append(v.touched, rec)
	}
}

// observe updates due.
func (rec *record) observe(before task.Status, e *task.Event) {
	if rec.task.Status == task.Pending && (before != task.Pending || e.Type == task.EventSnoozed || e.Type == task.EventStepRecorded || e.Type == task.EventEnding) {
		rec.due = !rec.task.Timed && rec.task.Waits() == nil && rec.task.Ending() == task.None
	}
}

// index updates the counts and the ready order for the task.
func (v *Views) index(rec *record) {
	if v.counts.move(rec) {
		v.table.refacet(rec)
	}
	v.follow(rec)
	v.wait(rec)
	v.mind(rec)
	v.order.put(rec)
}
