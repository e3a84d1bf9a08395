package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"daybook/client"
)

type cancelCmd struct {
	remote
	ID []string `arg:"" help:"The tasks to cancel."`
}

func (cancelCmd) Help() string {
	return `Cancels a pending task at once. Tells a running task to stop; it ends within about a second.

Example:

    daybook cancel 01KA0M5Z7Q8G4S2B6D9XEJ3V1T`
}

func (c *cancelCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return forEach(c.ID, func(id string) error {
			answer, err := server.Cancel(ctx, id)
			if err != nil {
				return err
			}
			if c.JSON {
				return json.NewEncoder(s.out).Encode(answer)
			}
			_, err = fmt.Fprintf(s.out, "%s\t%s\t%s\n", answer.TaskID, answer.Status, oneLine(answer.Message))
			return err
		})
	})
}

type retryCmd struct {
	remote
	ID      []string `arg:"" help:"The tasks to retry."`
	Params  string   `placeholder:"JSON" help:"Retry as a new task with these parameters instead of the old ones."`
	Param   []string `short:"p" sep:"none" placeholder:"KEY=VALUE" help:"Retry as a new task with this parameter changed; may be repeated."`
	Subject string   `placeholder:"TEXT" help:"The subject of the new task."`
}

func (retryCmd) Help() string {
	return `Retries a failed or cancelled task. The task keeps its id and its history. With other parameters, a new task is
created, like the old one and linked to it; the first column is its id.

Examples:

    daybook retry 01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook retry 01KA0M5Z7Q8G4S2B6D9XEJ3V1T -p seconds=1
    daybook retry 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --params '{"seconds": 1}'`
}

func (c *retryCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return forEach(c.ID, func(id string) error {
			t, err := c.retry(ctx, server, id)
			if err != nil {
				return err
			}
			if c.JSON {
				return printJSON(s.out, t.Raw)
			}
			_, err = fmt.Fprintln(s.out, plainRow(&t))
			return err
		})
	})
}

// retry retries the task, or submits a new one like it.
func (c *retryCmd) retry(ctx context.Context, server *client.Client, id string) (client.Task, error) {
	if c.Params == "" && len(c.Param) == 0 && c.Subject == "" {
		return server.Retry(ctx, id)
	}
	whole := c.Params
	if whole == "" { // the old ones, but for those that are given
		old, err := server.Get(ctx, id)
		if err != nil {
			return client.Task{}, err
		}
		whole = string(old.Parameters)
	}
	params, err := parameters(whole, c.Param)
	if err != nil {
		return client.Task{}, err
	}
	done, err := server.RetryChanged(ctx, id, client.Changes{Parameters: params, Subject: c.Subject})
	return done.Task, err
}

// forEach does something with every id, also after one of them has failed.
func forEach(ids []string, do func(id string) error) error {
	var errs []error
	for _, id := range ids {
		if err := do(id); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// changeEach changes the things with these names by a method of the client, and prints each as it then is, also after one of
// them has failed.
func changeEach[T any](ctx context.Context, s *stdio, r *remote, names []string, print func(*stdio, *T) error,
	change func(server *client.Client, ctx context.Context, name string) (T, error)) error {
	return r.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return forEach(names, func(name string) error {
			changed, err := change(server, ctx, name)
			if err != nil {
				return err
			}
			return print(s, &changed)
		})
	})
}
