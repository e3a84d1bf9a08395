package daybook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"daybook/files"
	"daybook/handler"
	"daybook/intake"
	"daybook/internal/durable"
	"daybook/scheduler"
	"daybook/task"
	"daybook/tasklog"
)

// runner lets the scheduler run what the registry holds.
type runner struct {
	registry *handler.Registry
	files    *files.Store
	logs     *tasklog.Store
	intake   *intake.Intake
}

func (r runner) Runs(taskType string) bool { return r.registry.Runs(taskType) }

func (r runner) Knows(taskType string) bool { return r.registry.Knows(taskType) }

func (r runner) CheckResult(taskType string, result []byte) []task.FieldError {
	return r.registry.CheckResult(taskType, result)
}

func (r runner) CheckParameters(taskType string, parameters []byte) ([]byte, []task.FieldError) {
	prepared, _, bad, err := r.registry.Prepare(taskType, parameters)
	if err != nil { // nobody knows the type any more
		return parameters, nil
	}
	return prepared, bad
}

// usualLease is the length of leases if nobody says it.
const usualLease = 30 * time.Second

func (r runner) LeaseLength(taskType string) time.Duration {
	if d, ok := r.intake.DefaultsOf(taskType); ok && d.Lease != 0 {
		return d.Lease
	}
	return usualLease
}

func (r runner) Run(ctx context.Context, a scheduler.Attempt) (scheduler.Outcome, error) {
	var names map[string]string
	if r.registry.NamesFiles(a.Task.Type) {
		var err error
		if names, err = a.FileNames(); err != nil {
			return scheduler.Outcome{}, err
		}
	}
	if a.Steps != nil { // else they are in ctx
		ctx = durable.With(ctx, localSteps{&a, r.registry})
	}
	result, err := r.registry.Run(ctx, a.Task.Type, handler.Call{
		TaskID: a.Task.Name(), TaskType: a.Task.Type,
		Attempt: a.Task.Attempt, MaxAttempts: a.Task.MaxAttempts, LastAttempt: a.Task.AttemptsLeft() <= 0, BeforeRetry: int(a.Task.AttemptBase),
		Tags: slices.Clone(a.Task.Tags()), IdempotencyKey: a.Task.IdempotencyKey(),
		Parameters: a.Parameters, Files: r.files, FileNames: names, Report: a.Report,
		Save: func(ctx context.Context, percent float64, message string, value any) error {
			text, err := json.Marshal(value)
			if err != nil {
				return fmt.Errorf("save a value: %w", err)
			}
			return a.Save(ctx, percent, message, text)
		},
		Saved: func(ctx context.Context) (values []json.RawMessage, err error) {
			saved, err := a.Saved(ctx)
			for _, value := range saved {
				values = append(values, value)
			}
			return values, err
		},
		TraceParent: traceWithin(&a.Task), Dependencies: dependenciesOf(a.Dependencies),
		NewLog: func() slog.Handler { return r.logs.Handler(a.Task.ID, a.Task.Attempt) },
	})
	return scheduler.Outcome{Result: result.JSON, Files: result.Files, Outcome: result.Outcome, Partial: result.Partial}, err
}

// dependenciesOf are the results of other tasks as handlers get them.
func dependenciesOf(results map[string]scheduler.DependencyResult) map[string]handler.Dependency {
	if results == nil {
		return nil
	}
	all := make(map[string]handler.Dependency, len(results))
	for name, r := range results {
		all[name] = handler.Dependency{ID: r.ID.String(), Status: r.Status.String(), Result: r.Result, Truncated: r.Truncated}
	}
	return all
}
