package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"daybook/client"
)

type taskLogCmd struct {
	remote
	ID      string `arg:"" help:"The task."`
	Follow  bool   `short:"f" help:"Print lines as they are written, until the task ends."`
	Tail    int    `short:"n" placeholder:"N" help:"Start with the last N lines, at most 1,000; by default with the first." positive:""`
	Attempt int    `placeholder:"N" help:"Only lines of this attempt." positive:""`
	Level   string `enum:",debug,info,warn,error" default:"" placeholder:"LEVEL" help:"Only lines of this level or a higher one: debug, info, warn or error."`
}

func (taskLogCmd) Help() string {
	return `Prints the lines that a task has written while it ran: time, attempt, level, text, attributes.

Examples:

    daybook task-log 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --follow
    daybook task-log 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --level warn
    daybook task-log 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --json | jq -r .text`
}

// AfterApply checks what the flags' types do not.
func (c *taskLogCmd) AfterApply() error {
	if c.Tail < 0 || c.Tail > 1000 {
		return fmt.Errorf("--tail must be 1 to 1,000")
	}
	if c.Attempt < 0 {
		return fmt.Errorf("--attempt must not be negative")
	}
	return nil
}

func (c *taskLogCmd) Run(ctx context.Context, s *stdio) error {
	q := client.TaskLogQuery{Attempt: c.Attempt, Level: c.Level, Tail: c.Tail}
	return endless(ctx, c.Follow, c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		if !c.Follow {
			_, err := c.printAll(s, server.TaskLog(ctx, c.ID, q))
			return err
		}
		return c.follow(ctx, s, server, q)
	}))
}

// errTaskEnded ends a follow: the task writes no more.
var errTaskEnded = errors.New("the task has ended")

// follow prints what comes until the task has ended, and then what is left.
func (c *taskLogCmd) follow(ctx context.Context, s *stdio, server *client.Client, q client.TaskLogQuery) error {
	if _, err := server.Get(ctx, c.ID); err != nil {
		return err
	}
	following, end := context.WithCancelCause(ctx)
	waited := make(chan error, 1)
	go func() {
		_, err := server.Wait(following, c.ID)
		if err == nil {
			err = errTaskEnded
		}
		end(err)
		waited <- err
	}()
	last, err := c.printAll(s, server.FollowTaskLog(following, c.ID, q))
	end(nil)
	if ended := <-waited; !errors.Is(ended, errTaskEnded) || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	if q.After = last; last > 0 {
		q.Tail = 0
	}
	_, err = c.printAll(s, server.TaskLog(ctx, c.ID, q))
	return err
}

// printAll prints lines and returns the number of the last one.
func (c *taskLogCmd) printAll(s *stdio, lines iter.Seq2[client.TaskLogLine, error]) (last int64, err error) {
	for l, err := range lines {
		if err != nil {
			return last, err
		}
		if err := c.print(s, &l); err != nil {
			return last, err
		}
		last = max(last, l.Line)
	}
	return last, nil
}

func (c *taskLogCmd) print(s *stdio, l *client.TaskLogLine) error {
	if c.JSON {
		return printJSON(s.out, l.Raw)
	}
	attempt := "-"
	if l.Attempt != nil {
		attempt = fmt.Sprint(*l.Attempt)
	}
	text := strings.Join(append([]string{l.Text}, members(l.Attributes)...), " ")
	if !s.outTerminal {
		_, err := fmt.Fprintf(s.out, "%s\t%s\t%s\t%s\n", l.At.Format("2006-01-02T15:04:05.000000Z"), attempt, l.Level, oneLine(text))
		return err
	}
	colour := map[string]string{"debug": "2", "warn": "33", "error": "31"}[l.Level]
	level := pad(l.Level, 5)
	if colour != "" {
		level = s.paint(colour, level)
	}
	_, err := fmt.Fprintf(s.out, "%s %s %s %s\n", s.dim(l.At.Local().Format("2006-01-02 15:04:05.000")), s.dim(attempt), level,
		strings.ReplaceAll(s.safe(text), "\n", "\n"+strings.Repeat(" ", 32)))
	return err
}
