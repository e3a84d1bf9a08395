package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
)

var errNoBulk = notFound("There is no bulk with that id, or it is not among the latest 200. GET /api/bulks lists them; " +
	"GET /api/log?stream=bulk:ID has the events of older ones.")

// bulks answers GET /api/bulks: those that run and the latest that have ended, the newest first.
func (a *API) bulks(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	list, seq := a.Views.Bulks()
	var w jsontext.Writer
	w.Array()
	for _, b := range list {
		if p.caller.maySeeBulk(b) {
			if err := a.writeBulk(r.Context(), w.Item(), b); err != nil {
				return err
			}
		}
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// maySeeBulk reports whether the bulk is about tasks that the caller's token is for: with a limited token only its own are.
func (c caller) maySeeBulk(b *projection.Bulk) bool { return !c.limited() || b.Actor == c.actor() }

// bulkOf is the bulk of the path.
func (a *API) bulkOf(p *reply) (*projection.Bulk, int64, error) {
	b, seq := a.Views.Bulk(strings.ToUpper(p.id))
	if b == nil || !p.caller.maySeeBulk(b) {
		return nil, 0, errNoBulk
	}
	return b, seq, nil
}

// oneBulk answers GET /api/bulks/{id}.
func (a *API) oneBulk(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	b, seq, err := a.bulkOf(p)
	if err != nil {
		return err
	}
	if wait := preferredWait(r); wait > 0 {
		b = a.awaitBulk(p, r, b, wait)
		seq = a.Views.Seq()
		p.Header().Set("Preference-Applied", "wait="+itoa(int64(wait)))
	}
	p.shows(seq)
	return a.sendBulk(p, r, b)
}

// stopBulk answers POST /api/bulks/{id}/stop.
func (a *API) stopBulk(p *reply, r *http.Request) error {
	reason, err := a.reasonOf(p, r)
	if err != nil {
		return err
	}
	b, _, err := a.bulkOf(p)
	if err != nil {
		return err
	}
	if err := a.sched().StopBulk(r.Context(), p.caller.actor(), b.ID, reason); err != nil {
		return err
	}
	b, _ = a.Views.Bulk(b.ID)
	return a.sendBulk(p, r, b)
}

// undoBulk answers POST /api/bulks/{id}/undo: another bulk takes back what the first has changed.
func (a *API) undoBulk(p *reply, r *http.Request) error {
	reason, err := a.reasonOf(p, r)
	if err != nil {
		return err
	}
	b, _, err := a.bulkOf(p)
	if err != nil {
		return err
	}
	started, err := a.sched().UndoBulk(r.Context(), p.caller.actor(), b, reason)
	if err != nil {
		return err
	}
	return a.sendStarted(p, r, started)
}

// reasonOf reads the body of a call that takes a reason or nothing.
func (a *API) reasonOf(p *reply, r *http.Request) (reason string, err error) {
	text, err := a.optionalObject(p, r)
	if err != nil {
		return "", err
	}
	fields, bad := reasonFields(text, nil)
	if bad != nil {
		return "", invalids(bad)
	}
	return fields, nil
}

// awaitBulk waits until a bulk has ended, at most the given number of seconds, and returns it as it is then.
func (a *API) awaitBulk(p *reply, r *http.Request, b *projection.Bulk, seconds int) *projection.Bulk {
	ctx, cancel := a.waiting(p, r)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	for {
		changed := a.Views.Changed()
		now, _ := a.Views.Bulk(b.ID)
		if now == nil { // 200 others have ended since
			return b
		}
		if b = now; !b.Running() {
			return b
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return b
		}
	}
}

func (a *API) sendBulk(p *reply, r *http.Request, b *projection.Bulk) error {
	var w jsontext.Writer
	if err := a.writeBulk(r.Context(), &w, b); err != nil {
		return err
	}
	return p.send(typeJSON, w)
}

func (a *API) writeBulk(ctx context.Context, w *jsontext.Writer, b *projection.Bulk) error {
	filter, reason, err := scheduler.BulkReason(ctx, a.Payloads.Get, b)
	if err != nil && !errors.Is(err, eventlog.ErrDamaged) { // held_up says so
		return err
	}
	w.Object()
	w.Key("id").String(b.ID)
	w.Key("action").String(string(b.Action))
	w.Key("status").String(bulkStatus(b))
	if w.Key("priority"); b.Priority != nil {
		w.Int(int64(*b.Priority))
	} else {
		w.Null()
	}
	w.Key("run_at").OptionalTime(int64(b.RunAt))
	if w.Key("filter"); filter != nil {
		w.Raw(filter)
	} else {
		w.Null()
	}
	w.Key("reason").OptionalString(reason)
	w.Key("actor").String(b.Actor)
	w.Key("started_at").Time(int64(b.StartedAt))
	w.Key("ended_at").OptionalTime(int64(b.EndedAt))
	w.Key("ended_by").OptionalString(b.EndedBy)
	w.Key("matched").Int(b.Matched)
	w.Key("changed").Int(b.Changed)
	writeSkipped(w.Key("skipped"), b.Skipped)
	w.Key("held_up")
	a.writeHeldUp(w, b)
	w.Key("undoable").Bool(scheduler.CanUndo(b) == nil)
	w.Key("undoes").OptionalString(b.Undoes)
	w.Key("undone_by").OptionalString(b.UndoneBy)
	w.EndObject()
	return nil
}

// writeHeldUp writes why a bulk that runs does not go on, null if it does. Only the node that leads knows.
func (a *API) writeHeldUp(w *jsontext.Writer, b *projection.Bulk) {
	held, is := a.sched().HeldBulk(b.ID)
	if !is || !b.Running() {
		w.Null()
		return
	}
	detail := "It could not go on; see the server output. It is tried again."
	for i := range answers {
		if errors.Is(held.Err, answers[i].err) {
			detail = answers[i].problem.Detail
			break
		}
	}
	w.Object()
	w.Key("detail").String(detail)
	w.Key("since").Time(int64(held.Since))
	w.Key("retry_at").Time(int64(held.RetryAt))
	w.EndObject()
}

// bulkStatus is RUNNING, DONE or STOPPED.
func bulkStatus(b *projection.Bulk) string {
	if b.Running() {
		return "RUNNING"
	}
	return strings.ToUpper(string(b.Outcome))
}
