package scheduler

import (
	"context"

	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// stepSet is the names of the steps of a running task, as the log has them. The views only count steps; the set is read from the log
// when an attempt records its first step, and forgotten when the attempt ends.
type stepSet struct {
	names   map[string]int64 // the seqs of their events
	changes int64            // see task.Steps.Changes
}

// stepName is a step of a task.
type stepName struct {
	id   ulid.ULID
	name string
}

// stepsAsked is the part of a request that is about steps.
type stepsAsked struct {
	known *stepSet    // as the caller has read it; nil = it has not
	found []foundStep // what became of each; set with the answer
}

// foundStep says where a step was recorded.
type foundStep struct {
	before  bool // by an earlier request
	seq     int64
	at      task.Micros
	attempt int
}

// stepSetOf reads which steps a task has.
func (s *Scheduler) stepSetOf(ctx context.Context, id ulid.ULID) (*stepSet, error) {
	steps, changes, err := s.readSteps(ctx, id)
	if err != nil {
		return nil, err
	}
	set := &stepSet{names: make(map[string]int64, len(steps)), changes: changes}
	for i := range steps {
		set.names[steps[i].Name] = steps[i].seq
	}
	return set, nil
}

// stepsOf returns the steps of the running task that a request is about, nil if they must be read first.
func (l *loop) stepsOf(r *request) *stepSet {
	if set := l.steps[r.id]; set != nil {
		return set
	}
	state, set := l.views.get(r.id), r.steps.known
	switch {
	case state == nil:
		return nil
	case state.StepChanges() == 0:
		set = &stepSet{names: make(map[string]int64)}
	case set == nil || set.changes != state.StepChanges():
		return nil
	}
	l.steps[r.id] = set
	return set
}

// decideSteps decides a request to record steps, or to suspend the task in one.
func (l *loop) decideSteps(rd *round, r *request) {
	l.views.missing = nil
	before := rd.get(r.id)
	if before == nil {
		err := l.views.missing
		if err == nil {
			err = projection.ErrNotFound
		}
		rd.reply(r, answer{err: err})
		return
	}
	if before.Status != task.Running || before.Fence() != fenceOf(r.command) {
		if r.lease != nil {
			l.report(rd, r)
			return
		}
		_, refusal := rd.decideOn(before, r.command)
		rd.reply(r, answer{err: refusal})
		return
	}
	set := l.stepsOf(r)
	if set == nil {
		rd.reply(r, answer{err: errStepsUnknown})
		return
	}
	if r.children != nil {
		l.makeChildren(rd, r, before, set)
		return
	}
	if _, suspends := r.command.(task.Suspend); suspends {
		l.suspend(rd, r, before, set)
		return
	}
	l.recordNewSteps(rd, r, before, set)
}

// fenceOf is the fence of a command about steps.
func fenceOf(c task.Command) int64 {
	switch c := c.(type) {
	case task.RecordSteps:
		return c.Fence
	case task.Suspend:
		return c.Fence
	}
	return 0
}

// recordNewSteps records those of the steps that the task does not have yet.
func (l *loop) recordNewSteps(rd *round, r *request, before *task.Task, set *stepSet) {
	c := r.command.(task.RecordSteps)
	fresh := task.RecordSteps{Fence: c.Fence, Build: c.Build}
	places := make([]int, 0, len(c.Steps)) // of the fresh ones
	for i, s := range c.Steps {
		if event, touched := rd.stepEvent(stepName{r.id, s.Name}); touched {
			r.steps.found[i].before = event != nil
		} else {
			_, r.steps.found[i].before = set.names[s.Name]
		}
		if !r.steps.found[i].before {
			fresh.Steps, places = append(fresh.Steps, s), append(places, i)
		}
	}
	rd.size += max(len(places), 1)
	if len(places) == 0 {
		rd.reply(r, answer{})
		return
	}
	decided, refusal := rd.decideOn(before, fresh)
	if refusal != nil {
		rd.reply(r, answer{err: refusal})
		return
	}
	n := rd.own(r.id, before)
	rd.begin(r.actor, false, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		for k, i := range places {
			r.steps.found[i] = foundStep{seq: decided[k].Seq, at: decided[k].At, attempt: decided[k].Data.Attempt}
		}
		r.done <- answer{}
	})
	rd.add(n, r.id, decided)
}

// noteStep notes a step that the round records or forgets.
func (o *overlay) noteStep(id ulid.ULID, e *task.Event) {
	if o.steps == nil {
		o.steps = make(map[stepName]*task.Event)
	}
	key := stepName{id, e.Data.Step}
	if o.steps[key] = e; e.Type == task.EventStepForgotten {
		o.steps[key] = nil
	}
}

// stepEvent returns the event with which this round or the one below has recorded a step, nil if it has
// forgotten it; false if they have not touched it.
func (o *overlay) stepEvent(name stepName) (event *task.Event, touched bool) {
	for ; o != nil && !touched; o = o.below {
		event, touched = o.steps[name]
	}
	return event, touched
}

// stepAppended takes a change that is on disk into the set of the steps of its task.
func (l *loop) stepAppended(c *projection.Change) {
	set := l.steps[c.ID]
	if set == nil {
		return
	}
	switch c.Event.Type {
	case task.EventStepRecorded:
		set.names[c.Event.Data.Step] = c.Event.Seq
		set.changes++
	case task.EventStepForgotten:
		delete(set.names, c.Event.Data.Step)
		set.changes++
	case task.EventProgressed, task.EventCancelRequested, task.EventReprioritised, task.EventLateResultRefused:
	default: // the attempt is over
		delete(l.steps, c.ID)
	}
}
