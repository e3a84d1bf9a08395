package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"daybook/client"
)

type submitCmd struct {
	remote
	Type           string         `arg:"" help:"Task type, such as SLEEP or DATA_PROCESSING."`
	Param          []string       `short:"p" sep:"none" placeholder:"KEY=VALUE" help:"A parameter; may be repeated. A value that is valid JSON is sent as JSON, any other value as text; @PATH reads the value from a file."`
	Parameters     string         `placeholder:"JSON" help:"All parameters as one JSON object."`
	File           []string       `short:"f" sep:"none" placeholder:"PATH" help:"Upload a file for the task; may be repeated if the type takes several files."`
	Wait           bool           `short:"w" help:"Wait until the task has ended and show its progress. Exit code 1 unless it succeeded; Ctrl-C stops the waiting, not the task."`
	Queue          string         `help:"Queue to submit to."`
	Priority       *int           `placeholder:"N" help:"-100 to 100; each point counts like having waited 5 minutes longer. By default that of the type, which is 0 unless it was declared."`
	Delay          *time.Duration `placeholder:"TIME" help:"Do not start before this delay has passed, such as 90s or 2h."`
	RunAt          moment         `placeholder:"TIME" help:"Do not start before this time, such as 2027-01-31T08:00:00Z."`
	MaxAttempts    *int           `placeholder:"N" help:"Maximum number of attempts."`
	Timeout        *time.Duration `placeholder:"TIME" help:"Stop an attempt that runs longer than this, at most 720h; 0s = no limit. By default, the server's --default-timeout."`
	Subject        string         `placeholder:"TEXT" help:"One line that says which task it is, at most 200 characters. By default, made from the parameters."`
	Tag            []string       `help:"A tag to find the task by; may be repeated."`
	ConcurrencyKey string         `placeholder:"KEY" help:"What the limits of the queue for each key go by: a customer, for example."`
	OnKeyConflict  string         `placeholder:"ACTION" help:"What to do with tasks of the queue that have the same concurrency key: wait for them (the default), replace_waiting, cancel_running or reject."`
	After          []string       `placeholder:"ID[:WHEN]" help:"Start only when this task has ended; may be repeated. WHEN is succeeded (the default), failed or ended. If it ends otherwise, the new task is cancelled."`
	uniqueness
	Key string `help:"Idempotency key: submitting the same request again with the same key returns the first task."`
}

// Validate checks what has no sense on any server.
func (c *submitCmd) Validate() error {
	if c.Timeout != nil && *c.Timeout < 0 {
		return errors.New("--timeout must not be negative; 0s = never")
	}
	if c.MaxAttempts != nil && (*c.MaxAttempts < 1 || *c.MaxAttempts > 1000) {
		return errors.New("--max-attempts must be 1 to 1000")
	}
	if c.Delay != nil && *c.Delay < 0 {
		return errors.New("--delay must not be negative; --run-at takes a time")
	}
	return nil
}

func (submitCmd) Help() string {
	return `Prints the id of the new task once the task is on the server's disk.

Examples:

    daybook submit SLEEP -p seconds=3 --wait
    daybook submit DATA_PROCESSING --file sales.csv --wait
    daybook submit IMAGE_PROCESSING -f a.jpg -f b.png -p operation=thumbnail
    daybook submit EMAIL_SIMULATION -p 'recipients=["ann@example.com"]' -p subject=Hello
    ID=$(daybook submit SLEEP --delay 10m --key nightly-2027-01-31)
    daybook submit SLEEP --unique=reindex --on-conflict replace --delay 10s --max-delay 1m
    daybook submit SLEEP --queue reports --concurrency-key customer-17
    daybook submit SLEEP --after $ID; daybook submit SLEEP --after $ID:failed`
}

// AfterApply checks what the flags' types do not.
func (c *submitCmd) AfterApply() error {
	if c.Delay != nil && !c.RunAt.IsZero() {
		return fmt.Errorf("--delay and --run-at cannot be used together")
	}
	for _, after := range c.After {
		if _, when, given := strings.Cut(after, ":"); given && when != "succeeded" && when != "failed" && when != "ended" {
			return fmt.Errorf("--after %s: after the colon there must be succeeded, failed or ended", after)
		}
	}
	return c.uniqueness.check()
}

func (c *submitCmd) Run(ctx context.Context, s *stdio) error {
	params, err := c.parameters()
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		if len(c.File) > 0 {
			if err := c.resolveType(ctx, server); err != nil {
				return err
			}
			if err := upload(ctx, s, server, c.Type, c.File, params); err != nil {
				return err
			}
		}
		done, err := c.send(ctx, server, params)
		if err != nil {
			if c.Type, err = meantType(ctx, server, c.Type, err); err != nil {
				return err
			}
			if done, err = c.send(ctx, server, params); err != nil {
				return err
			}
		}
		if c.Wait {
			fmt.Fprintf(s.err, "%s  %s\n", done.ID, s.paintErr("4;36", pageOf(server, done.ID)))
			return showUntilEnded(ctx, s, server, done.ID, c.JSON)
		}
		switch {
		case c.JSON:
			return printJSON(s.out, done.Raw)
		case s.outTerminal && done.Returned:
			_, err = fmt.Fprintf(s.out, "%s  %s\n", done.ID, s.dim("holds the unique key; it is "+string(done.Status)))
		case s.outTerminal && done.Replayed:
			_, err = fmt.Fprintf(s.out, "%s  %s\n", done.ID, s.dim("submitted before with this key; it is "+string(done.Status)))
		case s.outTerminal:
			_, err = fmt.Fprintf(s.out, "%s  %s\n", done.ID, s.dim("daybook watch "+done.ID))
		default:
			_, err = fmt.Fprintln(s.out, done.ID)
		}
		return err
	})
}

// resolveType makes the type the server's own name of it.
func (c *submitCmd) resolveType(ctx context.Context, server *client.Client) error {
	names, err := typeNames(ctx, server)
	if err == nil {
		c.Type, err = named("task type", c.Type, names)
	}
	return err
}

// key is the idempotency key. Several nodes get one always: then the submit can go on at the next one, whatever has become of it.
func (c *submitCmd) key() string {
	if c.Key == "" && strings.Contains(c.Server, ",") {
		c.Key = "submit-" + rand.Text()
	}
	return c.Key
}

// pageOf is the address of the task's page.
func pageOf(server *client.Client, id string) string { return server.URL() + "/#/tasks/" + id }

// parameters puts together what --parameters and -p say; -p wins.
func (c *submitCmd) parameters() (map[string]json.RawMessage, error) {
	return parameters(c.Parameters, c.Param)
}

// send submits the task. A priority of 0 that was given is sent, as it may not be the default of the type.
func (c *submitCmd) send(ctx context.Context, server *client.Client, params map[string]json.RawMessage) (client.Submitted, error) {
	submit := c.submit(params)
	if c.Priority == nil || *c.Priority != 0 {
		return server.Submit(ctx, submit)
	}
	body, err := json.Marshal(struct {
		client.Submit
		Priority int `json:"priority"`
	}{submit, 0})
	if err != nil {
		return client.Submitted{}, err
	}
	return server.SubmitJSON(ctx, body, "")
}

func (c *submitCmd) submit(params map[string]json.RawMessage) client.Submit {
	submit := client.Submit{
		TaskType:       c.Type,
		Queue:          c.Queue,
		Tags:           c.Tag,
		Subject:        c.Subject,
		IdempotencyKey: c.key(),
		ConcurrencyKey: c.ConcurrencyKey,
		OnConflict:     c.OnKeyConflict,
		Unique:         c.uniqueness.unique(),
	}
	for _, after := range c.After {
		id, when, _ := strings.Cut(after, ":")
		submit.DependsOn = append(submit.DependsOn, client.Dependency{Task: id, When: when})
	}
	if len(params) > 0 { // under one key, none is the same request as curl's without parameters
		submit.Parameters = params
	}
	if c.Priority != nil {
		submit.Priority = *c.Priority
	}
	if c.Delay != nil {
		submit.DelaySeconds = c.Delay.Seconds()
	}
	if c.MaxAttempts != nil {
		submit.MaxAttempts = *c.MaxAttempts
	}
	if c.Timeout != nil {
		submit.TimeoutSeconds = client.Timeout(c.Timeout.Seconds())
		if *c.Timeout == 0 {
			submit.TimeoutSeconds = client.NoTimeout
		}
	}
	if !c.RunAt.IsZero() {
		submit.RunAt = &c.RunAt.Time
	}
	return submit
}
