package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"daybook/client"
)

type watchCmd struct {
	remote
	ID string `arg:"" optional:"" help:"The task to watch; by default all tasks."`
}

func (watchCmd) Help() string {
	return `Shows changes as they happen. With an ID it stops when the task has ended: exit code 0 if the task succeeded, else
1. Without an ID it runs until Ctrl-C: a live list on a terminal, one line per change in a pipe.

Examples:

    daybook watch
    daybook watch 01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook watch --json | jq .status`
}

func (c *watchCmd) Run(ctx context.Context, s *stdio) error {
	return endless(ctx, c.ID == "", c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		if c.ID != "" {
			return showUntilEnded(ctx, s, server, c.ID, c.JSON)
		}
		if s.outTerminal && !c.JSON {
			return newBoard(s, server).run(ctx)
		}
		return c.lines(ctx, s, server)
	}))
}

// lines prints a line for every row that changes.
func (c *watchCmd) lines(ctx context.Context, s *stdio, server *client.Client) error {
	for update, err := range server.WatchAll(ctx, client.Head) {
		if err != nil {
			return err
		}
		for i := range update.Rows {
			if c.JSON {
				err = printJSON(s.out, update.Rows[i].Raw)
			} else {
				_, err = fmt.Fprintln(s.out, plainRow(&update.Rows[i]))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// showUntilEnded shows a task until it has ended: a bar on a terminal, else a line a
// change; with asJSON only its end. An end that is no success is errSilent.
func showUntilEnded(ctx context.Context, s *stdio, server *client.Client, id string, asJSON bool) error {
	bar := newBar(s)
	defer bar.Clear()
	var last client.Task
	for t, err := range server.Watch(ctx, id) {
		if err != nil && ctx.Err() != nil {
			bar.Clear()
			fmt.Fprintf(s.err, "%s the task goes on; watch it with: daybook watch %s\n", s.paintErr("33", "daybook:"), id)
			return errInterrupted
		}
		if err != nil {
			return err
		}
		last = t
		switch {
		case asJSON:
		case s.errTerminal:
			bar.Draw(t.TaskType, t.Progress/100, subjectAndNote(&t))
		case !t.Status.Ended():
			if _, err := fmt.Fprintln(s.out, plainRow(&t)); err != nil {
				return err
			}
		}
	}
	bar.Clear()
	if err := printEnd(s, &last, asJSON); err != nil {
		return err
	}
	if last.Status != client.Success {
		return errSilent
	}
	return nil
}

// printEnd prints how a task ended, with its result.
func printEnd(s *stdio, t *client.Task, asJSON bool) error {
	if asJSON {
		return printJSON(s.out, t.Raw)
	}
	if !s.outTerminal {
		line := plainRow(t)
		if t.Status == client.Success {
			line += "\t" + string(t.ResultData)
		}
		_, err := fmt.Fprintln(s.out, line)
		return err
	}
	fmt.Fprintf(s.out, "%s %s  %s\n", s.status(t.Status), t.TaskType, s.dim(t.ID))
	if words := subjectAndNote(t); words != "" && t.ErrorMessage == nil {
		fmt.Fprintln(s.out, indent(words))
	}
	if t.ErrorMessage != nil {
		fmt.Fprintln(s.out, indent(s.safe(*t.ErrorMessage)))
	}
	if !isNull(t.ResultData) {
		fmt.Fprintln(s.out, indent(s.head(s.safe(pretty(t.ResultData)), t.ID)))
	}
	return nil
}

// head is the beginning of a long result, and where the rest is.
func (s *stdio) head(text, id string) string {
	const most = 30 // lines
	lines := strings.Split(text, "\n")
	if len(lines) <= most {
		return text
	}
	rest := s.dim(fmt.Sprintf("… %d more lines: daybook task %s", len(lines)-most, id))
	return strings.Join(append(lines[:most:most], rest), "\n")
}

func isNull(value json.RawMessage) bool { return len(value) == 0 || string(value) == "null" }
