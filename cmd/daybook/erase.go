package main

import (
	"context"
	"fmt"

	"daybook/client"
)

type eraseCmd struct {
	remote
	ID     []string `arg:"" help:"The tasks to erase; they must have ended."`
	Reason string   `required:"" placeholder:"TEXT" help:"Why, for the history of the task. It is not erased."`
}

func (eraseCmd) Help() string {
	return `Deletes the parameters, the result, the texts, the steps and the log of tasks that have ended, on all nodes. This cannot be
undone. Their facts stay: type, queue, times, tags and keys. Needs the role admin. "daybook bulk erase" erases all that match a filter.

Example:

    daybook erase 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --reason "asked for by the customer, case 4711"`
}

func (c *eraseCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.ID, c.printTask, func(server *client.Client, ctx context.Context, id string) (client.Task, error) {
		return server.Erase(ctx, id, c.Reason)
	})
}

// printTask writes the task as it is then.
func (r *remote) printTask(s *stdio, t *client.Task) error {
	if r.JSON {
		return printJSON(s.out, t.Raw)
	}
	_, err := fmt.Fprintln(s.out, plainRow(t))
	return err
}
