package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// get answers GET /api/tasks/{id}.
func (a *API) get(p *reply, r *http.Request) error {
	q, err := queryOf(r, "at")
	if err == nil {
		err = q.err()
	}
	if err != nil {
		return err
	}
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	if q.text("at") != "" {
		return a.getPast(p, r, q, id)
	}
	wait := preferredWait(r)
	t, seq, err := a.Views.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if wait > 0 && !t.Status.Ended() {
		if err := a.waitEnded(p, r, &t, wait); err != nil {
			return err
		}
		seq = max(seq, a.Views.Seq(), t.LastSeq)
		p.Header().Set("Preference-Applied", "wait="+itoa(int64(wait)))
	}
	return a.sendTask(p, r, &t, seq)
}

// getPast answers GET /api/tasks/{id}?at=.
func (a *API) getPast(p *reply, r *http.Request, q *query, id ulid.ULID) error {
	from, err := a.moment(r.Context(), q)
	if err != nil {
		return err
	}
	defer from.release()
	t, seq, err := from.views.Get(r.Context(), id)
	if errors.Is(err, projection.ErrNotFound) {
		return errNotYet
	}
	if err != nil {
		return err
	}
	return from.sendTask(p, r, &t, seq)
}

// cancel answers DELETE /api/tasks/{id}.
func (a *API) cancel(p *reply, r *http.Request) error {
	q, err := queryOf(r, "reason")
	if err != nil {
		return err
	}
	reason := q.text("reason")
	if len(reason) > maxReason || jsontext.HasBidi(reason) {
		q.wrong("reason", "must have at most "+itoa(maxReason)+" bytes and no bidirectional control characters")
	}
	if err := q.err(); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	t, err := a.sched().Do(r.Context(), p.caller.actor(), id, task.Cancel{Reason: reason})
	if err != nil {
		return err
	}
	var w jsontext.Writer
	w.Object()
	w.Key("message").String(cancelledHow(&t))
	writeID(w.Key("task_id"), t.ID)
	w.Key("status").String(t.Status.String())
	w.EndObject()
	p.shows(t.LastSeq)
	return p.send(typeJSON, w)
}

// cancelledHow says when a task that was just cancelled ends.
func cancelledHow(t *task.Task) string {
	switch {
	case t.Status.Ended():
		return "Task cancelled"
	case t.Remote():
		return "Cancellation requested; the worker is told by its next call, and the task ends when it answers or its lease runs out"
	case t.Status == task.Running && !t.IsWorkflow():
		return "Cancellation requested; the task stops within a second"
	}
	return "Cancellation requested; the task ends when its children have"
}

// retry answers POST /api/tasks/{id}/retry. With parameters it makes another task of them.
func (a *API) retry(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	changes, err := a.changes(p, r)
	if err != nil {
		return err
	}
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	if changes.Parameters != nil {
		return a.retryAs(p, r, id, changes)
	}
	t, replayed, err := a.Intake.RetrySame(r.Context(), id, changes, func(ctx context.Context, c task.Retry) (task.Task, error) {
		return a.sched().Do(ctx, p.caller.actor(), id, c)
	})
	if err != nil {
		return err
	}
	if replayed {
		p.Header()["Idempotent-Replayed"] = saidTrue
	}
	return a.sendTask(p, r, &t, t.LastSeq)
}

// sendTask answers with all of one task, as seq shows it.
func (a *API) sendTask(p *reply, r *http.Request, t *task.Task, seq int64) error {
	return a.now().sendTask(p, r, t, seq)
}

// sendTask answers with all of one task, as seq shows it.
func (from *moment) sendTask(p *reply, r *http.Request, t *task.Task, seq int64) error {
	one, err := from.rowOf(r.Context(), t, whole)
	if err != nil {
		return err
	}
	if err := p.reserveAnswer(2 * (len(one.parameters) + len(one.result))); err != nil {
		return err
	}
	if one.fileNames, err = from.api.Intake.FileNames(r.Context(), t); err != nil {
		return err
	}
	p.shows(seq)
	buffer := borrow()
	defer giveBack(buffer)
	*buffer = appendRow(*buffer, &one, whole)
	return p.send(typeJSON, *buffer)
}

// shows sets the headers of every read: the seq it shows, and that it goes stale at once.
func (p *reply) shows(seq int64) {
	h := p.Header()
	h["X-Log-Seq"] = []string{itoa(seq)}
	h["Cache-Control"] = noStore
}

// idOf is the task id of the path; a malformed one names no task.
func idOf(p *reply) (ulid.ULID, error) {
	id, ok := task.ParseID(strings.ToUpper(p.id))
	if !ok {
		return id, errNoTask
	}
	return id, nil
}

// taskID is the task id of the path, if the caller's token is for the task.
func (a *API) taskID(p *reply, r *http.Request) (ulid.ULID, error) {
	id, err := idOf(p)
	if err != nil {
		return id, err
	}
	return id, a.sees(p, r, id)
}
