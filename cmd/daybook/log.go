package main

import (
	"context"
	"fmt"
	"iter"

	"daybook"
	"daybook/client"
)

type logCmd struct {
	remote
	Follow  bool     `short:"f" help:"Print events as they happen, until Ctrl-C. Starts with new events by default; see --after."`
	After   *int64   `placeholder:"SEQ" help:"Only events after this position in the log."`
	Stream  []string `placeholder:"STREAM" help:"Only events of this stream, such as task:01KA0M…; may be repeated."`
	Type    []string `placeholder:"TYPE" help:"Only events of this type, such as task.failed; may be repeated."`
	Payload bool     `help:"Include payloads: parameters, results, errors."`
	Limit   int      `short:"n" help:"Maximum number of events; 0 for all."`
}

func (logCmd) Help() string {
	return `Prints the events of the log, oldest first.

Examples:

    daybook log --limit 20
    daybook log --type task.failed --payload
    daybook log --stream task:01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook log --follow --json | jq -c '[.seq, .type]'`
}

// AfterApply checks what the flags' types do not.
func (c *logCmd) AfterApply() error {
	if c.After != nil && *c.After < 0 {
		return fmt.Errorf("--after must not be negative")
	}
	if c.Limit < 0 {
		return fmt.Errorf("--limit must not be negative")
	}
	var err error
	c.Type, err = allNamed("type of event", c.Type, daybook.EventTypes())
	return err
}

func (c *logCmd) Run(ctx context.Context, s *stdio) error {
	return endless(ctx, c.Follow, c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		n := 0
		for e, err := range c.events(ctx, server) {
			if err == nil && c.Payload && c.Follow && e.PayloadHash != nil {
				e, err = withPayload(ctx, server, e)
			}
			if err == nil {
				err = c.print(s, &e)
			}
			if err != nil {
				return err
			}
			if n++; n == c.Limit {
				return nil
			}
		}
		return nil
	}))
}

func (c *logCmd) events(ctx context.Context, server *client.Client) iter.Seq2[client.Event, error] {
	var after int64
	switch {
	case c.After != nil:
		after = *c.After
	case c.Follow:
		after = client.Head
	}
	if c.Follow {
		return server.Follow(ctx, client.FollowQuery{After: after, Streams: c.Stream, Types: c.Type})
	}
	return server.Log(ctx, client.LogQuery{After: after, Limit: c.Limit, Streams: c.Stream, Types: c.Type, Payload: c.Payload})
}

func (c *logCmd) print(s *stdio, e *client.Event) error {
	switch {
	case c.JSON:
		return printJSON(s.out, e.Raw)
	case s.outTerminal:
		_, err := fmt.Fprintln(s.out, eventLine(s, e, e.Stream))
		return err
	}
	_, err := fmt.Fprintf(s.out, "%d\t%s\t%s\t%s\t%s\t%s\n", e.Seq, e.At.Format("2006-01-02T15:04:05.000000Z"), e.Stream, e.Type, e.Actor, oneLine(string(e.Data)+" "+string(e.Payload)))
	return err
}

// withPayload reads the event again, with its payload.
func withPayload(ctx context.Context, server *client.Client, e client.Event) (client.Event, error) {
	for full, err := range server.Log(ctx, client.LogQuery{After: e.Seq - 1, Limit: 1, Payload: true}) {
		return full, err
	}
	return e, nil
}
