package daybook

import (
	"cmp"
	"encoding/json"
	"strings"

	"daybook/eventlog"
	"daybook/task"
	"daybook/trace"
)

// traceOf is a task as its spans see it.
func traceOf(t *task.Task) trace.Task {
	of := trace.Task{ID: t.ID, Type: t.Type, Queue: t.Queue}
	if text := t.TraceParent(); text != "" {
		of.Parent, _ = trace.ParseParent(text) // the submit has checked it
	}
	return of
}

// traceWithin is the traceparent for what the running attempt calls; "" if the submit had none.
func traceWithin(t *task.Task) string {
	of := traceOf(t)
	if of.Parent.IsZero() {
		return ""
	}
	return of.Within(t.Fence()).String()
}

// tracer exports the spans of tasks as their events are folded. It implements projection.Observer.
type tracer struct{ exporter *trace.Exporter }

// outcomes are what the events that end an attempt mean for its span.
var outcomes = map[task.EventType]string{
	task.EventSucceeded: trace.Succeeded, task.EventAttemptFailed: trace.Failed, task.EventFailed: trace.Failed,
	task.EventCancelled: trace.Cancelled, task.EventLeaseExpired: trace.Lost, task.EventReleased: trace.Released,
}

// endings are the same for task.ending.
var endings = map[task.Status]string{task.Success: trace.Succeeded, task.Failed: trace.Failed, task.Cancelled: trace.Cancelled}

// TaskChanged exports the span that the event ends, if there is one. A trace that its caller does not record is left
// out.
func (r *tracer) TaskChanged(t *task.Task, before task.Status, e *task.Event) {
	outcome := outcomes[e.Type]
	if e.Type == task.EventEnding {
		outcome = endings[e.Data.EndsAs]
	}
	ends := before == task.Running && outcome != ""
	if !ends && e.Type != task.EventSubmitted {
		return
	}
	of := traceOf(t)
	if !of.Parent.IsZero() && !of.Parent.Sampled() {
		return
	}
	if !ends {
		r.exporter.Add(of.Send(e.At.Time()))
		return
	}
	a := trace.Attempt{Number: t.Attempt, Fence: e.Data.Fence, Started: t.StartedAt.Time(), Ended: e.At.Time(), Outcome: outcome}
	if e.Type == task.EventReleased || e.Type == task.EventLeaseExpired && e.Data.Suspicion > 0 {
		a.Number++ // it does not count any more
	}
	if name, ok := strings.CutPrefix(e.Actor, "worker:"); ok {
		a.Worker = name
	}
	if outcome == trace.Failed || outcome == trace.Lost {
		a.Error = errorOf(e)
	}
	r.exporter.Add(of.Process(&a))
}

// errorOf is the error of an attempt that an event ends, or else its code.
func errorOf(e *task.Event) string {
	const most = 16 << 10 // a longer one costs the goroutine that writes too much
	var payload struct{ Error string }
	if len(e.Payload) <= most {
		_ = json.Unmarshal(e.Payload, &payload) // none is no error
	}
	return cmp.Or(payload.Error, e.Data.Code.String())
}

// StreamChanged does nothing: what is not of a task has no span.
func (r *tracer) StreamChanged(*eventlog.Event) {}
