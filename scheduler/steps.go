package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Step is a durable step of a task: what an attempt has done and later ones do not do again.
type Step struct {
	Name    string
	Kind    task.StepKind
	Outcome task.StepOutcome
	Signal  string // whose payload is the value, of a step that has waited for any of several
	Value   []byte // one JSON value; nil = it was erased, or is damaged
	Damaged bool   // the log has the value and cannot give it
	At      task.Micros
	Attempt int    // that has recorded it
	Build   string // of its code; "" = not said

	seq   int64
	bytes int64 // of its value
}

// Errors of steps.
var (
	// ErrNoStep: the task has no step of the name.
	ErrNoStep = errors.New("the task has no step of the name")
	// errStepsUnknown: the loop does not know which steps the task has. Nobody outside sees it.
	errStepsUnknown = errors.New("the steps of the task must be read first")
)

// OtherValueError: steps of these names have other values, which stay.
type OtherValueError struct{ First []Step }

func (e *OtherValueError) Error() string {
	return fmt.Sprintf("step %s has another value, which stays", e.First[0].Name)
}

// Steps reads the steps of a task with their values, in the order in which they were recorded. Errors:
// projection.ErrNotFound, those of the view file and of the log, ctx's.
func (s *Scheduler) Steps(ctx context.Context, id ulid.ULID) ([]Step, error) {
	steps, _, err := s.readSteps(ctx, id)
	if err != nil {
		return nil, err
	}
	return steps, s.readValues(ctx, steps)
}

// stepPage is how many events of a task are read at a time.
const stepPage = 1000

// readSteps reads the steps of a task without their values, and how many events have recorded or forgotten one.
func (s *Scheduler) readSteps(ctx context.Context, id ulid.ULID) (steps []Step, changes int64, err error) {
	seqs, err := s.o.Views.History(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	var decoder task.Decoder
	forgotten := make(map[string]int) // up to which of steps those of the name are forgotten
	for some := range slices.Chunk(seqs, stepPage) {
		events, err := s.o.Log.Events(ctx, some)
		if err != nil {
			return nil, 0, fmt.Errorf("read the steps of a task: %w", err)
		}
		for _, e := range events {
			kind, _ := task.ParseEventType(e.Type)
			if kind != task.EventStepRecorded && kind != task.EventStepForgotten {
				continue
			}
			changes++
			var d task.Data
			if err := decoder.Decode(&d, kind, e.V, e.Data); err != nil {
				return nil, 0, fmt.Errorf("read the steps of a task: %w", err)
			}
			if kind == task.EventStepForgotten {
				forgotten[d.Step] = len(steps)
				continue
			}
			steps = append(steps, Step{Name: d.Step, Kind: d.StepKind, Outcome: d.StepOutcome, Signal: d.Signal, At: task.Micros(e.At),
				Attempt: d.Attempt, Build: d.Build, seq: e.Seq, bytes: d.Bytes})
		}
	}
	if len(forgotten) > 0 {
		var kept []Step
		for i := range steps {
			if i >= forgotten[steps[i].Name] {
				kept = append(kept, steps[i])
			}
		}
		steps = kept
	}
	return steps, changes, nil
}

// readValues reads the values of steps.
func (s *Scheduler) readValues(ctx context.Context, steps []Step) error {
	seqs := make([]int64, len(steps))
	for i := range steps {
		seqs[i] = steps[i].seq
	}
	err := s.o.Payloads.GetMany(ctx, seqs, func(i int, body []byte, err error) error {
		switch {
		case errors.Is(err, eventlog.ErrErased), errors.Is(err, eventlog.ErrNotFound):
		case errors.Is(err, eventlog.ErrDamaged):
			steps[i].Damaged = true
		default:
			steps[i].Value = body
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the values of steps: %w", err)
	}
	return nil
}

// RecordSteps keeps the values of steps that an attempt has done for later attempts, and extends its lease. The
// first value of a name stays: the same one again changes nothing. It returns the steps in their order, when they are on
// disk. The names must differ. Errors: ErrNoLease, *OtherValueError (the other steps were recorded), a *task.Refusal
// that wraps task.ErrStepsFull, and those of commands.
func (s *Scheduler) RecordSteps(ctx context.Context, actor, token string, steps []task.NewStep) ([]Step, error) {
	l := s.leases.find(token)
	if l == nil {
		return nil, ErrNoLease
	}
	build := s.leases.heard(l, time.Now())
	recorded, err := s.recordSteps(ctx, &request{actor: actor, id: l.id, lease: l,
		command: task.RecordSteps{Fence: l.fence, Build: build, Steps: steps}})
	if errors.Is(err, task.ErrStale) {
		err = ErrNoLease
	}
	return recorded, err
}

// steps reads the steps of the task.
func (a *attempt) steps(ctx context.Context) ([]Step, error) { return a.s.Steps(ctx, a.id) }

// recordStep records a step of a local attempt.
func (a *attempt) recordStep(ctx context.Context, step task.NewStep) (Step, error) {
	steps, err := a.s.recordSteps(ctx, &request{actor: ActorScheduler, id: a.id,
		command: task.RecordSteps{Fence: a.fence, Build: a.s.o.Version, Steps: []task.NewStep{step}}})
	if err != nil {
		return Step{}, err
	}
	return steps[0], nil
}

// heard extends a lease whose worker has called, and returns the build of the worker.
func (t *leaseTable) heard(l *lease, now time.Time) (build string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.active = true
	if t.byHash[l.hash] == l {
		t.extend(l, now.Add(l.length))
	}
	w := t.worker(l.worker, now)
	w.called = true
	return w.Build
}

// recordSteps sends a request to record steps to the loop, and reads those that were there before.
func (s *Scheduler) recordSteps(ctx context.Context, r *request) ([]Step, error) {
	asked := r.command.(task.RecordSteps)
	r.steps = &stepsAsked{found: make([]foundStep, len(asked.Steps))}
	if err := s.askOfSteps(ctx, r, nil); err != nil {
		return nil, err
	}
	steps := make([]Step, len(asked.Steps))
	var before []int
	for i, f := range r.steps.found {
		if f.before {
			before = append(before, i)
			continue
		}
		steps[i] = Step{Name: asked.Steps[i].Name, Value: asked.Steps[i].Value, At: f.at, Attempt: f.attempt, Build: asked.Build, seq: f.seq}
	}
	if before == nil {
		return steps, nil
	}
	return steps, s.compareSteps(ctx, r.id, asked.Steps, steps, before)
}

// compareSteps reads the steps that were there before, and compares their values with those that were sent.
func (s *Scheduler) compareSteps(ctx context.Context, id ulid.ULID, sent []task.NewStep, steps []Step, before []int) error {
	all, _, err := s.readSteps(ctx, id)
	if err != nil {
		return err
	}
	byName := make(map[string]int, len(all))
	for i := range all {
		byName[all[i].Name] = i
	}
	first := make([]Step, len(before))
	for k, i := range before {
		at, ok := byName[sent[i].Name]
		if !ok { // forgotten meanwhile
			return &task.Refusal{Kind: task.ErrStepsChanged, Status: task.Running}
		}
		first[k] = all[at]
	}
	if err := s.readValues(ctx, first); err != nil {
		return err
	}
	var other OtherValueError
	for k, i := range before {
		steps[i] = first[k]
		if !sameValue(first[k].Value, sent[i].Value) {
			other.First = append(other.First, first[k])
		}
	}
	if other.First != nil {
		return &other
	}
	return nil
}

// sameValue reports whether two spellings of JSON values are of the same value, as RFC 8785 does. nil is no value.
func sameValue(a, b []byte) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return bytes.Equal(a, b) || bytes.Equal(jsontext.AppendRFC8785(nil, a), jsontext.AppendRFC8785(nil, b))
}

// ForgetStep lets a step of a task be done again, and returns the task as it then stands. Errors: ErrNoStep,
// projection.ErrNotFound, a *task.Refusal for a task that has succeeded or was erased, and those of commands.
func (s *Scheduler) ForgetStep(ctx context.Context, actor string, id ulid.ULID, name, reason string) (task.Task, error) {
	for {
		steps, changes, err := s.readSteps(ctx, id)
		if err != nil {
			return task.Task{}, err
		}
		at := slices.IndexFunc(steps, func(one Step) bool { return one.Name == name })
		if at < 0 {
			return task.Task{}, ErrNoStep
		}
		a, err := s.ask(ctx, &request{actor: actor, id: id,
			command: task.ForgetStep{Name: name, Bytes: steps[at].bytes, Changes: changes, Reason: reason}})
		switch {
		case errors.Is(err, task.ErrStepsChanged): // another step was recorded meanwhile
		case err != nil:
			return task.Task{}, err
		default:
			return a.tasks[0].Task, nil
		}
	}
}
