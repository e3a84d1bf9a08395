package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"daybook/client"
)

type taskCmd struct {
	remote
	ID  string `arg:"" help:"The task."`
	All bool   `help:"Show every progress report, not only the latest of each attempt."`
	At  past   `placeholder:"WHEN" help:"As of an earlier point of the log: the seq of an event, a time, or how long ago, such as 10m."`
}

func (taskCmd) Help() string {
	return `Shows a task with its parameters, its result and its full history. With --json: an object with "task",
"events" and "steps". With --at, steps are left out.

Examples:

    daybook task 01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook task 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --json | jq .task.result_data`
}

func (c *taskCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		t, until, err := c.get(ctx, server)
		if err != nil {
			return err
		}
		events, err := server.History(ctx, c.ID, client.HistoryQuery{Payload: true, LastProgress: !c.All})
		if err != nil {
			return err
		}
		events = slices.DeleteFunc(events, func(e client.Event) bool { return e.Seq > until })
		var steps []client.StepState
		if t.Steps > 0 && c.At.text == "" {
			if steps, err = server.Steps(ctx, c.ID); err != nil {
				return err
			}
		}
		if c.JSON {
			raw := make([]json.RawMessage, len(events))
			for i := range events {
				raw[i] = events[i].Raw
			}
			return json.NewEncoder(s.out).Encode(map[string]any{"task": t.Raw, "events": raw, "steps": rawSteps(steps)})
		}
		printTask(s, &t)
		printSteps(s, steps)
		fmt.Fprintf(s.out, "\n%s\n", s.dim("history"))
		for i := range events {
			fmt.Fprintln(s.out, indent(eventLine(s, &events[i], "")))
		}
		return nil
	})
}

// get returns the task, and which event is the last to be shown.
func (c *taskCmd) get(ctx context.Context, server *client.Client) (t client.Task, until int64, err error) {
	if c.At.text != "" {
		return server.GetAt(ctx, c.ID, c.At.text)
	}
	t, err = server.Get(ctx, c.ID)
	return t, math.MaxInt64, err
}

// printTask prints all that is known of a task.
func printTask(s *stdio, t *client.Task) {
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(s.out, "%s %s\n", s.dim(fmt.Sprintf("%-10s", label)), value)
		}
	}
	line("id", t.ID)
	line("type", t.TaskType)
	line("subject", subject(t))
	line("status", strings.TrimSpace(s.status(t.Status)))
	if t.Status == client.Running {
		line("progress", fmt.Sprintf("%.0f %%", t.Progress))
	}
	line("", note(t))
	line("queue", fmt.Sprintf("%s, priority %d", t.Queue, t.Priority))
	if t.ConcurrencyKey != nil {
		line("concurrency key", s.safe(*t.ConcurrencyKey))
	}
	line("attempt", attempts(t))
	line("tags", s.safe(strings.Join(t.Tags, ", ")))
	printLinks(line, s, t)
	line("created", clock(t.CreatedAt))
	if t.StartedAt != nil {
		line("started", clock(*t.StartedAt))
	}
	if t.CompletedAt != nil {
		took := ""
		if t.StartedAt != nil {
			took = ", after " + span(t.CompletedAt.Sub(*t.StartedAt))
		}
		line("ended", clock(*t.CompletedAt)+took)
	}
	if t.Erased {
		line("erased", "parameters, result, error and texts were deleted; the history says when, by whom and why")
	}
	printValue(s, "parameters", t.Parameters)
	printValue(s, "result", t.ResultData)
}

// printLinks prints what ties the task to others.
func printLinks(line func(label, value string), s *stdio, t *client.Task) {
	if u := t.Unique; u != nil {
		until := "while it is live"
		if u.Until != nil {
			until = "until " + clock(*u.Until)
		}
		line("unique", s.safe(u.Key)+", "+until)
	}
	if n := len(t.DependsOn); n > 0 {
		line("depends on", dependencies(t.DependsOn))
	}
	for _, link := range []struct {
		label string
		id    *string
	}{{"retry of", t.RetryOf}, {"retried as", t.RetriedAs}, {"replaced by", t.ReplacedBy}, {"cancelled because of", t.Because}, {"child of", t.ParentID}} {
		if link.id != nil {
			line(link.label, *link.id)
		}
	}
}

// dependencies lists the tasks that a task waits for, the first of them.
func dependencies(all []client.Dependency) string {
	const most = 5
	var list []string
	for _, d := range all[:min(len(all), most)] {
		one := d.Task
		if d.Name != "" {
			one += " (" + d.Name + ")"
		}
		if d.When != "succeeded" {
			one += " " + d.When
		}
		list = append(list, one)
	}
	if more := len(all) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// attempts says which attempt it is: "2 of 3", or after a retry by a person, which renews
// the allowance, "2 of 3 since the retry, 5 in all".
func attempts(t *client.Task) string {
	if t.AttemptsBeforeRetry == 0 {
		return fmt.Sprintf("%d of %d", t.Attempt, t.MaxAttempts)
	}
	return fmt.Sprintf("%d of %d since the retry, %d in all", t.Attempt-t.AttemptsBeforeRetry, t.MaxAttempts, t.Attempt)
}

func printValue(s *stdio, label string, value json.RawMessage) {
	if !isNull(value) && string(value) != "{}" {
		fmt.Fprintf(s.out, "\n%s\n%s\n", s.dim(label), indent(s.safe(pretty(value))))
	}
}
