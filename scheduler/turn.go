package scheduler

import (
	"errors"
	"fmt"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// turn is one round of the loop: what was decided, on an overlay over the turn before
// it, if that is still on its way to the disk, and over the views. So a later command
// sees what an earlier one led to. Nothing of it is real until it has landed.
type turn struct {
	l     *loop
	under *turn       // the one that was being appended when this was opened, until it has landed
	wall  task.Micros // the wall clock
	now   task.Micros // the same, never below the latest event's time

	overlay map[ulid.ULID]*node
	widest  int                    // the most that overlay has held since it was made
	keys    map[string]*node       // by idempotency key
	claims  map[task.Claim][]*node // tasks that have come to hold a unique key
	fresh   line                   // pending tasks of the overlay, for dispatch
	stored  storedLine             // those of the views
	nodes   slab[node]             // of overlay
	decided slab[task.Event]       // what the entries say
	light   []eventlog.Event       // records that are not used yet, for events without a payload
	heavy   []eventlog.Event       // the same, for events with one: the log lets go of these earlier
	data    []byte                 // room for their data
	starts  []start                // of all entries
	ends    []report               // of all entries
	replies []func(error)          // answers that add nothing to the log
	ended   []ulid.ULID            // tasks that have ended; known once the entries are appended
	base    int64                  // the seq before its first event: provisional, as seq is
	seq     int64                  // of its latest event: right if every entry is appended
	size    int                    // events that commands added

	entries []entry
	needs   []int               // of all entries: the earlier ones that they build on
	records []*eventlog.Event   // of all entries
	changes []projection.Change // one for each record
	out     []eventlog.Entry    // entries as the log takes them
	cold    <-chan fetched      // parameters of starts, read while the turn is appended; may be nil
	waiting []*attempt          // for cold, by their places in starts; nil if none waits

	results []eventlog.Result // of the entries, once they are appended or refused
	exact   bool              // all entries were appended, with the seqs they were decided with
}

// node is a task as a turn leaves it.
type node struct {
	task       task.Task
	stream     string
	submitted  *task.Event // its submission, when the turn has decided that
	parameters []byte      // of its submission, if that was not on disk when the turn looked
	// soft tells that an entry touched it that may not use the reserve: what builds on it
	// may not use it either, so that it cannot outlive it.
	soft bool
	// entry is the latest entry of the turn that touched it, counted from 1.
	entry int
}

const (
	// keptChunks and keptChanges bound what a turn keeps for the next use.
	keptChunks  = 2 * turnEvents / slabSize
	keptChanges = 4 * turnEvents
	// recordSlab is how many records are made at once; a payload of more than heaviest
	// bytes does not share its fate with others.
	recordSlab = 64
	heaviest   = 4 << 10
	// dataSlab is how many bytes are made at once for the data of events.
	dataSlab = 8 << 10
)

// newTurn opens a turn on the one that is being appended or, when none is, on the views.
func (l *loop) newTurn() *turn {
	var t *turn
	if n := len(l.spare); n > 0 {
		t, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		t = &turn{l: l, overlay: make(map[ulid.ULID]*node)}
	}
	t.base, t.now = l.head, l.lastAt
	if l.appending != nil {
		t.under = l.appending
		t.base, t.now = t.under.seq, t.under.now
	}
	t.seq, t.exact = t.base, true
	t.tick()
	return t
}

// tick lets the turn know what time it is.
func (t *turn) tick() {
	now := t.l.now(t.now)
	t.wall, t.now = now.Wall, now.At
}

// recycle keeps the turn's memory for the next one.
func (l *loop) recycle(t *turn) {
	t.stored.close()
	t.widest = max(t.widest, len(t.overlay))
	if len(t.overlay)*8 < t.widest { // clearing a wide map takes long
		t.overlay, t.widest = make(map[ulid.ULID]*node), 0
	} else {
		clear(t.overlay)
	}
	clear(t.keys)
	clear(t.claims)
	t.nodes.reset(keptChunks)
	t.decided.reset(keptChunks)
	t.fresh = emptied(t.fresh)
	t.starts, t.ends = emptied(t.starts), emptied(t.ends)
	t.replies, t.ended, t.entries, t.out = emptied(t.replies), emptied(t.ended), emptied(t.entries), emptied(t.out)
	t.records, t.changes, t.needs = emptied(t.records), emptied(t.changes), emptied(t.needs)
	t.under, t.size, t.cold, t.waiting = nil, 0, nil, nil
	t.results = nil
	l.spare = append(l.spare, t)
}

// emptied returns the slice without its values, and without its memory if that is long.
func emptied[S ~[]T, T any](s S) S {
	if cap(s) > keptChanges {
		return nil
	}
	clear(s)
	return s[:0]
}

// over returns what the turn, or else those it rests on, have made of the task; nil if
// none has touched it.
func (t *turn) over(id ulid.ULID) *node {
	for ; t != nil; t = t.under {
		if n := t.overlay[id]; n != nil {
			return n
		}
	}
	return nil
}

// peek returns the task as the turn leaves it so far, nil if there is none. It is not
// to be changed.
func (t *turn) peek(id ulid.ULID) *task.Task {
	if n := t.over(id); n != nil {
		return &n.task
	}
	return t.l.stored(t.l.s.o.Views.Find(id))
}

// byKey returns the task submitted with the key, nil if there is none.
func (t *turn) byKey(key string) *task.Task {
	for over := t; over != nil; over = over.under {
		if n := over.keys[key]; n != nil {
			return t.peek(n.task.ID)
		}
	}
	state := t.l.stored(t.l.s.o.Views.FindByKey(key))
	if state == nil {
		return nil
	}
	if n := t.over(state.ID); n != nil {
		return &n.task
	}
	return state
}

// stored returns a task of the views. What the views cannot tell for now refuses the command
// that asked; any other error ends the scheduler before anything that was decided without the
// task is appended.
func (l *loop) stored(state *task.Task, err error) *task.Task {
	if errors.Is(err, projection.ErrRebuilding) {
		l.untold = err
		return nil
	}
	if err != nil && l.broken == nil {
		l.broken = fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
	}
	return state
}

// own returns the turn's own copy of the task, which stands as peek says.
func (t *turn) own(id ulid.ULID, state *task.Task) *node {
	n := t.over(id)
	if n != nil && n == t.overlay[id] {
		return n
	}
	mine := t.nodes.one()
	mine.task = *state
	if n != nil {
		mine.stream, mine.parameters = n.stream, n.parameters
	}
	t.overlay[id] = mine
	return mine
}

// soft tells whether what builds on the task in this turn may not use the reserve.
func (t *turn) soft(id ulid.ULID) bool {
	n := t.overlay[id]
	return n != nil && n.soft
}

// ownNew returns the turn's own copy of a task that does not exist yet.
func (t *turn) ownNew(id ulid.ULID) *node {
	n := t.nodes.one()
	t.overlay[id] = n
	return n
}

// decideOn decides one command in a state, nil for that of a task that is not there. What
// it returns lives as long as the turn.
func (t *turn) decideOn(state *task.Task, c task.Command) ([]task.Event, error) {
	if state == nil {
		state = &none
	}
	return task.AppendDecision(t.decided.run(1), state, c, task.Now{Wall: t.wall, At: t.now})
}

// none is the state of a task before its first event.
var none task.Task

// add takes decided events of one task into the latest entry.
func (t *turn) add(n *node, id ulid.ULID, decided []task.Event) {
	e := t.latest()
	if n.entry != len(t.entries) {
		if n.entry > 0 {
			t.needs = append(t.needs, n.entry-1)
		}
		n.entry = len(t.entries)
	}
	if n.stream == "" {
		n.stream = task.StreamOf(id)
	}
	for i := range decided {
		d := &decided[i]
		t.seq++
		d.Seq, d.Actor = t.seq, e.actor
		if err := task.Apply(&n.task, id, d); err != nil {
			panic(fmt.Sprintf("scheduler: decided what cannot follow: %v", err))
		}
		if d.Type == task.EventSubmitted {
			n.submitted, n.parameters = d, d.Payload
		}
		if d.Type == task.EventSubmitted || d.Type == task.EventRetried {
			t.claim(n)
		}
		r := t.record(d.Payload)
		r.At, r.Stream, r.Version, r.Type, r.V = int64(d.At), n.stream, d.Version, d.Type.String(), d.Type.SchemaVersion()
		r.Actor, r.Data, r.Payload, r.HasPayload = e.actor, t.encode(d), d.Payload, d.HasPayload
		t.records = append(t.records, r)
		t.changes = append(t.changes, projection.Change{ID: id, Event: d})
	}
	e.to = len(t.records)
	n.soft = n.soft || !e.reserve
	if n.task.Status == task.Pending && n.task.Due(t.wall) {
		t.fresh.push(n)
	}
}

// record returns a record at zero for an event with such a payload. The log keeps it: its
// memory is never used again.
func (t *turn) record(payload []byte) *eventlog.Event {
	from := &t.light
	switch {
	case len(payload) > heaviest:
		return new(eventlog.Event)
	case payload != nil:
		from = &t.heavy
	}
	if len(*from) == 0 {
		*from = make([]eventlog.Event, recordSlab)
	}
	r := &(*from)[0]
	*from = (*from)[1:]
	return r
}

// encode returns the event's data. The log keeps it.
func (t *turn) encode(d *task.Event) []byte {
	if cap(t.data)-len(t.data) < dataSlab/8 {
		t.data = make([]byte, 0, dataSlab)
	}
	mark := len(t.data)
	t.data = task.AppendData(t.data, d.Type, &d.Data)
	return t.data[mark:len(t.data):len(t.data)]
}
