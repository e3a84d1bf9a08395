package api

import (
	"net/http"
	"strings"
	"time"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// changes reads the body of a retry, which may be none.
func (a *API) changes(p *reply, r *http.Request) (c intake.Changes, err error) {
	if c.IdempotencyKey, err = keyOf(r); err != nil || r.ContentLength == 0 || r.Body == nil {
		return c, err
	}
	buffer := borrow()
	defer giveBack(buffer)
	if err := a.readBody(p, r, buffer, maxSubmit); err != nil {
		return c, err
	}
	if len(strings.TrimSpace(string(*buffer))) == 0 {
		return c, nil
	}
	if err := wantJSON(r); err != nil {
		return c, err
	}
	canonical, err := jsontext.Canonical(nil, *buffer, maxDepth+1)
	if err != nil {
		return c, err
	}
	key := c.IdempotencyKey
	c, bad := intake.ReadChanges(canonical)
	if bad != nil {
		return c, invalids(bad)
	}
	c.IdempotencyKey = key
	return c, nil
}

// retryAs retries an ended task as another one, which has these changes and all else of the
// old one.
func (a *API) retryAs(p *reply, r *http.Request, id ulid.ULID, c intake.Changes) error {
	s, err := a.Intake.Retry(r.Context(), id, c, task.MicrosOf(time.Now()))
	if err != nil {
		return err
	}
	if err := p.caller.maySubmit([]task.Submit{s}); err != nil {
		return err
	}
	done, err := a.sched().Submit(r.Context(), p.caller.actor(), []task.Submit{s})
	if err != nil {
		return single(err)
	}
	return a.sendSubmitted(p, r, &s, &done[0], false)
}
