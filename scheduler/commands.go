package scheduler

import (
	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// command decides one request from outside.
func (l *loop) command(t *turn, r *request) {
	if _, cancel := r.command.(task.Cancel); l.full() && !cancel {
		r.done <- answer{err: eventlog.ErrFull}
		return
	}
	if r.submits != nil {
		l.submit(t, r)
		return
	}
	l.do(t, r)
}

// do decides a command on one task.
func (l *loop) do(t *turn, r *request) {
	if t.peek(r.id) == nil {
		t.reply(r, answer{err: projection.ErrNotFound})
		return
	}
	decided, refusal := t.decide(r.id, r.command)
	t.size += max(len(decided), 1)
	if refusal != nil || len(decided) == 0 {
		a := answer{err: refusal, tasks: []Submitted{{Task: *t.peek(r.id)}}}
		t.reply(r, a)
		return
	}
	_, cancel := r.command.(task.Cancel)
	e := t.begin(r.actor, cancel)
	last := decided[len(decided)-1:]
	state := *e.add(r.id, decided)
	e.close(func(err error) {
		if err != nil {
			r.done <- answer{err: err}
			return
		}
		state.LastSeq = last[0].Seq
		if state.CancelRequested {
			l.stopHolder(r.id)
		}
		r.done <- answer{tasks: []Submitted{{Task: state}}}
	})
}

// reply answers a request that adds nothing to the log, once what it rests on is on disk.
func (t *turn) reply(r *request, a answer) {
	t.replies = append(t.replies, func(err error) {
		if err != nil {
			a = answer{err: err}
		}
		r.done <- a
	})
}

// submit decides a batch of submits, all or none.
func (l *loop) submit(t *turn, r *request) {
	answers := make([]Submitted, len(r.submits))
	decided := make([][]task.Event, len(r.submits))
	ids := make([]ulid.ULID, len(r.submits))
	var inBatch map[string]int // index of the first submit of a key, 1-based
	sameAs := make([]int, len(r.submits))
	for i := range r.submits {
		c := &r.submits[i]
		if c.IdempotencyKey != "" {
			first, hash := t.byKey(c.IdempotencyKey), [32]byte{}
			if first != nil {
				hash = first.RequestHash
				answers[i] = Submitted{Task: *first, Replayed: true}
			} else if k := inBatch[c.IdempotencyKey]; k > 0 {
				hash = r.submits[k-1].RequestHash
				answers[i].Replayed, sameAs[i] = true, k
			}
			if answers[i].Replayed && hash != c.RequestHash {
				t.reply(r, answer{err: &BatchError{i, &task.Refusal{Kind: task.ErrKeyReused,
					Detail: "use another key, or send the same request again"}}})
				return
			}
			if answers[i].Replayed {
				continue
			}
			if inBatch == nil {
				inBatch = make(map[string]int)
			}
			inBatch[c.IdempotencyKey] = i + 1
		}
		ids[i] = l.ids.next(t.now)
		events, refusal := task.Decide(&task.Task{}, *c, t.now)
		if refusal != nil {
			t.reply(r, answer{err: &BatchError{i, refusal}})
			return
		}
		decided[i] = events
	}
	l.closeSubmit(t, r, ids, decided, answers, sameAs)
}

// closeSubmit puts a batch that nothing speaks against into the turn.
func (l *loop) closeSubmit(t *turn, r *request, ids []ulid.ULID, decided [][]task.Event, answers []Submitted, sameAs []int) {
	e := t.begin(r.actor, false)
	for i := range decided {
		if decided[i] == nil {
			continue
		}
		state := e.add(ids[i], decided[i])
		answers[i].Task = *state
		if state.IdempotencyKey != "" {
			if t.keys == nil {
				t.keys = make(map[string]*task.Task)
			}
			t.keys[state.IdempotencyKey] = state
		}
	}
	t.size += max(len(e.events), 1)
	if len(e.events) == 0 {
		t.reply(r, answer{tasks: answers})
		return
	}
	e.close(func(err error) {
		if err != nil {
			r.done <- answer{err: err}
			return
		}
		for i := range answers {
			switch {
			case decided[i] != nil:
				answers[i].Task.SubmitSeq = decided[i][0].Seq
				answers[i].Task.LastSeq = decided[i][0].Seq
			case sameAs[i] > 0:
				answers[i].Task = answers[sameAs[i]-1].Task
			}
		}
		r.done <- answer{tasks: answers}
	})
}
