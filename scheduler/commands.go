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

// batch is a request of submits while it is decided. Its slices go by the index of the
// submit.
type batch struct {
	r       *request
	ids     []ulid.ULID
	decided [][]task.Event // nil for a replay
	answers []Submitted
	sameAs  []*Submitted   // for a replay of a submit of the same batch: its answer
	keys    map[string]int // the first submit of each new key
}

// submit decides a batch of submits, all or none.
func (l *loop) submit(t *turn, r *request) {
	n := len(r.submits)
	b := &batch{
		r: r, ids: make([]ulid.ULID, n), decided: make([][]task.Event, n), answers: make([]Submitted, n), sameAs: make([]*Submitted, n),
	}
	for i := range r.submits {
		refusal := t.replay(b, i)
		if refusal == nil && !b.answers[i].Replayed {
			b.ids[i] = l.ids.next(t.now)
			b.decided[i], refusal = task.Decide(&task.Task{}, r.submits[i], t.now)
		}
		if refusal != nil {
			t.reply(r, answer{err: &BatchError{i, refusal}})
			return
		}
	}
	l.closeSubmit(t, b)
}

// replay answers submit i of the batch if its key was used before: for the same request
// with the task, else with a refusal.
func (t *turn) replay(b *batch, i int) error {
	c := &b.r.submits[i]
	if c.IdempotencyKey == "" {
		return nil
	}
	var hash [32]byte
	if first := t.byKey(c.IdempotencyKey); first != nil {
		hash = first.RequestHash
		b.answers[i] = Submitted{Task: *first, Replayed: true}
	} else if k, ok := b.keys[c.IdempotencyKey]; ok {
		hash = b.r.submits[k].RequestHash
		b.answers[i].Replayed, b.sameAs[i] = true, &b.answers[k]
	} else {
		if b.keys == nil {
			b.keys = make(map[string]int)
		}
		b.keys[c.IdempotencyKey] = i
		return nil
	}
	if hash != c.RequestHash {
		return &task.Refusal{Kind: task.ErrKeyReused, Detail: "use another key, or send the same request again"}
	}
	return nil
}

// closeSubmit puts a batch that nothing speaks against into the turn.
func (l *loop) closeSubmit(t *turn, b *batch) {
	e := t.begin(b.r.actor, false)
	for i := range b.decided {
		if b.decided[i] == nil {
			continue
		}
		state := e.add(b.ids[i], b.decided[i])
		b.answers[i].Task = *state
		if state.IdempotencyKey != "" {
			if t.keys == nil {
				t.keys = make(map[string]*task.Task)
			}
			t.keys[state.IdempotencyKey] = state
		}
	}
	t.size += max(len(e.events), 1)
	if len(e.events) == 0 {
		t.reply(b.r, answer{tasks: b.answers})
		return
	}
	e.close(func(err error) {
		if err != nil {
			b.r.done <- answer{err: err}
			return
		}
		for i := range b.answers {
			switch {
			case b.decided[i] != nil:
				b.answers[i].Task.SubmitSeq = b.decided[i][0].Seq
				b.answers[i].Task.LastSeq = b.decided[i][0].Seq
			case b.sameAs[i] != nil:
				b.answers[i].Task = b.sameAs[i].Task
			}
		}
		b.r.done <- answer{tasks: b.answers}
	})
}
