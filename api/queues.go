package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// Limits of queues.
const (
	maxQueueConcurrency = 10_000
	maxQueueRate        = 1e6
	maxQueueDepth       = 1e9
	maxWeight           = 1000
	leastQueueRate      = 1.0 / 86400 // one start a day
	maxReason           = 1000        // bytes of a reason
)

// queues answers GET /api/queues.
func (a *API) queues(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	names, seq := a.Views.QueueNames(), a.Views.Seq()
	var w jsontext.Writer
	w.Array()
	for _, name := range names {
		a.writeQueue(r.Context(), w.Item(), name)
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// queue answers GET /api/queues/{name}. A queue that was never used is one without tasks and limits.
func (a *API) queue(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if !task.ValidName(p.id) {
		return errNoQueue
	}
	return a.sendQueue(p, r)
}

var errNoQueue = notFound("There is no such queue. A name " + task.NameRule + "; GET /api/queues lists the queues.")

func (a *API) sendQueue(p *reply, r *http.Request) error {
	seq := a.Views.Seq()
	var w jsontext.Writer
	a.writeQueue(r.Context(), &w, p.id)
	p.shows(seq)
	return p.send(typeJSON, w)
}

func (a *API) writeQueue(ctx context.Context, w *jsontext.Writer, name string) {
	q := a.Views.QueueState(name)
	pending, running := a.Views.QueueDepth(name)
	ready, oldest := a.Views.QueueReady(name)
	w.Object()
	w.Key("name").String(name)
	w.Key("paused").Bool(q.Paused)
	w.Key("paused_by").OptionalString(q.PausedBy)
	w.Key("paused_at").OptionalTime(int64(q.PausedAt))
	reason := []byte(nil)
	if q.Reason != 0 {
		if body, err := a.Payloads.Get(ctx, q.Reason); err == nil {
			reason = textIn(body, `{"reason":`)
		}
	}
	if reason == nil {
		w.Key("reason").Null()
	} else {
		w.Key("reason").Raw(reason)
	}
	writeLimit(w.Key("concurrency"), int64(q.Limits.Concurrency))
	writeRate(w.Key("rate_per_second"), q.Limits.Rate)
	writeLimit(w.Key("burst"), int64(q.Limits.Burst))
	writeLimit(w.Key("max_depth"), int64(q.Limits.MaxDepth))
	writeKeyLimits(w, &q.Limits)
	w.Key("declared_in").OptionalString(a.queueDeclaredIn(name))
	w.Key("pending").Int(pending)
	w.Key("ready").Int(ready)
	w.Key("running").Int(running)
	if oldest == 0 {
		w.Key("oldest_ready_seconds").Null()
	} else {
		w.Key("oldest_ready_seconds").Seconds(max(time.Now().UnixMicro()-int64(oldest), 0))
	}
	w.EndObject()
}

// writeKeyLimits writes the limits that apply to each concurrency key.
func writeKeyLimits(w *jsontext.Writer, l *projection.QueueLimits) {
	writeLimit(w.Key("key_concurrency"), int64(l.KeyConcurrency))
	writeRate(w.Key("key_rate_per_second"), l.KeyRate)
	writeLimit(w.Key("key_burst"), int64(l.KeyBurst))
	w.Key("fair_keys").Bool(l.FairKeys)
	writeLimit(w.Key("weight"), int64(l.Weight))
}

// writeRate writes a rate, null for none.
func writeRate(w *jsontext.Writer, rate float64) {
	if rate == 0 {
		w.Null()
		return
	}
	w.Float(rate)
}

// writeLimit writes a limit, null for none.
func writeLimit(w *jsontext.Writer, n int64) {
	if n == 0 {
		w.Null()
		return
	}
	w.Int(n)
}

// limitQueue answers PATCH /api/queues/{name}: it sets the limits that are given, and clears those that are null.
func (a *API) limitQueue(p *reply, r *http.Request) error {
	if !task.NewName(p.id) {
		return errNoQueue
	}
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	changes, bad := readLimits(text)
	if bad != nil {
		return invalids(bad)
	}
	if err := mayChange("queue", p.id, a.queueDeclaredIn(p.id)); err != nil {
		return err
	}
	err = a.sched().Record(r.Context(), p.caller.actor(), func() ([]scheduler.Other, error) {
		now := a.Views.QueueState(p.id).Limits
		limits := now
		for _, change := range changes {
			change(&limits)
		}
		if bad := checkLimits(limits); bad != nil {
			return nil, invalids(bad)
		}
		if limits == now {
			return nil, nil
		}
		return a.queueEvent(p.id, "queue.limits_set", projection.EncodeQueueLimits(limits), nil)
	})
	if err != nil {
		return err
	}
	return a.sendQueue(p, r)
}

// readLimits reads an object of limits: what each changes.
func readLimits(text []byte) (changes []func(*projection.QueueLimits), bad []task.FieldError) {
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		change := readLimit(o, key, value)
		if change != nil {
			changes = append(changes, change)
		}
		return change != nil
	})
	return changes, bad
}

// checkLimits lists which limits do not go together.
func checkLimits(l projection.QueueLimits) (bad []task.FieldError) {
	if l.Burst > 1 && l.Rate == 0 {
		bad = append(bad, task.FieldError{Pointer: "/burst", Detail: "needs rate_per_second"})
	}
	if l.KeyBurst > 1 && l.KeyRate == 0 {
		bad = append(bad, task.FieldError{Pointer: "/key_burst", Detail: "needs key_rate_per_second"})
	}
	return bad
}

// rate reads a rate of starts, 0 for null.
func (o object) rate(value []byte) float64 {
	if jsontext.IsNull(value) {
		return 0
	}
	return o.number(value, leastQueueRate, maxQueueRate)
}

// readLimit reads one limit; nil for a field that is none.
func readLimit(o object, key string, value []byte) func(*projection.QueueLimits) {
	null := jsontext.IsNull(value)
	whole := func(most int) int {
		if null {
			return 0
		}
		return o.integer(value, 1, most)
	}
	switch key {
	case "concurrency":
		n := whole(maxQueueConcurrency)
		return func(l *projection.QueueLimits) { l.Concurrency = n }
	case "rate_per_second":
		rate := o.rate(value)
		return func(l *projection.QueueLimits) {
			if l.Rate = rate; rate == 0 {
				l.Burst = 0
			}
		}
	case "burst":
		n := whole(maxQueueConcurrency)
		return func(l *projection.QueueLimits) { l.Burst = n }
	case "max_depth":
		n := whole(maxQueueDepth)
		return func(l *projection.QueueLimits) { l.MaxDepth = n }
	case "key_concurrency":
		n := whole(maxQueueConcurrency)
		return func(l *projection.QueueLimits) { l.KeyConcurrency = n }
	case "key_rate_per_second":
		rate := o.rate(value)
		return func(l *projection.QueueLimits) {
			if l.KeyRate = rate; rate == 0 {
				l.KeyBurst = 0
			}
		}
	case "key_burst":
		n := whole(maxQueueConcurrency)
		return func(l *projection.QueueLimits) { l.KeyBurst = n }
	case "weight":
		n := whole(maxWeight)
		return func(l *projection.QueueLimits) { l.Weight = n }
	case "fair_keys":
		fair := !null && o.yes(value)
		return func(l *projection.QueueLimits) { l.FairKeys = fair }
	}
	return nil
}

// pauseQueue answers POST /api/queues/{name}/pause.
func (a *API) pauseQueue(p *reply, r *http.Request) error {
	if !task.NewName(p.id) {
		return errNoQueue
	}
	text, err := a.optionalObject(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	var reason []byte
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		if key == "reason" && !jsontext.IsNull(value) && o.plainText(value, 0, maxReason) != "" {
			reason = slices.Concat([]byte(`{"reason":`), value, []byte("}"))
		}
		return key == "reason"
	})
	if bad != nil {
		return invalids(bad)
	}
	err = a.sched().Record(r.Context(), p.caller.actor(), func() ([]scheduler.Other, error) {
		if a.Views.QueueState(p.id).Paused {
			return nil, nil
		}
		return a.queueEvent(p.id, "queue.paused", []byte("{}"), reason)
	})
	if err != nil {
		return err
	}
	return a.sendQueue(p, r)
}

// resumeQueue answers POST /api/queues/{name}/resume.
func (a *API) resumeQueue(p *reply, r *http.Request) error {
	if !task.ValidName(p.id) {
		return errNoQueue
	}
	if err := noQuery(r); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	err := a.sched().Record(r.Context(), p.caller.actor(), func() ([]scheduler.Other, error) {
		if !a.Views.QueueState(p.id).Paused {
			return nil, nil
		}
		return a.queueEvent(p.id, "queue.resumed", []byte("{}"), nil)
	})
	if err != nil {
		return err
	}
	return a.sendQueue(p, r)
}

// queueEvent is an event of a queue. At most projection.MaxQueues queues have events.
func (a *API) queueEvent(name, kind string, data, payload []byte) ([]scheduler.Other, error) {
	if states, _ := a.Views.QueueStates(); states[name].Version == 0 && len(states) >= projection.MaxQueues {
		return nil, &problem{Status: http.StatusTooManyRequests, Kind: "queue-full", RetryAfter: 60,
			Detail: "1,000 queues have been paused or given limits; there can be no more."}
	}
	return []scheduler.Other{{Stream: "queue:" + name, Type: kind, V: 1, Data: data, Payload: payload}}, nil
}

// move answers PATCH /api/tasks/{id}: it moves a pending task in the line.
func (a *API) move(p *reply, r *http.Request) error {
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	var c task.Move
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		switch key {
		case "priority":
			n := o.integer(value, -task.MaxPriority, task.MaxPriority)
			c.Priority = &n
		case "run_at":
			var at task.Micros // null = at once
			if !jsontext.IsNull(value) {
				at = o.moment(value)
			}
			c.Until = &at
		default:
			return false
		}
		return true
	})
	if bad == nil && c == (task.Move{}) {
		bad = []task.FieldError{{Pointer: "", Detail: "must have priority, run_at, or both"}}
	}
	if bad != nil {
		return invalids(bad)
	}
	t, err := a.sched().Do(r.Context(), p.caller.actor(), id, c)
	if err != nil {
		return err
	}
	return a.sendTask(p, r, &t, t.LastSeq)
}
