package api

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
)

// workerBeat answers POST /api/workers/{name}/beat.
func (a *API) workerBeat(p *reply, r *http.Request) error {
	if !validWorker(p.id) {
		return notFound("There is no such worker. A name is 1 to 128 of A-Z a-z 0-9 . _ - : @.")
	}
	text, err := a.optionalObject(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	var tokens []string
	var length time.Duration
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		switch key {
		case "tokens":
			o.items(value, maxTokens, func(o object, value []byte) { tokens = append(tokens, o.text(value, 1, 100)) })
		case "lease_seconds":
			if !jsontext.IsNull(value) {
				length = time.Duration(o.integer(value, 1, longestLease)) * time.Second
			}
		default:
			return false
		}
		return true
	})
	// The worker is alive, whatever is wrong with the rest.
	b := a.sched().Beat(p.id, tokens, length)
	if bad != nil {
		return invalids(bad)
	}
	if b.Shortest == 0 {
		b.Shortest = usualLease * time.Second
	}
	var w jsontext.Writer
	w.Object()
	w.Key("until").Time(b.Until.UnixMicro())
	w.Key("cancelled").Strings(b.Cancelled)
	w.Key("lost").Strings(b.Lost)
	w.Key("quiet").Bool(b.Quiet)
	w.Key("beat_seconds").Int(beatEvery(b.Shortest))
	w.EndObject()
	return p.send(typeJSON, w)
}

// workers answers GET /api/workers.
func (a *API) workers(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	var w jsontext.Writer
	w.Array()
	for _, worker := range a.sched().Workers() {
		a.writeWorker(w.Item(), &worker)
	}
	w.EndArray()
	p.shows(a.Views.Seq())
	return p.send(typeJSON, w)
}

func (a *API) writeWorker(w *jsontext.Writer, worker *scheduler.Worker) {
	w.Object()
	w.Key("name").String(worker.Name)
	w.Key("build").OptionalString(worker.Build)
	w.Key("since").Time(worker.Since.UnixMicro())
	w.Key("last_seen").Time(worker.LastSeen.UnixMicro())
	w.Key("task_types").Strings(worker.Types)
	if worker.Queues == nil {
		w.Key("queues").Null()
	} else {
		w.Key("queues").Strings(worker.Queues)
	}
	w.Key("holds").Array()
	for _, held := range worker.Holds {
		t := a.Views.InMemory(held.Task)
		w.Item().Object()
		writeID(w.Key("task_id"), held.Task)
		w.Key("task_type").OptionalString(t.Type)
		w.Key("since").OptionalTime(int64(t.StartedAt))
		w.Key("until").Time(held.Until.UnixMicro())
		w.EndObject()
	}
	w.EndArray()
	w.Key("quiet").Bool(worker.Quiet)
	w.Key("address").OptionalString(worker.Address)
	w.EndObject()
}

// workerQuiet answers POST /api/workers/{name}/quiet.
func (a *API) workerQuiet(p *reply, r *http.Request) error { return a.setQuiet(p, r, true) }

// workerResume answers POST /api/workers/{name}/resume.
func (a *API) workerResume(p *reply, r *http.Request) error { return a.setQuiet(p, r, false) }

func (a *API) setQuiet(p *reply, r *http.Request, quiet bool) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	err := a.sched().SetQuiet(r.Context(), p.caller.actor(), p.id, quiet)
	if errors.Is(err, scheduler.ErrNoWorker) {
		return notFound(fmt.Sprintf("There is no worker %.128q. GET /api/workers lists those that are alive.", p.id))
	}
	if err != nil {
		return err
	}
	var w jsontext.Writer
	w.Object()
	w.Key("name").String(p.id)
	w.Key("quiet").Bool(quiet)
	w.EndObject()
	return p.send(typeJSON, w)
}
