package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"daybook/eventlog"
	"daybook/files"
	"daybook/internal/jsontext"
)

// proof is the last answer of /api/log/verify. turn lets one verification run at a time
// and guards the rest.
type proof struct {
	turn  chan struct{}
	began time.Time
	head  int64
	body  []byte
}

// verify answers GET /api/log/verify: it recomputes every hash, from the first event to
// the head, and looks at every payload and every file. It reads the disk each time; those
// who asked before a verification began share its answer.
func (a *API) verify(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := a.waiting(p, r)
	defer cancel()
	_ = http.NewResponseController(p.ResponseWriter).SetReadDeadline(time.Time{})
	asked := time.Now()
	select {
	case a.proof.turn <- struct{}{}:
		defer func() { <-a.proof.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !a.proof.began.After(asked) {
		began, head := time.Now(), a.Log.Head().Seq
		var c check
		if err := c.run(ctx, a, head); err != nil {
			return err
		}
		if !c.ok() {
			a.Logger.Error("there is damage", "whole_up_to", c.Seq, "what", c.damage)
		}
		a.proof.began, a.proof.head, a.proof.body = began, head, c.encode(a.Log.ID(), time.Now())
	}
	p.shows(a.proof.head)
	return p.send(typeJSON, a.proof.body)
}

// check is one verification.
type check struct {
	eventlog.Audit
	files  files.Audit
	damage string // what is wrong; "" = nothing
}

func (c *check) ok() bool { return c.damage == "" }

func (c *check) run(ctx context.Context, a *API, head int64) (err error) {
	if err := a.Log.Refresh(ctx); err != nil {
		return err
	}
	c.Audit, err = eventlog.Verify(ctx, a.Log, head, nil)
	switch {
	case errors.Is(err, eventlog.ErrDamaged):
		c.damage = "the event or payload at seq " + itoa(c.Seq+1) + " does not fit its hash, or is missing"
	case err != nil:
		return err
	case c.Seq < head:
		c.damage = "the log ends before its head"
	}
	if c.files, err = a.Files.Verify(ctx, nil); err != nil {
		return err
	}
	if more := c.files.Damage(); more != "" {
		if c.damage != "" {
			c.damage += "; "
		}
		c.damage += more
	}
	return nil
}

func (c *check) encode(logID string, at time.Time) []byte {
	var w jsontext.Writer
	w.Object()
	w.Key("ok").Bool(c.ok())
	w.Key("log_id").String(logID)
	w.Key("events").Int(c.Seq)
	w.Key("hash").Hex(c.Hash[:])
	w.Key("payloads").Int(c.Payloads)
	w.Key("erased").Int(c.Erased)
	w.Key("files").Int(c.files.Files)
	w.Key("damaged_files").Array()
	for _, info := range c.files.Damaged[:min(len(c.files.Damaged), mostErrors)] {
		w.Item().Object()
		w.Key("id").String(info.ID)
		w.Key("name").String(info.Name)
		w.EndObject()
	}
	w.EndArray()
	w.Key("verified_at").Time(at.UnixMicro())
	w.Key("detail").OptionalString(c.damage)
	w.EndObject()
	return w
}
