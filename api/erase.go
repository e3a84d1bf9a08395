package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"daybook/scheduler"
	"daybook/task"
)

// eraseWait is how many seconds an erasure is waited for by default.
const eraseWait = 30

// erase answers POST /api/tasks/{id}/erase: with 200 when the payloads of the task are deleted, or 202 while they are being deleted.
func (a *API) erase(p *reply, r *http.Request) error {
	text, err := a.optionalObject(p, r)
	if err != nil {
		return err
	}
	reason, bad := reasonFields(text, nil)
	if reason == "" && bad == nil {
		object{"/reason", &bad}.wrong("must be given: why the task is erased. It stays in the log; do not put into it what is to be erased")
	}
	if bad != nil {
		return invalids(bad)
	}
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	wait := eraseWait
	if r.Header["Prefer"] != nil {
		wait = preferredWait(r)
		p.Header().Set("Preference-Applied", "wait="+itoa(int64(wait)))
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(wait)*time.Second)
	defer cancel()
	t, err := a.sched().EraseTask(ctx, p.caller.actor(), id, reason)
	switch {
	case errors.Is(err, task.ErrNotEnded):
		return &problem{Status: http.StatusBadRequest, Kind: "not-ended", Detail: "The task has not ended, so nothing was erased. " +
			"Cancel it first with DELETE /api/tasks/" + id.String() + ", or wait until it has ended."}
	case errors.Is(err, scheduler.ErrErasing):
		one, err := a.rowOf(r.Context(), &t, whole)
		if err != nil {
			return err
		}
		p.shows(t.LastSeq)
		return p.sendAs(http.StatusAccepted, typeJSON, appendRow(nil, &one, whole))
	case err != nil:
		return err
	}
	return a.sendTask(p, r, &t, t.LastSeq)
}
