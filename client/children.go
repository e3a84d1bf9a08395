package client

import (
	"context"

	"daybook/internal/durable"
)

// Child is a task that Children makes, Family all of a step, and ChildEnd what became of one.
type (
	Child    = durable.Child
	Family   = durable.Family
	ChildEnd = durable.ChildEnd
)

// Children makes tasks below this one in a step, suspends the task as Sleep does until they have ended, and returns what became of each by
// name. It uses two names of steps: name, and name with ":ended". The tasks are made once, whatever is retried, and the task does not end before they do: a cancel
// of it cancels them, and a retry of it retries those that have failed. Unless Family.OnFailure is collect, the task is FAILED if one has not succeeded, without running again.
func Children(ctx context.Context, name string, f Family) (map[string]ChildEnd, error) {
	return durable.Children(ctx, name, f)
}

// Detach makes tasks below this one in a step, once, and leaves them alone: the task does not wait for them, and its end and a cancel do not touch them.
func Detach(ctx context.Context, name string, tasks map[string]Child) error {
	return durable.Detach(ctx, name, tasks)
}
