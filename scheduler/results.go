package scheduler

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// How much of the results of its dependencies a task gets beside its parameters, in bytes.
const (
	maxDependencyResult  = 64 << 10 // of one
	maxDependencyResults = 1 << 20  // of all
)

// DependencyResult is a task that another one depends on, as it ended.
type DependencyResult struct {
	ID        ulid.ULID
	Status    task.Status
	Result    []byte // one JSON value; nil = none, or Truncated
	Truncated bool   // the result is left out, for there is too much
	erased    bool   // the result was erased
}

// badParameters is the error of an attempt whose parameters refer to results that are not there, or do not fit. No retry mends it.
type badParameters struct{ error }

// Permanent says that no retry helps.
func (badParameters) Permanent() bool { return true }

// WithResults returns what an attempt of the task gets: its parameters with results of its dependencies in them, and its dependencies by
// name or id. Errors: one with a method Permanent if a reference leads to nothing or the parameters then do not fit the type, those
// of reading.
func (s *Scheduler) WithResults(ctx context.Context, t *task.Task, parameters []byte) ([]byte, map[string]DependencyResult, error) {
	on := t.DependsOn()
	if len(on) == 0 {
		return parameters, nil, nil
	}
	var refs []task.ResultRef
	if task.MayHaveRefs(parameters) {
		refs, _ = task.ResultRefs(parameters)
	}
	whole := make(map[string]DependencyResult, len(refs)) // with results that references need, by what they call the task
	for _, ref := range refs {
		whole[ref.From] = DependencyResult{}
	}
	results, left := make(map[string]DependencyResult, len(on)), maxDependencyResults
	for i := range on {
		d, err := s.resultOf(ctx, on[i].Task)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range []string{on[i].Name, on[i].Task.String()} {
			if _, wanted := whole[name]; wanted {
				whole[name] = d
			}
		}
		if len(d.Result) > min(maxDependencyResult, left) {
			d.Result, d.Truncated = nil, true
		}
		left -= len(d.Result)
		results[on[i].Key()] = d
	}
	if len(refs) == 0 {
		return parameters, results, nil
	}
	parameters, err := s.putResults(t, parameters, whole)
	return parameters, results, err
}

// resultOf reads a task that has ended, with its result.
func (s *Scheduler) resultOf(ctx context.Context, id ulid.ULID) (DependencyResult, error) {
	t, _, err := s.o.Views.Get(ctx, id)
	if errors.Is(err, projection.ErrNotFound) {
		return DependencyResult{ID: id, Status: task.Cancelled}, nil
	}
	d := DependencyResult{ID: id, Status: t.Status}
	if d.erased = t.Erased; err != nil || t.ResultSeq == 0 || t.Erased {
		return d, err
	}
	d.Result, err = s.o.Payloads.Get(ctx, t.ResultSeq)
	if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrDamaged) {
		err = nil // there is none any more
	}
	if err != nil {
		err = fmt.Errorf("read the result of a dependency: %w", err)
	}
	return d, err
}

// putResults puts results into the place of the references to them, and checks what comes of it.
func (s *Scheduler) putResults(t *task.Task, parameters []byte, whole map[string]DependencyResult) ([]byte, error) {
	var missing error
	size := len(parameters)
	put := task.PutResults(parameters, func(ref task.ResultRef) ([]byte, bool) {
		from, found := whole[ref.From], false
		var value []byte
		if from.Result != nil {
			value, found = jsontext.At(from.Result, ref.Path)
		}
		if from.erased && missing == nil {
			missing = badParameters{fmt.Errorf("the parameter %s refers to the result of %s, which was erased: submit that task and this one again", ref.At, ref.From)}
		}
		if size += len(value); !found && missing == nil {
			missing = badParameters{fmt.Errorf("the parameter %s refers to %q in the result of %s, which has nothing there: correct the reference, or the task %s, and submit it again",
				ref.At, ref.Path, ref.From, ref.From)}
		}
		if size > task.MaxResult && missing == nil {
			missing = badParameters{fmt.Errorf("the results that the parameters refer to have more than %d bytes in all: put them into files and refer to the ids of these", task.MaxResult)}
		}
		return value, found && missing == nil
	})
	if missing != nil {
		return nil, missing
	}
	prepared, bad := s.o.Runner.CheckParameters(t.Type, put)
	if bad != nil {
		return nil, badParameters{fmt.Errorf("with the results of its dependencies in them, the parameters do not fit the type: %s %s", bad[0].Pointer, bad[0].Detail)}
	}
	return prepared, nil
}
