package scheduler

import (
	"context"
	"errors"
	"math"
	"time"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Suspend ends the attempt that the token holds until something comes: see task.Suspend, whose Fence is not looked at.
// The attempt does not count. If the step is there already, or what it waits for has come, the step is returned
// and the lease goes on. Errors: ErrNoLease, a *task.Refusal that wraps task.ErrStopping (the task was
// cancelled, and the lease has ended), task.ErrStepsFull or task.ErrInvalid (it waits for children that no step has made), and those of commands.
func (s *Scheduler) Suspend(ctx context.Context, actor, token string, c task.Suspend) (*Step, error) {
	l := s.leases.find(token)
	if l == nil {
		return nil, ErrNoLease
	}
	s.leases.heard(l, time.Now())
	c.Fence = l.fence
	r := &request{actor: actor, id: l.id, lease: l, command: c, steps: &stepsAsked{found: make([]foundStep, 1)}}
	err := s.askOfSteps(ctx, r, nil)
	switch {
	case errors.Is(err, task.ErrStale):
		return nil, ErrNoLease
	case err != nil || !r.steps.found[0].before:
		return nil, err
	}
	steps, _, err := s.readSteps(ctx, l.id)
	if err != nil {
		return nil, err
	}
	for i := range steps {
		if steps[i].Name == c.Step {
			return &steps[i], s.readValues(ctx, steps[i:i+1])
		}
	}
	return nil, &task.Refusal{Kind: task.ErrStepsChanged, Status: task.Running}
}

// askOfSteps asks the loop for something for which it must know the steps of the task. into may be nil.
func (s *Scheduler) askOfSteps(ctx context.Context, r *request, into *answer) error {
	for {
		a, err := s.ask(ctx, r)
		if into != nil {
			*into = a
		}
		if !errors.Is(err, errStepsUnknown) {
			return err
		}
		if r.steps.known, err = s.stepSetOf(ctx, r.id); err != nil {
			return err
		}
	}
}

// suspend decides that an attempt waits for something.
func (l *loop) suspend(rd *round, r *request, before *task.Task, set *stepSet) {
	c := r.command.(task.Suspend)
	found := &r.steps.found[0]
	if found.before = rd.hasStep(r.id, c.Step, set); found.before {
		rd.size++
		rd.reply(r, answer{})
		return
	}
	if before.CancelRequested {
		l.report(rd, r)
		return
	}
	if c.Kind == task.StepChildren && c.Of != "" && !rd.hasStep(r.id, c.Of, set) {
		rd.reply(r, answer{err: &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/children", Detail: "must be a step that has made children; make them first"}}}})
		return
	}
	step, over, err := l.isOver(&task.Wait{Step: c.Step, Kind: c.Kind, Until: c.Until, Signals: c.Signals, All: c.All, Since: rd.now}, rd.wall)
	if err != nil {
		rd.reply(r, answer{err: err})
		return
	}
	if !over {
		l.report(rd, r)
		return
	}
	decided, refusal := rd.decideOn(before, task.RecordSteps{Fence: c.Fence, Steps: []task.NewStep{step}})
	if refusal != nil {
		rd.reply(r, answer{err: refusal})
		return
	}
	rd.size++
	n := rd.own(r.id, before)
	rd.begin(r.actor, false, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		found.before = true
		r.done <- answer{}
	})
	rd.add(n, r.id, decided)
}

// hasStep reports whether a task has a step, as the round leaves it so far; set is those in the views.
func (rd *round) hasStep(id ulid.ULID, name string, set *stepSet) bool {
	if event, touched := rd.stepEvent(stepName{id, name}); touched {
		return event != nil
	}
	_, known := set.names[name]
	return known
}

// isOver reports whether a wait is over, and the step that is recorded then. Errors: those of reading the payloads of signals.
func (l *loop) isOver(w *task.Wait, wall task.Micros) (step task.NewStep, over bool, err error) {
	step = task.NewStep{Name: w.Step, Kind: w.Kind, Value: []byte("null")}
	late := w.Until != 0 && w.Until <= wall
	if w.Kind == task.StepSignal {
		by := task.Micros(math.MaxInt64)
		if late { // as when it was cancelled at its end, and the cancel is undone
			by = w.Until
		}
		if got := l.s.o.Views.SignalsFor(w, by); got != nil {
			step.Outcome = task.StepFired
			step.Signal, step.Value, err = l.valueOf(w, got)
			return step, true, err
		}
	}
	if !late {
		return step, false, nil
	}
	if w.Kind != task.StepSleep {
		step.Outcome = task.StepTimeout
	}
	return step, true, nil
}

// valueOf is the value of the step of a wait that has got its signals: the payload of the one, whose name
// comes with it, or the payloads of all by name.
func (l *loop) valueOf(w *task.Wait, got []projection.Signal) (signal string, value []byte, err error) {
	var all jsontext.Writer
	all.Object()
	for i := range got {
		value, err = l.s.payloadOf(context.Background(), &got[i])
		if err != nil {
			return "", nil, err
		}
		if value == nil {
			value = []byte("null")
		}
		all.Key(got[i].Name).Raw(value)
	}
	all.EndObject()
	if w.All {
		return "", all, nil
	}
	return got[0].Name, value, nil
}

// mostWakes is how many suspended tasks one round wakes.
const mostWakes = 1000

// endWaits wakes the suspended tasks whose wait is over.
func (l *loop) endWaits(rd *round) {
	if l.takesNoWork() || time.Now().Before(l.wakeAfter) {
		return
	}
	if next := l.s.o.Views.NextWaitOver(); next == 0 || next > rd.wall {
		return
	}
	woken := 0
	for t := range l.s.o.Views.WaitsOver(rd.wall) {
		state := rd.get(t.ID)
		if state == nil || state.Waits() == nil {
			continue // the round below wakes it
		}
		step, over, err := l.isOver(state.Waits(), rd.wall)
		if err != nil {
			l.s.o.Logger.Error("a suspended task cannot be woken; it is tried again", "task", t.Name(), "error", err)
			l.wakeAfter = time.Now().Add(fullProbe)
			return
		}
		if !over {
			continue
		}
		l.wake(rd, state, task.Wake{Step: step.Name, Outcome: step.Outcome, Signal: step.Signal, Value: step.Value})
		if woken++; woken == mostWakes {
			return
		}
	}
}

func (l *loop) wake(rd *round, state *task.Task, c task.Wake) {
	decided, refusal := rd.decideOn(state, c)
	if refusal != nil {
		return // it waits no more
	}
	n := rd.own(state.ID, state)
	rd.size++
	rd.begin(ActorScheduler, false, func(error) {}) // if it is not appended, the task waits on and is found again
	rd.add(n, n.task.ID, decided)
}

// untilWake is how long no wait is over, at most the given time.
func (l *loop) untilWake(most time.Duration) time.Duration {
	if l.appending != nil || l.takesNoWork() {
		return most // what is appended may be just that
	}
	next := l.s.o.Views.NextWaitOver()
	if next == 0 {
		return most
	}
	return min(most, max((next-l.s.o.Wall()).Duration(), time.Until(l.wakeAfter)))
}

// AnswerApproval records the answer of a person to a task that waits for it in a step, and returns the task as it then stands. value is
// the value of the step. Errors: projection.ErrNotFound, a *task.Refusal that wraps task.ErrNotWaiting, and those of commands.
func (s *Scheduler) AnswerApproval(ctx context.Context, actor string, id ulid.ULID, step string, value []byte) (task.Task, error) {
	a, err := s.ask(ctx, &request{actor: actor, id: id, command: task.Wake{Step: step, Outcome: task.StepFired, Value: value, Approval: true}})
	if len(a.tasks) == 0 {
		return task.Task{}, err
	}
	return a.tasks[0].Task, err
}

// Now is the wall clock by which waits end.
func (s *Scheduler) Now() task.Micros { return s.o.Wall() }
