package scheduler

import (
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// turn is one round of the loop: what was decided, on an overlay over the views, so
// that a later command sees what an earlier one led to. Nothing of it is real until
// commit.
type turn struct {
	l    *loop
	wall task.Micros // the wall clock
	now  task.Micros // the same, never below the latest event's time

	overlay map[ulid.ULID]*task.Task
	fresh   []*task.Task // pending tasks of the overlay, for dispatch
	keys    map[string]*task.Task
	// soft are the tasks touched by an entry that may not use the reserve: what builds on
	// them may not use it either, so that it cannot outlive them.
	soft map[ulid.ULID]bool

	entries []eventlog.Entry
	work    []work // one for each entry
	replies []func(error)
	ended   []ulid.ULID // tasks that have ended; known once the entries are appended
	seq     int64       // provisional: right if every entry is appended
	size    int         // events that commands added
	data    []byte
}

// work is what an entry means.
type work struct {
	changes []projection.Change
	after   func(error) // called once the entry's outcome is known and in the views
}

func (l *loop) newTurn() *turn {
	wall := task.MicrosOf(time.Now())
	return &turn{
		l: l, wall: wall, now: max(wall, l.lastAt), seq: l.head,
		overlay: make(map[ulid.ULID]*task.Task),
	}
}

// peek returns the task as the turn leaves it so far, nil if there is none. It is not
// to be changed.
func (t *turn) peek(id ulid.ULID) *task.Task {
	if state, ok := t.overlay[id]; ok {
		return state
	}
	return t.l.s.o.Views.Peek(id)
}

// byKey returns the task submitted with the key, nil if there is none.
func (t *turn) byKey(key string) *task.Task {
	if state, ok := t.keys[key]; ok {
		return state
	}
	if state := t.l.s.o.Views.ByKey(key); state != nil {
		return t.peek(state.ID)
	}
	return nil
}

// decide decides one command on the task as the turn leaves it so far.
func (t *turn) decide(id ulid.ULID, c task.Command) ([]task.Event, error) {
	state := t.peek(id)
	if state == nil {
		state = &task.Task{}
	}
	return task.Decide(state, c, t.now)
}

// entry is an eventlog.Entry in the making.
type entry struct {
	t       *turn
	actor   string
	events  []*eventlog.Event
	changes []projection.Change
	reserve bool
}

// begin starts an entry. reserve says that it is the end of some work.
func (t *turn) begin(actor string, reserve bool) *entry {
	return &entry{t: t, actor: actor, reserve: reserve}
}

// add takes decided events of one task into the entry and returns the state they lead to.
func (e *entry) add(id ulid.ULID, decided []task.Event) *task.Task {
	t := e.t
	state := t.own(id, decided[0].Type == task.EventSubmitted)
	e.reserve = e.reserve && !t.soft[id]
	stream := task.StreamOf(id)
	records := make([]eventlog.Event, len(decided))
	for i := range decided {
		d := &decided[i]
		t.seq++
		d.Seq, d.Actor = t.seq, e.actor
		if err := task.Apply(state, id, d); err != nil {
			panic(fmt.Sprintf("scheduler: decided what cannot follow: %v", err))
		}
		mark := len(t.data)
		t.data = task.AppendData(t.data, d.Type, &d.Data)
		records[i] = eventlog.Event{
			At: int64(d.At), Stream: stream, Version: d.Version, Type: d.Type.String(), V: d.Type.SchemaVersion(),
			Actor: e.actor, Data: t.data[mark:len(t.data):len(t.data)], Payload: d.Payload, HasPayload: d.HasPayload,
		}
		e.events = append(e.events, &records[i])
		e.changes = append(e.changes, projection.Change{ID: id, Event: d})
	}
	if state.Status == task.Pending && state.DueAt <= t.wall {
		t.fresh = append(t.fresh, state)
	}
	return state
}

// own returns the turn's own copy of the task; new tells that there is none yet anywhere.
func (t *turn) own(id ulid.ULID, new bool) *task.Task {
	if state := t.overlay[id]; state != nil {
		return state
	}
	state := &task.Task{}
	if !new {
		*state = *t.l.s.o.Views.Peek(id)
	}
	t.overlay[id] = state
	return state
}

// addServer takes an event of this server's own stream into the entry.
func (e *entry) addServer(name string, data []byte) {
	t := e.t
	t.seq++
	t.l.serverV++
	e.events = append(e.events, &eventlog.Event{
		At: int64(t.now), Stream: "server:" + t.l.s.boot.String(), Version: t.l.serverV, Type: name, V: 1,
		Actor: ActorScheduler, Data: data,
	})
	e.changes = append(e.changes, projection.Change{Event: &task.Event{Seq: t.seq, At: t.now}})
}

// close puts the entry into the turn. after is called once its outcome is known.
func (e *entry) close(after func(error)) {
	t := e.t
	if !e.reserve {
		if t.soft == nil {
			t.soft = make(map[ulid.ULID]bool)
		}
		for _, c := range e.changes {
			t.soft[c.ID] = true
		}
	}
	t.entries = append(t.entries, eventlog.Entry{
		Events: e.events, Reserve: e.reserve,
		Expect: eventlog.Expect{Scope: e.events[0].Stream, LastSeq: t.l.head},
	})
	t.work = append(t.work, work{changes: e.changes, after: after})
}

// check says whether the results are ones the scheduler can go on with: appended, or
// refused for lack of room with all that builds on it.
func (t *turn) check(results []eventlog.Result) error {
	lost := make(map[ulid.ULID]bool)
	for i, r := range results {
		if r.Err != nil && !errors.Is(r.Err, eventlog.ErrFull) {
			return fmt.Errorf("append: %w", r.Err)
		}
		for _, c := range t.work[i].changes {
			if r.Err == nil && lost[c.ID] && c.Event.Type != 0 {
				return fmt.Errorf("%w: an event was appended without the one before it", eventlog.ErrUnknown)
			}
			if r.Err != nil {
				lost[c.ID] = true
			}
		}
	}
	return nil
}

// applied lists the changes that are on disk, with the seqs the log gave them, and
// remembers the payloads that are likely to be asked for and the tasks that have ended.
func (t *turn) applied(results []eventlog.Result) []projection.Change {
	var changes []projection.Change
	for i, r := range results {
		if r.Err != nil {
			continue
		}
		for k, c := range t.work[i].changes {
			record := t.entries[i].Events[k]
			c.Event.Seq = record.Seq
			if record.Payload != nil && c.Event.Type != task.EventSucceeded {
				t.l.s.o.Payloads.Put(record.Seq, record.Payload)
			}
			switch c.Event.Type {
			case task.EventSucceeded, task.EventFailed, task.EventCancelled:
				t.ended = append(t.ended, c.ID)
			}
			changes = append(changes, c)
		}
	}
	return changes
}

// firstError is what a reply gets that has no entry but rests on those of the turn.
func (t *turn) firstError(results []eventlog.Result) error {
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}
