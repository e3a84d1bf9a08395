package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"daybook/client"
)

type eventCmd struct {
	remote
	Name    string        `arg:"" help:"Name of the event, such as paid:42."`
	Payload string        `arg:"" optional:"" help:"Payload: JSON, or a text."`
	Keep    time.Duration `default:"168h" help:"How long it is kept for tasks that wait for it later." positive:""`
}

func (eventCmd) Help() string {
	return `Sends an event that tasks wait for. The first event of a name counts while it is kept; to send it again does no harm.

Examples:

    daybook event paid:42
    daybook event paid:42 '{"amount":99}'`
}

func (c *eventCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		var payload any
		if c.Payload != "" {
			payload = jsonOrText(c.Payload)
		}
		sent, err := server.SendEvent(ctx, c.Name, payload, c.Keep)
		if err != nil {
			return err
		}
		if c.JSON {
			_, err := fmt.Fprintf(s.out, "%s\n", sent.Raw)
			return err
		}
		said := "is sent"
		if !sent.First {
			said = "was sent before, at " + clock(sent.At) + ": that one counts, with the payload " + s.safe(string(sent.Payload))
		}
		_, err = fmt.Fprintf(s.out, "%s %s\n", s.safe(sent.Name), said)
		return err
	})
}

// jsonOrText is a value that is written as JSON, or a text that is not JSON.
func jsonOrText(text string) json.RawMessage {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, _ := json.Marshal(text) // a string can be marshalled
	return quoted
}

type approvalsCmd struct{ remote }

func (approvalsCmd) Help() string {
	return `Lists what tasks ask of people, those that wait longest first. Answer with "daybook approve" or "daybook reject".`
}

func (c *approvalsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		list, err := server.Approvals(ctx)
		if err != nil {
			return err
		}
		for i := range list {
			a := &list[i]
			if c.JSON {
				fmt.Fprintf(s.out, "%s\n", a.Raw)
				continue
			}
			fmt.Fprintf(s.out, "%s\t%s\t%s\t%s\t%s\tsince %s\n", a.TaskID, a.TaskType, s.safe(a.Subject), a.Step, s.safe(a.Title), clock(a.Since))
		}
		return nil
	})
}

// answering is what the commands that answer an approval have in common.
type answering struct {
	remote
	ID     string `arg:"" help:"The task."`
	Step   string `arg:"" optional:"" help:"The step that asks; by default the one that the task waits in."`
	Reason string `short:"r" help:"Why; it is kept with the answer."`
}

func (c *answering) answer(ctx context.Context, s *stdio, approve bool, answer any) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		step := c.Step
		if step == "" {
			t, err := server.Get(ctx, c.ID)
			if err != nil {
				return err
			}
			if step = stepOf(&t); step == "" {
				return fmt.Errorf("task %s asks nothing now: see daybook task %s", c.ID, c.ID)
			}
		}
		t, err := server.Approve(ctx, c.ID, step, approve, answer, c.Reason)
		if err != nil {
			return err
		}
		return c.show(s, &t, [...]string{"rejected", "approved"}[boolIndex(approve)])
	})
}

func boolIndex(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// stepOf is the step in which a task waits for a person, "" if it does not.
func stepOf(t *client.Task) string {
	var detail struct{ Step string }
	if w := t.WaitingFor; w != nil && w.Reason == "approval" {
		_ = json.Unmarshal(w.Raw, &detail) // what is not there stays empty
	}
	return detail.Step
}

// show prints a task that was answered.
func (c *answering) show(s *stdio, t *client.Task, said string) error {
	if c.JSON {
		_, err := fmt.Fprintf(s.out, "%s\n", t.Raw)
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s %s\n", t.ID, said)
	return err
}

type approveCmd struct {
	answering
	Param []string `short:"p" name:"param" sep:"none" placeholder:"KEY=VALUE" help:"A field of the answer; may be repeated. A value is JSON, or a text."`
}

func (approveCmd) Help() string {
	return `Approves what a task asks.

Examples:

    daybook approvals
    daybook approve 01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook approve 01KA0M5Z7Q8G4S2B6D9XEJ3V1T ask -p amount=5 --reason "within budget"`
}

func (c *approveCmd) Run(ctx context.Context, s *stdio) error {
	var answer map[string]json.RawMessage
	for _, p := range c.Param {
		key, value, ok := strings.Cut(p, "=")
		if !ok || key == "" {
			return fmt.Errorf("-p %s: write it as key=value", p)
		}
		if answer == nil {
			answer = make(map[string]json.RawMessage)
		}
		answer[key] = jsonOrText(value)
	}
	if answer == nil {
		return c.answer(ctx, s, true, nil)
	}
	return c.answer(ctx, s, true, answer)
}

type rejectCmd struct{ answering }

func (rejectCmd) Help() string { return `Rejects what a task asks. The task goes on, and is told so.` }

func (c *rejectCmd) Run(ctx context.Context, s *stdio) error { return c.answer(ctx, s, false, nil) }

// printSteps prints the steps of a task, a line each.
func printSteps(s *stdio, steps []client.StepState) {
	if len(steps) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\n%s\n", s.dim("steps"))
	for i := range steps {
		step := &steps[i]
		what := step.Outcome
		if step.Event != "" {
			what += " " + s.safe(step.Event)
		}
		value := oneLine(string(step.Value))
		if step.Damaged {
			value = "damaged in the log"
		}
		fmt.Fprintln(s.out, indent(strings.TrimRight(fmt.Sprintf("%s  %s  %s  %s", s.dim(clock(step.At)), pad(step.Name, 20), pad(what, 10), cut(value, 200)), " ")))
	}
}

// rawSteps are steps as the server wrote them.
func rawSteps(steps []client.StepState) []json.RawMessage {
	raw := make([]json.RawMessage, len(steps))
	for i := range steps {
		raw[i] = steps[i].Raw
	}
	return raw
}
