package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"daybook"
	"daybook/client"
	"daybook/trace"

	"github.com/oklog/ulid/v2"
)

type traceCmd struct {
	remote
	ID string `arg:"" help:"The task."`
}

func (traceCmd) Help() string {
	return `Prints the trace of a task, also of one that ended long ago, as OTLP in JSON: a span "send" for its submit and a
span "process" for each attempt. The ids are those that a server with --otlp-endpoint exports.

Examples:

    daybook trace 01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook trace 01KA0M5Z7Q8G4S2B6D9XEJ3V1T | curl -d @- -H 'Content-Type: application/json' http://127.0.0.1:4318/v1/traces`
}

func (c *traceCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		events, err := server.History(ctx, c.ID, client.HistoryQuery{Payload: true, LastProgress: true})
		if err != nil {
			return err
		}
		spans, err := spansOf(events)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%s\n", trace.Encode(spans, daybook.Version))
		return err
	})
}

// outcomes are what the events that end an attempt mean for its span.
var outcomes = map[string]string{
	"task.succeeded": trace.Succeeded, "task.attempt_failed": trace.Failed, "task.failed": trace.Failed,
	"task.cancelled": trace.Cancelled, "task.lease_expired": trace.Lost, "task.released": trace.Released,
}

// spansOf makes the spans of a task of its events.
func spansOf(events []client.Event) ([]trace.Span, error) {
	var of trace.Task
	var spans []trace.Span
	var running *trace.Attempt
	for i := range events {
		e := &events[i]
		var d struct {
			Type        string `json:"task_type"`
			Queue       string `json:"queue"`
			TraceParent string `json:"traceparent"`
			Attempt     int    `json:"attempt"`
			Worker      string `json:"worker"`
			Code        string `json:"code"`
		}
		var payload struct{ Error string }
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return nil, fmt.Errorf("read event %d: %w", e.Seq, err)
		}
		_ = json.Unmarshal(e.Payload, &payload) // one without an error, or none
		switch outcome := outcomes[e.Type]; {
		case e.Type == "task.submitted":
			id, err := ulid.ParseStrict(e.Stream[len("task:"):])
			if err != nil {
				return nil, fmt.Errorf("read event %d: %w", e.Seq, err)
			}
			of = trace.Task{ID: id, Type: d.Type, Queue: d.Queue}
			of.Parent, _ = trace.ParseParent(d.TraceParent)
			spans = append(spans, of.Send(e.At))
		case e.Type == "task.started":
			running = &trace.Attempt{Number: d.Attempt, Fence: e.Version, Worker: d.Worker, Started: e.At}
		case running != nil && outcome != "":
			running.Ended, running.Outcome = e.At, outcome
			if running.Error = payload.Error; running.Error == "" {
				running.Error = d.Code
			}
			spans, running = append(spans, of.Process(running)), nil
		}
	}
	if running != nil {
		running.Ended = time.Now()
		spans = append(spans, of.Process(running))
	}
	return spans, nil
}
