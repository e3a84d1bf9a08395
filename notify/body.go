package notify

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/task"
)

const (
	longestPayload = 64 << 10 // bytes of the payload of an event that is sent with it
	longestBody    = 200 << 10
)

// body is the parameters of the task that delivers an event to a webhook: the event in the JSON format of CloudEvents
// 1.0. What is too large or too deep is left out, and "truncated" says so.
func (f *follower) body(ctx context.Context, webhook string, e *eventlog.Event, t *task.Task) ([]byte, error) {
	var payload []byte
	truncated := false
	if e.HasPayload && !strings.HasPrefix(e.Stream, "token:") { // who can see the task need not be an admin
		var err error
		payload, err = f.o.Payloads.Get(ctx, e.Seq)
		switch {
		case errors.Is(err, eventlog.ErrErased), errors.Is(err, eventlog.ErrDamaged):
			payload = nil
		case err != nil:
			return nil, err
		}
		if len(payload) > longestPayload {
			payload, truncated = nil, true
		}
	}
	for {
		body := f.write(webhook, e, t, payload, truncated)
		canonical, err := jsontext.Canonical(nil, body, task.MaxDepth)
		if err == nil && len(canonical) <= longestBody {
			return canonical, nil
		}
		if truncated && payload == nil {
			short := &eventlog.Event{Seq: e.Seq, At: e.At, Stream: e.Stream, Version: e.Version, Type: e.Type, V: e.V, Actor: e.Actor,
				Data: []byte("{}"), HasPayload: e.HasPayload, PayloadHash: e.PayloadHash, Hash: e.Hash}
			return f.write(webhook, short, t, nil, true), nil
		}
		payload, truncated = nil, true
	}
}

func (f *follower) write(webhook string, e *eventlog.Event, t *task.Task, payload []byte, truncated bool) []byte {
	var w jsontext.Writer
	w.Object()
	w.Key("webhook").String(webhook)
	w.Key("event").Object()
	w.Key("specversion").String("1.0")
	w.Key("id").String(strconv.FormatInt(e.Seq, 10) + "@" + f.o.Log.Epoch())
	w.Key("source").String("urn:daybook:" + f.o.Log.ID())
	w.Key("type").EscapedString(e.Type)
	w.Key("subject").EscapedString(e.Stream)
	w.Key("time").Time(e.At)
	w.Key("datacontenttype").String("application/json")
	w.Key("data").Object()
	w.Key("event").Raw(eventlog.AppendJSON(nil, e, payload))
	w.Key("truncated").Bool(truncated)
	w.Key("task")
	if t == nil {
		w.Null()
	} else {
		writeTask(&w, t)
	}
	w.EndObject()
	w.EndObject()
	w.EndObject()
	return w
}

// writeTask writes the facts of a task by which a receiver knows it. Names are those of the HTTP API.
func writeTask(w *jsontext.Writer, t *task.Task) {
	w.Object()
	w.Key("id").String(t.Name())
	w.Key("task_type").String(t.Type)
	w.Key("status").String(t.Status.String())
	w.Key("queue").String(t.Queue)
	w.Key("subject").OptionalString(t.Subject())
	w.Key("tags").Strings(t.Tags())
	w.Key("attempt").Int(int64(t.Attempt))
	w.Key("max_attempts").Int(int64(t.MaxAttempts))
	w.Key("idempotency_key").OptionalString(t.IdempotencyKey())
	w.Key("created_at").OptionalTime(int64(t.CreatedAt))
	w.Key("started_at").OptionalTime(int64(t.StartedAt))
	w.Key("completed_at").OptionalTime(int64(t.CompletedAt))
	w.Key("last_seq").Int(t.LastSeq)
	w.EndObject()
}
