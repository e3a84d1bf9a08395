package scheduler

import (
	"context"
	"strings"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

// Other is an event of a stream that is not of a task, such as "queue:default".
type Other struct {
	Stream, Type string
	V            int    // schema version of Type
	Data         []byte // canonical JSON object
	Payload      []byte // one JSON value; nil = none
}

// Record decides and appends events of streams that are not of tasks, in one commit. decide runs in
// the loop, when the views show all that was decided before: nothing is decided beside it that it
// does not see. It must be quick. No event: nothing is appended. Record returns when
// the events are on disk and in the views. Errors: decide's, and those of commands.
func (s *Scheduler) Record(ctx context.Context, actor string, decide func() ([]Other, error)) error {
	a, err := s.ask(ctx, &request{actor: actor, others: decide})
	if err != nil {
		return err
	}
	return a.err
}

// record decides a request for events of other streams. While such events are on their way to the log,
// the views do not show them: it waits.
func (l *loop) record(rd *round, r *request) {
	if l.othersUnderWay(rd) {
		l.backlog.again = append(l.backlog.again, input{request: r})
		return
	}
	events, err := r.others()
	rd.size += max(len(events), 1)
	var b batch
	if err == nil && r.with != nil {
		b, err = rd.decideWith(r)
	}
	if err != nil || len(events) == 0 {
		rd.reply(r, answer{err: err})
		return
	}
	rd.begin(r.actor, false, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		r.done <- answer{}
	})
	versions := make(map[string]int64)
	for i := range events {
		e := &events[i]
		if versions[e.Stream] == 0 {
			versions[e.Stream] = l.s.o.Views.StreamVersion(e.Stream)
		}
		versions[e.Stream]++
		rd.addOther(&eventlog.Event{Stream: e.Stream, Version: versions[e.Stream], Type: e.Type, V: e.V,
			Data: e.Data, Payload: e.Payload, HasPayload: e.Payload != nil})
	}
	for i := range b.news {
		rd.addNew(&b, i)
	}
	rd.size += len(b.news)
}

// decideWith decides the tasks that are submitted together with events of other streams. None of them may have an idempotency
// key or a unique key: each is a new one.
func (rd *round) decideWith(r *request) (batch, error) {
	n := len(*r.with)
	b := batch{r: &request{actor: r.actor, submits: *r.with}, news: make([]newTask, n), answers: make([]Submitted, n)}
	for i := range b.news {
		if err := rd.decideSubmit(&b, i); err != nil {
			return batch{}, &BatchError{i, err}
		}
	}
	return b, nil
}

// othersUnderWay reports whether events of other streams are decided that the views do not show yet.
func (l *loop) othersUnderWay(rd *round) bool {
	return rd.others > 0 || l.appending != nil && l.appending.others > 0
}

// addOther puts an event that is not of a task into the latest entry.
func (rd *round) addOther(record *eventlog.Event) {
	e := rd.latest()
	rd.seq++
	rd.others++
	if queue, ok := strings.CutPrefix(record.Stream, "queue:"); ok {
		if rd.queues == nil {
			rd.queues = make(map[string]bool)
		}
		rd.queues[queue] = true
	}
	record.At, record.Actor = int64(rd.now), e.actor
	rd.records = append(rd.records, record)
	rd.changes = append(rd.changes, projection.Change{Event: &task.Event{Seq: rd.seq, At: rd.now}, Other: record})
	e.to = len(rd.records)
}
