package daybook

import (
	"context"
	"log/slog"
	"slices"

	"daybook/files"
	"daybook/handler"
	"daybook/scheduler"
	"daybook/tasklog"
)

// runner lets the scheduler run what the registry holds.
type runner struct {
	registry *handler.Registry
	files    *files.Store
	logs     *tasklog.Store
}

func (r runner) Runs(taskType string) bool { return r.registry.Runs(taskType) }

func (r runner) Knows(taskType string) bool { return r.registry.Knows(taskType) }

func (r runner) Run(ctx context.Context, a scheduler.Attempt) (scheduler.Outcome, error) {
	var names map[string]string
	if r.registry.NamesFiles(a.Task.Type) {
		var err error
		if names, err = a.FileNames(); err != nil {
			return scheduler.Outcome{}, err
		}
	}
	result, err := r.registry.Run(ctx, a.Task.Type, handler.Call{
		TaskID: a.Task.Name(), TaskType: a.Task.Type,
		Attempt: a.Task.Attempt, MaxAttempts: a.Task.MaxAttempts, LastAttempt: a.Task.AttemptsLeft() <= 0,
		Tags: slices.Clone(a.Task.Tags), IdempotencyKey: a.Task.IdempotencyKey,
		Parameters: a.Parameters, Files: r.files, FileNames: names, Report: a.Report,
		NewLog: func() slog.Handler { return r.logs.Handler(a.Task.ID, a.Task.Attempt) },
	})
	return scheduler.Outcome{Result: result.JSON, Files: result.Files, Outcome: result.Outcome, Partial: result.Partial}, err
}
