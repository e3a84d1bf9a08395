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

// ledger decides commands on views and keeps what follows, as the scheduler does: one
// clock, one sequence, ids in order. It is both a writer of views and of raw events.
type ledger struct {
	tb     testing.TB
	views  *Views
	now    task.Micros
	events []*eventlog.Event
	ids    uint64
	boot   ulid.ULID
}

// noon is 2026-11-24T12:00:00Z.
const noon = task.Micros(1_795_521_600_000_000)

func newLedger(tb testing.TB) *ledger {
	return &ledger{tb: tb, views: New(), now: noon, boot: idOf(noon, 0)}
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
	l.ids++
	c.ID = idOf(l.now, l.ids)
	if c.Type == "" {
		c.Type = "SLEEP"
	}
	l.do("anonymous", c.ID, c)
	return c.ID
}

// start starts an attempt here and returns its fence.
func (l *ledger) start(id ulid.ULID) int64 {
	l.tb.Helper()
	l.do("system:scheduler", id, task.Start{Boot: l.boot})
	return l.views.Peek(id).Fence
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
	state := l.views.Peek(id)
	if state == nil {
		state = new(task.Task)
	}
	events, refusal := task.Decide(state, command, l.now)
	changes := make([]Change, len(events))
	for i := range events {
		events[i].Actor = actor
		changes[i] = Change{ID: id, Event: l.keep(task.StreamOf(id), &events[i])}
	}
	if err := l.views.ApplyChanges(changes); err != nil {
		l.tb.Fatal(err)
	}
	return refusal
}

// keep appends the event to the log and returns it with its seq.
func (l *ledger) keep(stream string, e *task.Event) *task.Event {
	e.Seq = int64(len(l.events)) + 1
	l.events = append(l.events, &eventlog.Event{
		Seq: e.Seq, At: int64(e.At), Stream: stream, Version: e.Version, Type: e.Type.String(),
		V: e.Type.SchemaVersion(), Actor: e.Actor, Data: task.AppendData(nil, e.Type, &e.Data),
		Payload: e.Payload, HasPayload: e.HasPayload,
	})
	return e
}

// other appends an event that is not of a task.
func (l *ledger) other(stream, kind string, version int64) {
	l.tb.Helper()
	e := &task.Event{Version: version, At: l.now, Actor: "system:server"}
	l.keep(stream, e)
	raw := l.events[len(l.events)-1]
	raw.Type, raw.V, raw.Data = kind, 1, []byte(`{}`)
	if err := l.views.ApplyChanges([]Change{{Event: e}}); err != nil {
		l.tb.Fatal(err)
	}
}

// refused carries out a command that must be refused for that reason.
func (l *ledger) refused(actor string, id ulid.ULID, command task.Command, kind error) {
	l.tb.Helper()
	if err := l.try(actor, id, command); !errors.Is(err, kind) {
		l.tb.Fatalf("%T gave %v, want %v", command, err, kind)
	}
}
