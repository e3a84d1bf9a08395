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
		c := check{log: a.Log}
		if err := c.run(ctx, head.Seq); err != nil {
			return err
		}
		a.proof.head, a.proof.body = head, c.encode(a.Log.ID(), time.Now())
		if !c.ok() {
			a.proof.head = eventlog.Head{Seq: -1} // a damage is looked at afresh each time
			a.Logger.Error("log is damaged", "after", c.seq, "what", c.damage)
		}
	}
	p.shows(head.Seq)
	return p.send(typeJSON, a.proof.body)
}

// check is one verification.
type check struct {
	log      eventlog.Log
	seq      int64 // the last event that is as it should be
	hash     eventlog.Hash
	payloads int64 // that fit their hash
	erased   int64
	damage   string // what is wrong after seq; "" = nothing
}

func (c *check) ok() bool { return c.damage == "" }

var errHead = errors.New("the head that was wanted is reached")

func (c *check) run(ctx context.Context, head int64) error {
	if head == 0 {
		return nil
	}
	err := c.log.Scan(ctx, 0, func(e *eventlog.Event) error {
		if e.HasPayload {
			if err := c.payload(ctx, e.Seq); err != nil {
				return err
			}
		}
		c.seq, c.hash = e.Seq, e.Hash
		if e.Seq == head {
			return errHead
		}
		return nil
	})
	switch {
	case errors.Is(err, errHead):
		return nil
	case errors.Is(err, eventlog.ErrDamaged):
		c.damage = "the event or payload at seq " + itoa(c.seq+1) + " does not fit its hash, or is missing"
		return nil
	case err == nil:
		c.damage = "the log ends before its head"
		return nil
	}
	return err
}

func (c *check) payload(ctx context.Context, seq int64) error {
	_, err := c.log.Payload(ctx, seq)
	switch {
	case err == nil:
		c.payloads++
	case errors.Is(err, eventlog.ErrErased):
		c.erased++
	default:
		return err
	}
	return nil
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
	b = append(b, itoa(c.seq)...)
	b = append(b, `,"hash":"`...)
	b = hex.AppendEncode(b, c.hash[:])
	b = append(b, `","payloads":`...)
	b = append(b, itoa(c.payloads)...)
	b = append(b, `,"erased":`...)
	b = append(b, itoa(c.erased)...)
	b = append(b, `,"verified_at":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = append(b, `","detail":`...)
	b = appendOptional(b, c.damage)
	return append(b, '}')
}
