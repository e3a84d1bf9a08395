package scheduler

import (
	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

// entry is an eventlog.Entry in the making: a stretch of the turn's records, appended
// all or none.
type entry struct {
	kind        entryKind
	actor       string
	reserve     bool
	from, to    int  // in turn.records and turn.changes
	first, last int  // in turn.starts or turn.ends
	need        int  // in turn.needs: where those of this entry begin
	apart       bool // nothing joins it
	after       func(error)
}

type entryKind uint8

const (
	single  entryKind = iota // after is called once its outcome is known
	started                  // tasks that start, see turn.starts; grows while it is the last
	reports                  // what attempts report, see turn.ends; grows while it is the last
)

// start is a task that starts.
type start struct {
	node    *node
	started task.Task   // as it starts
	event   *task.Event // that says so
}

// begin puts an entry into the turn, to which add gives events. reserve says that it is
// the end of some work. after may be nil; it is called once the outcome is known and in
// the views.
func (t *turn) begin(actor string, reserve bool, after func(error)) {
	t.entries = append(t.entries, entry{
		kind: single, actor: actor, reserve: reserve, after: after, from: len(t.records), to: len(t.records), need: len(t.needs),
	})
}

// join goes on with the latest entry if it is of that kind, else it begins one. apart begins
// one that nothing else joins.
func (t *turn) join(kind entryKind, reserve, apart bool) {
	if n := len(t.entries); n > 0 && !apart {
		if e := &t.entries[n-1]; e.kind == kind && e.reserve == reserve && !e.apart {
			return
		}
	}
	t.begin(ActorScheduler, reserve, nil)
	e := t.latest()
	e.kind, e.first, e.apart = kind, len(t.starts), apart
	if kind == reports {
		e.first = len(t.ends)
	}
	e.last = e.first
}

// latest is the entry that add gives to.
func (t *turn) latest() *entry { return &t.entries[len(t.entries)-1] }

// starting notes that the latest entry starts a task.
func (t *turn) starting(s start) {
	t.starts = append(t.starts, s)
	t.latest().last = len(t.starts)
}

// ending notes that the latest entry has what the report leads to.
func (t *turn) ending(r report) {
	t.ends = append(t.ends, r)
	t.latest().last = len(t.ends)
}

// addServer takes an event of this server's own stream into the entry.
func (t *turn) addServer(name string, version int64, data []byte) {
	e := t.latest()
	t.seq++
	record := &eventlog.Event{
		At: int64(t.now), Stream: "server:" + t.l.s.boot.String(), Version: version, Type: name, V: 1,
		Actor: e.actor, Data: data,
	}
	t.records = append(t.records, record)
	t.changes = append(t.changes, projection.Change{Event: &task.Event{Seq: t.seq, At: t.now}, Other: record})
	e.to = len(t.records)
}

// seal makes of the entries what the log takes.
func (t *turn) seal() {
	t.out = t.out[:0]
	for i := range t.entries {
		e := &t.entries[i]
		needs := t.needs[e.need:]
		if i+1 < len(t.entries) {
			needs = t.needs[e.need:t.entries[i+1].need]
		}
		records := t.records[e.from:e.to:e.to]
		t.out = append(t.out, eventlog.Entry{
			Events: records, Reserve: e.reserve, Needs: needs,
			Expect: eventlog.NothingAfter(t.base),
		})
	}
}
