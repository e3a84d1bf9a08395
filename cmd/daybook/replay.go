package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"daybook/client"
)

// past is an earlier point of the log: the seq of an event or a time, as the API takes it. "" = now.
type past struct{ text string }

// UnmarshalText reads a seq, a time, or how long ago.
func (p *past) UnmarshalText(text []byte) error {
	p.text = string(text)
	if _, err := strconv.ParseUint(p.text, 10, 63); err == nil {
		return nil
	}
	if ago, err := time.ParseDuration(p.text); err == nil && ago >= 0 {
		p.text = time.Now().Add(-ago).UTC().Format(time.RFC3339Nano)
		return nil
	}
	var at moment
	if at.UnmarshalText(text) != nil {
		return fmt.Errorf("%q is no point of the log; write the seq of an event such as 1200, a time such as 2026-01-31T08:00:00Z or in local time \"2026-01-31 08:00\", or how long ago, such as 10m", text)
	}
	if at.After(time.Now()) {
		return fmt.Errorf("%q is in the future; the log has only what has happened: write an earlier time, or how long ago, such as 10m", text)
	}
	p.text = at.UTC().Format(time.RFC3339Nano)
	return nil
}

type replayCmd struct {
	remote
	At past `placeholder:"WHEN" help:"The point of the log: the seq of an event, a time, or how long ago, such as 10m; without it, now."`
}

func (replayCmd) Help() string {
	return `Replays the log up to a point and prints how many tasks there were then, by status, queue and type. "daybook tasks --at" lists
them.

Examples:

    daybook replay --at 10m
    daybook replay --at 24h
    daybook replay --at 1200 --json | jq .totals`
}

func (c *replayCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		var stats client.Stats
		var err error
		if c.At.text == "" {
			stats, err = server.Stats(ctx)
		} else {
			stats, err = server.StatsAt(ctx, c.At.text)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			_, err = fmt.Fprintf(s.out, "%s\n", stats.Raw)
			return err
		}
		return printCounts(s, &stats)
	})
}

// printCounts prints a line for each status, queue and type that has tasks, under one that says which event was the last.
func printCounts(s *stdio, stats *client.Stats) error {
	at := ""
	if stats.Log.At != nil && stats.Seq == stats.Log.Head {
		at = " of " + clock(*stats.Log.At)
	}
	fmt.Fprintln(s.err, s.dim(fmt.Sprintf("as of event %d%s", stats.Seq, at)))
	return listAll(s, false, stats.Counts, func(c *client.Count) []string {
		return []string{string(c.Status), c.Queue, c.TaskType, strconv.FormatInt(c.N, 10)}
	}, "STATUS\tQUEUE\tTYPE\tTASKS", "No tasks.")
}
