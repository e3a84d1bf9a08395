package api

import (
	"net/http"
	"strings"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// undo answers POST /api/undo: it takes back one event, if what it is about is still as the event has left it.
func (a *API) undo(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	var seq int64
	reason, bad := reasonFields(text, func(o object, key string, value []byte) bool {
		if key == "seq" {
			seq = int64(o.integer(value, 1, 1<<52))
		}
		return key == "seq"
	})
	if bad == nil && seq == 0 {
		bad = []task.FieldError{{Pointer: "/seq", Detail: "must be given: the number of the event that is taken back"}}
	}
	if bad != nil {
		return invalids(bad)
	}
	events, err := a.Log.Events(r.Context(), []int64{seq})
	if err != nil {
		return err
	}
	return a.undoEvent(p, r, events[0], reason)
}

// reasonFields reads the field reason of an object, and others with more.
func reasonFields(text []byte, more func(o object, key string, value []byte) bool) (reason string, bad []task.FieldError) {
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		if key == "reason" {
			if !jsontext.IsNull(value) {
				reason = o.plainText(value, 0, maxReason)
			}
			return true
		}
		return more != nil && more(o, key, value)
	})
	return reason, bad
}

// undoEvent takes the event back and answers with what it was about.
func (a *API) undoEvent(p *reply, r *http.Request, e *eventlog.Event, reason string) error {
	kind, name, _ := strings.Cut(e.Stream, ":")
	done := undone{event: e}
	var err error
	switch {
	case kind == "task":
		done.task, err = a.undoTask(p, r, e, reason)
	case e.Type == "queue.paused":
		done.queue, err = name, a.undoPause(p, r, e, name)
	case e.Type == projection.BulkStartedType:
		done.bulk, err = a.undoStarted(p, r, name, reason)
	default:
		err = scheduler.ErrNotUndoable
	}
	if err != nil {
		return err
	}
	var w jsontext.Writer
	if err := a.writeUndone(r, &w, &done); err != nil {
		return err
	}
	return p.send(typeJSON, w)
}

// undone is what was taken back.
type undone struct {
	event *eventlog.Event
	task  *task.Task       // nil: it was not about a task
	queue string           // "" = it was not about a queue
	bulk  *projection.Bulk // that takes back another one, or nil
}

func (a *API) writeUndone(r *http.Request, w *jsontext.Writer, u *undone) error {
	var id, status string
	if u.task != nil {
		id, status = u.task.Name(), u.task.Status.String()
	}
	w.Object()
	w.Key("seq").Int(u.event.Seq)
	w.Key("type").String(u.event.Type)
	w.Key("task_id").OptionalString(id)
	w.Key("status").OptionalString(status)
	w.Key("queue").OptionalString(u.queue)
	w.Key("bulk")
	if u.bulk == nil {
		w.Null()
	} else if err := a.writeBulk(r.Context(), w, u.bulk); err != nil {
		return err
	}
	w.EndObject()
	return nil
}

// undoTask takes back an event of a task.
func (a *API) undoTask(p *reply, r *http.Request, e *eventlog.Event, reason string) (*task.Task, error) {
	id, ok := task.ParseStream(e.Stream)
	if !ok {
		return nil, scheduler.ErrNotUndoable
	}
	if err := a.sees(p, r, id); err != nil {
		return nil, err
	}
	t, err := a.sched().UndoTask(r.Context(), p.caller.actor(), id, e, reason)
	return &t, err
}

// undoStarted takes back the bulk that was started by an event, and returns the bulk that does so.
func (a *API) undoStarted(p *reply, r *http.Request, id, reason string) (*projection.Bulk, error) {
	p.id = id
	b, _, err := a.bulkOf(p)
	if err != nil {
		return nil, err
	}
	started, err := a.sched().UndoBulk(r.Context(), p.caller.actor(), b, reason)
	if err != nil || started == nil {
		return nil, err
	}
	return a.awaitBulk(p, r, started, bulkWait), nil
}

// undoPause resumes a queue if its pause is still that of the event.
func (a *API) undoPause(p *reply, r *http.Request, e *eventlog.Event, queue string) error {
	if p.caller.limited() {
		return p.caller.outside()
	}
	return a.sched().Record(r.Context(), p.caller.actor(), func() ([]scheduler.Other, error) {
		if q := a.Views.QueueState(queue); !q.Paused || int64(q.PausedAt) != e.At || q.PausedBy != e.Actor {
			return nil, scheduler.ErrChangedSince
		}
		return a.queueEvent(queue, "queue.resumed", []byte("{}"), nil)
	})
}
