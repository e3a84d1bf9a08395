package scheduler

import (
	"fmt"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// round is what the loop decides and appends together. It is decided on the round below, if that
// is being appended, and on the views, so that a later command sees what an earlier one led to.
// Nothing of it is real until the log has it.
type round struct {
	l      *loop
	number int64       // rounds are counted from 1
	wall   task.Micros // the wall clock
	now    task.Micros // the same, never below the time of the latest event
	base   int64       // the seq before its first event: right once the round below is appended
	seq    int64       // of its latest event: right if every entry is appended
	size   int         // events that commands added

	overlay               // tasks as decided so far
	draft                 // entries to append
	memory                // for events
	stored  storedLine    // ready tasks of the views
	replies []func(error) // answers that append nothing, but depend on what is appended
	fetch   fetch         // parameters of the tasks that it starts

	results []eventlog.Result // of the entries, once they are appended or refused
	exact   bool              // all entries were appended, with the seqs they were decided with
	ended   []ulid.ULID       // tasks that have ended; known once the entries are appended
	stops   []ulid.ULID       // running tasks that were asked to stop; known then too

	// cancelledIn is, by workflow and by the task that is the cause, which tasks were cancelled for it; what the round itself cancels so comes before it is asked.
	cancelledIn map[ulid.ULID]map[ulid.ULID][]ulid.ULID
}

// newRound opens a round on the one that is being appended or, when none is, on the views.
func (l *loop) newRound() *round {
	var rd *round
	if n := len(l.spare); n > 0 {
		rd, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		rd = &round{l: l, overlay: overlay{views: &l.views, tasks: make(map[ulid.ULID]*node)}}
	}
	l.opens++
	rd.number = l.opens
	rd.base, rd.now = l.head, l.lastAt
	if l.appending != nil {
		rd.below = &l.appending.overlay
		rd.base, rd.now = l.appending.seq, l.appending.now
	}
	rd.seq, rd.exact = rd.base, true
	rd.readClock()
	return rd
}

// readClock sets what time it is for the next decisions.
func (rd *round) readClock() {
	now := rd.l.now(rd.now)
	rd.wall, rd.now = now.Wall, now.At
}

// recycle keeps the memory of the round for the next one.
func (l *loop) recycle(rd *round) {
	rd.stored.close()
	rd.overlay.reset()
	clear(rd.cancelledIn)
	rd.draft.reset()
	rd.decided.reset(keptChunks)
	rd.replies, rd.ended = emptied(rd.replies), emptied(rd.ended)
	rd.fetch, rd.results, rd.size = fetch{}, nil, 0
	l.spare = append(l.spare, rd)
}

// decideOn decides one command in a state, nil for that of a task that is not there. What
// it returns lives as long as the round.
func (rd *round) decideOn(state *task.Task, c task.Command) ([]task.Event, error) {
	if state == nil {
		state = &none
	}
	now := task.Now{Wall: rd.wall, At: rd.now, OpenChildren: state.IsParent() && rd.openChildren(state.ID) > 0}
	return task.AppendDecision(rd.decided.run(1), state, c, now)
}

// none is the state of a task before its first event.
var none task.Task

// add puts decided events of one task into the latest entry.
func (rd *round) add(n *node, id ulid.ULID, decided []task.Event) {
	e := rd.latest()
	if n.entry != len(rd.entries) {
		if n.entry > 0 {
			rd.needs = append(rd.needs, n.entry-1)
		}
		n.entry = len(rd.entries)
	}
	if n.stream == "" {
		n.stream = task.StreamOf(id)
	}
	wasOpen := isOpen(&n.task)
	for i := range decided {
		d := &decided[i]
		rd.seq++
		d.Seq, d.Actor = rd.seq, e.actor
		if err := task.Apply(&n.task, id, d); err != nil {
			panic(fmt.Sprintf("scheduler: decided what cannot follow: %v", err))
		}
		if d.Type == task.EventSubmitted {
			n.submitted, n.parameters = d, d.Payload
		}
		if d.Type == task.EventSubmitted || d.Type == task.EventRetried {
			rd.noteClaim(n)
			rd.noteMate(n)
			rd.retried = rd.retried || d.Type == task.EventRetried
		}
		if d.Type == task.EventStepRecorded || d.Type == task.EventStepForgotten {
			rd.noteStep(id, d)
		}
		r := rd.record(d.Payload)
		r.At, r.Stream, r.Version, r.Type = int64(d.At), n.stream, d.Version, d.Type.String()
		r.Data, r.V = rd.encode(d)
		r.Actor, r.Payload, r.HasPayload = e.actor, d.Payload, d.HasPayload
		rd.records = append(rd.records, r)
		rd.changes = append(rd.changes, projection.Change{ID: id, Event: d})
	}
	e.to = len(rd.records)
	if n.task.Kin != nil {
		rd.noteKin(n, wasOpen)
	}
	n.ordinary = n.ordinary || !e.reserve
	if n.task.Status == task.Pending && n.task.Due(rd.wall) && !n.task.HasDependencies() && !rd.l.s.o.Views.StartsFromViews(n.task.Queue) {
		rd.ready.push(n)
	}
}

// addServer puts an event of this server's stream into the latest entry.
func (rd *round) addServer(name string, version int64, data []byte) {
	rd.addOther(&eventlog.Event{Stream: "server:" + rd.l.s.boot.String(), Version: version, Type: name, V: 1, Data: data})
}
