package projection

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// logID is the identity of every log that a ledger writes.
const logID = "01KAV3NC000000000000000000"

// ledger decides commands and keeps what follows, as the scheduler does: one clock, one
// sequence, ids in order, several commands to a batch. It feeds views live and keeps the
// raw events. What it knows of the tasks is its own, so that views can be compared.
type ledger struct {
	tb     testing.TB
	views  *Views
	now    task.Micros
	behind task.Micros // how far the wall clock was set back
	events []*eventlog.Event
	tasks  map[ulid.ULID]*task.Task
	order  []ulid.ULID // of submission
	boot   ulid.ULID
	alone  bool     // wander makes no tasks that depend on others
	ruled  bool     // wander uses concurrency keys, and limits for them
	limits int64    // events of queue:mail
	open   bool     // a batch is being collected
	batch  []Change // not yet applied
}

// noon is 2026-11-24T12:00:00Z.
const noon = task.Micros(1_795_521_600_000_000)

func newLedger(tb testing.TB) *ledger {
	return &ledger{tb: tb, views: New(), now: noon, boot: idOf(noon, 0), tasks: make(map[ulid.ULID]*task.Task)}
}

// idOf makes an id from a time and a number, which stands for the entropy.
func idOf(at task.Micros, n uint64) ulid.ULID {
	var id ulid.ULID
	_ = id.SetTime(uint64(at / 1000))
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	copy(id[6:], sum[:])
	return id
}

// after moves the clock.
func (l *ledger) after(span task.Micros) { l.now += span }

// submit makes a task; it must be allowed.
func (l *ledger) submit(c task.Submit) ulid.ULID {
	l.tb.Helper()
	c.ID = idOf(l.now, uint64(len(l.order)+1))
	if c.Type == "" {
		c.Type = "SLEEP"
	}
	l.do("anonymous", c.ID, c)
	l.order = append(l.order, c.ID)
	return c.ID
}

// start starts an attempt here and returns its fence.
func (l *ledger) start(id ulid.ULID) int64 {
	l.tb.Helper()
	l.do("system:scheduler", id, task.Start{Boot: l.boot})
	return l.tasks[id].Fence()
}

// do carries out a command that must be allowed.
func (l *ledger) do(actor string, id ulid.ULID, command task.Command) {
	l.tb.Helper()
	if err := l.try(actor, id, command); err != nil {
		l.tb.Fatalf("%T refused: %v", command, err)
	}
}

// try carries out a command and returns the refusal. Events that come with it are kept.
func (l *ledger) try(actor string, id ulid.ULID, command task.Command) error {
	l.tb.Helper()
	state := l.tasks[id]
	if state == nil {
		state = new(task.Task)
		l.tasks[id] = state
	}
	events, refusal := task.Decide(state, command, task.Now{Wall: l.now - l.behind, At: l.now, OpenChildren: l.openChildren(id) > 0})
	for i := range events {
		events[i].Actor = actor
		l.batch = append(l.batch, Change{ID: id, Event: l.keep(task.StreamOf(id), &events[i])})
		if err := task.Apply(state, id, &events[i]); err != nil {
			l.tb.Fatal(err)
		}
	}
	if !l.open {
		l.commit()
	}
	return refusal
}

// commit applies the batch.
func (l *ledger) commit() {
	l.tb.Helper()
	if err := l.views.ApplyChanges(l.batch); err != nil {
		l.tb.Fatal(err)
	}
	l.batch, l.open = nil, false
}

// keep appends the event to the log and returns it with its seq.
func (l *ledger) keep(stream string, e *task.Event) *task.Event {
	l.append(&eventlog.Event{
		At: int64(e.At), Stream: stream, Version: e.Version, Type: e.Type.String(),
		V: e.Type.SchemaVersion(), Actor: e.Actor, Data: task.AppendData(nil, e.Type, &e.Data),
		Payload: e.Payload, HasPayload: e.HasPayload,
	})
	e.Seq = int64(len(l.events))
	return e
}

// append gives the raw event its place in the log, its salted hash and its link. The
// salt is made from the seq, so that a story always gives the same bytes.
func (l *ledger) append(raw *eventlog.Event) {
	raw.Seq = int64(len(l.events)) + 1
	if raw.HasPayload {
		salt := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(raw.Seq)))
		raw.PayloadHash = eventlog.PayloadHash(salt[:16], raw.Payload)
	}
	previous := eventlog.FirstHash(logID)
	if raw.Seq > 1 {
		previous = l.events[raw.Seq-2].Hash
	}
	raw.Hash = eventlog.Chain(previous, raw)
	l.events = append(l.events, raw)
}

// limit sets the limits of the queue mail.
func (l *ledger) limit(queue string, limits QueueLimits) {
	l.tb.Helper()
	l.limits++
	l.otherOf("queue:"+queue, "queue.limits_set", l.limits, string(EncodeQueueLimits(limits)))
}

// other appends an event of the server.
func (l *ledger) other(kind string, version int64, data string) {
	l.tb.Helper()
	l.otherOf("server:"+l.boot.String(), kind, version, data)
}

// otherOf appends an event of a stream that is not of a task.
func (l *ledger) otherOf(stream, kind string, version int64, data string) {
	l.tb.Helper()
	raw := &eventlog.Event{
		At: int64(l.now), Stream: stream, Version: version, Type: kind, V: 1,
		Actor: system, Data: []byte(data),
	}
	l.append(raw)
	l.batch = append(l.batch, Change{Event: &task.Event{Seq: raw.Seq, At: l.now}, Other: raw})
	if !l.open {
		l.commit()
	}
}

// refused carries out a command that must be refused for that reason.
func (l *ledger) refused(actor string, id ulid.ULID, command task.Command, kind error) {
	l.tb.Helper()
	if err := l.try(actor, id, command); !errors.Is(err, kind) {
		l.tb.Fatalf("%T gave %v, want %v", command, err, kind)
	}
}
