package api

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"daybook/eventlog"
)

// proof is the last answer of /api/log/verify. turn lets one verification run at a time
// and guards the rest.
type proof struct {
	turn chan struct{}
	head eventlog.Head
	body []byte // nil = none yet
}

// verify answers GET /api/log/verify: it recomputes every hash, from the first event to
// the head, and looks at every payload. The answer is kept until the head moves.
func (a *API) verify(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := a.waiting(r)
	defer cancel()
	_ = http.NewResponseController(p.ResponseWriter).SetReadDeadline(time.Time{})
	select {
	case a.proof.turn <- struct{}{}:
		defer func() { <-a.proof.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	head := a.Log.Head()
	if a.proof.body == nil || a.proof.head != head {
		var c check
		if err := c.run(ctx, a.Log, head.Seq); err != nil {
			return err
		}
		a.proof.head, a.proof.body = head, c.encode(a.Log.ID(), time.Now())
		if !c.ok() {
			a.proof.head = eventlog.Head{Seq: -1} // a damage is looked at afresh each time
			a.Logger.Error("log is damaged", "after", c.Seq, "what", c.damage)
		}
	}
	p.shows(head.Seq)
	return p.send(typeJSON, a.proof.body)
}

// check is one verification.
type check struct {
	eventlog.Audit
	damage string // what is wrong after Audit.Seq; "" = nothing
}

func (c *check) ok() bool { return c.damage == "" }

func (c *check) run(ctx context.Context, log eventlog.Log, head int64) (err error) {
	c.Audit, err = eventlog.Verify(ctx, log, head, nil)
	switch {
	case errors.Is(err, eventlog.ErrDamaged):
		c.damage = "the event or payload at seq " + itoa(c.Seq+1) + " does not fit its hash, or is missing"
		return nil
	case err == nil && c.Seq < head:
		c.damage = "the log ends before its head"
	}
	return err
}

func (c *check) encode(logID string, at time.Time) []byte {
	b := append([]byte(nil), `{"ok":`...)
	if c.ok() {
		b = append(b, "true"...)
	} else {
		b = append(b, "false"...)
	}
	b = append(b, `,"log_id":`...)
	b = appendText(b, logID)
	b = append(b, `,"events":`...)
	b = append(b, itoa(c.Seq)...)
	b = append(b, `,"hash":"`...)
	b = hex.AppendEncode(b, c.Hash[:])
	b = append(b, `","payloads":`...)
	b = append(b, itoa(c.Payloads)...)
	b = append(b, `,"erased":`...)
	b = append(b, itoa(c.Erased)...)
	b = append(b, `,"verified_at":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = append(b, `","detail":`...)
	b = appendOptional(b, c.damage)
	return append(b, '}')
}
