package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"daybook/eventlog"
)

const start = 1_795_521_600_000_000 // 2026-11-24T12:00:00Z

// event returns a valid event, the n-th of its stream.
func event(stream string, n int64) *eventlog.Event {
	return &eventlog.Event{
		At: start + n, Stream: stream, Version: n, Type: "task.progressed", V: 1, Actor: "system:scheduler",
		Data: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func entry(events ...*eventlog.Event) eventlog.Entry { return eventlog.Entry{Events: events} }

// add appends one entry and wants it taken.
func add(t *testing.T, log eventlog.Log, events ...*eventlog.Event) eventlog.Result {
	t.Helper()
	results := log.Append(t.Context(), []eventlog.Entry{entry(events...)})
	if len(results) != 1 || results[0].Err != nil {
		t.Fatalf("append: %+v", results)
	}
	return results[0]
}

// all returns every event, having checked the chain from the first on.
func all(t *testing.T, log eventlog.Log) []*eventlog.Event {
	t.Helper()
	var events []*eventlog.Event
	prev := eventlog.FirstHash(log.ID())
	var after int64
	for head := log.Head(); after < head.Seq; {
		page, err := log.Read(t.Context(), after, eventlog.Filter{}, 777)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if e.Seq != after+1 {
				t.Fatalf("event %d comes after %d", e.Seq, after)
			}
			if prev = eventlog.Chain(prev, e); prev != e.Hash {
				t.Fatalf("event %d does not follow from the one before", e.Seq)
			}
			after = e.Seq
			events = append(events, e)
		}
		if page.Scanned != after {
			t.Fatalf("scanned %d after event %d without a filter", page.Scanned, after)
		}
	}
	if prev != log.Head().Hash {
		t.Fatalf("the head's hash is not that of the last event")
	}
	return events
}

// same reports whether two events are equal in all that a log keeps.
func same(a, b *eventlog.Event) bool {
	return a.Seq == b.Seq && a.At == b.At && a.Stream == b.Stream && a.Version == b.Version && a.Type == b.Type &&
		a.V == b.V && a.Actor == b.Actor && string(a.Data) == string(b.Data) && a.HasPayload == b.HasPayload &&
		a.PayloadHash == b.PayloadHash && a.Hash == b.Hash
}

func testEmpty(t *testing.T, open Open) {
	log, _ := open(t)
	if len(log.ID()) != 26 {
		t.Errorf("id %q is not a ULID", log.ID())
	}
	want := eventlog.Head{Hash: eventlog.FirstHash(log.ID())}
	if log.Head() != want {
		t.Errorf("head %+v, want %+v", log.Head(), want)
	}
	page, err := log.Read(t.Context(), 0, eventlog.Filter{}, 10)
	if err != nil || len(page.Events) != 0 || page.Scanned != 0 || page.Head != 0 {
		t.Errorf("read: %+v, %v", page, err)
	}
	if err := log.Scan(t.Context(), 0, func(*eventlog.Event) error { return errors.New("an event") }); err != nil {
		t.Errorf("scan: %v", err)
	}
	if results := log.Append(t.Context(), nil); len(results) != 0 {
		t.Errorf("append of nothing: %+v", results)
	}
}

func testOrder(t *testing.T, open Open) {
	log, _ := open(t)
	results := log.Append(t.Context(), []eventlog.Entry{
		entry(event("task:a", 1), event("task:a", 2)),
		entry(event("task:b", 3)),
		entry(event("task:a", 4), event("task:c", 5), event("task:c", 6)),
	})
	want := []eventlog.Result{{First: 1, Last: 2}, {First: 3, Last: 3}, {First: 4, Last: 6}}
	for i := range want {
		if results[i] != want[i] {
			t.Errorf("result %d: %+v, want %+v", i, results[i], want[i])
		}
	}
	if r := add(t, log, event("task:b", 7)); r.First != 7 || r.Last != 7 {
		t.Errorf("next append: %+v", r)
	}
	for i, e := range all(t, log) {
		if e.Version != int64(i+1) {
			t.Errorf("event %d was appended as number %d", e.Seq, e.Version)
		}
	}
	if log.Head().At != start+7 {
		t.Errorf("head's time %d", log.Head().At)
	}
}

func testInPlace(t *testing.T, open Open) {
	log, _ := open(t)
	plain, loaded := event("task:a", 1), event("task:a", 2)
	loaded.Payload = []byte(`{"text":"hello"}`)
	add(t, log, plain, loaded)
	if plain.HasPayload || plain.PayloadHash != (eventlog.Hash{}) || !loaded.HasPayload || loaded.PayloadHash == (eventlog.Hash{}) {
		t.Errorf("payload fields: %v %x, %v %x", plain.HasPayload, plain.PayloadHash, loaded.HasPayload, loaded.PayloadHash)
	}
	for i, stored := range all(t, log) {
		if mine := []*eventlog.Event{plain, loaded}[i]; !same(mine, stored) {
			t.Errorf("the caller has %+v, the log %+v", mine, stored)
		}
		if stored.Payload != nil {
			t.Errorf("read filled the payload of event %d", stored.Seq)
		}
	}
}

func testInvalid(t *testing.T, open Open) {
	log, _ := open(t)
	for name, spoil := range map[string]func(*eventlog.Event){
		"no stream":             func(e *eventlog.Event) { e.Stream = "" },
		"no type":               func(e *eventlog.Event) { e.Type = "" },
		"no actor":              func(e *eventlog.Event) { e.Actor = "" },
		"a stream too long":     func(e *eventlog.Event) { e.Stream = strings.Repeat("s", 257) },
		"a stream not UTF-8":    func(e *eventlog.Event) { e.Stream = "task:\xff" },
		"an actor with NUL":     func(e *eventlog.Event) { e.Actor = "a\x00b" },
		"a type of two lines":   func(e *eventlog.Event) { e.Type = "a\nb" },
		"version 0":             func(e *eventlog.Event) { e.Version = 0 },
		"schema version 0":      func(e *eventlog.Event) { e.V = 0 },
		"a time before 1970":    func(e *eventlog.Event) { e.At = -1 },
		"no data":               func(e *eventlog.Event) { e.Data = nil },
		"data of another kind":  func(e *eventlog.Event) { e.Data = []byte("[]") },
		"data not UTF-8":        func(e *eventlog.Event) { e.Data = []byte("{\"a\":\"\xc3\"}") },
		"data of two lines":     func(e *eventlog.Event) { e.Data = []byte("{\n}") },
		"data too large":        func(e *eventlog.Event) { e.Data = []byte(`{"a":"` + strings.Repeat("x", 1<<20) + `"}`) },
		"an empty payload":      func(e *eventlog.Event) { e.Payload = []byte{} },
		"a payload not UTF-8":   func(e *eventlog.Event) { e.Payload = []byte("\"\xff\"") },
		"a time before another": func(e *eventlog.Event) { e.At = 0 },
	} {
		bad := event("task:bad", 2)
		spoil(bad)
		first := log.Head().Seq + 1
		good, after := event("task:good", 1), event("task:good", 3)
		results := log.Append(t.Context(), []eventlog.Entry{
			entry(good), entry(event("task:bad", 2), bad, event("task:bad", 3)), {}, {Events: []*eventlog.Event{nil}}, entry(after),
		})
		for _, i := range []int{1, 2, 3} {
			if !errors.Is(results[i].Err, eventlog.ErrInvalid) {
				t.Errorf("%s: result %d is %+v", name, i, results[i])
			}
		}
		if results[0] != (eventlog.Result{First: first, Last: first}) || results[4] != (eventlog.Result{First: first + 1, Last: first + 1}) {
			t.Errorf("%s: the good entries got %+v and %+v", name, results[0], results[4])
		}
		if bad.Seq != 0 || bad.Hash != (eventlog.Hash{}) {
			t.Errorf("%s: the refused event was numbered", name)
		}
		log, _ = open(t)
	}
}

func testTime(t *testing.T, open Open) {
	log, reopen := open(t)
	add(t, log, event("task:a", 5))
	for range 2 {
		results := log.Append(t.Context(), []eventlog.Entry{entry(event("task:a", 4)), entry(event("task:a", 5))})
		if !errors.Is(results[0].Err, eventlog.ErrInvalid) || results[1].Err != nil {
			t.Errorf("an event before the head got %v, one at its time %v", results[0].Err, results[1].Err)
		}
		log = reopen()
	}
	if results := log.Append(t.Context(), []eventlog.Entry{entry(event("task:a", 7), event("task:a", 6))}); !errors.Is(results[0].Err, eventlog.ErrInvalid) {
		t.Errorf("an entry that goes back in time got %+v", results[0])
	}
	if n := log.Head().Seq; n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

func testConflict(t *testing.T, open Open) {
	log, reopen := open(t)
	for n := range int64(2) {
		add(t, log, event("task:a", n+1))
	}
	guarded := func(last int64, events ...*eventlog.Event) eventlog.Entry {
		return eventlog.Entry{Events: events, Expect: eventlog.NothingAfter(last)}
	}
	for range 2 {
		head := log.Head().Seq
		n := head + 1
		late := []*eventlog.Event{event("task:a", n), event("task:b", n)}
		results := log.Append(t.Context(), []eventlog.Entry{
			guarded(head-1, late...),          // whatever its streams are
			entry(event("task:a", n)),         // it has no guard
			guarded(head, event("task:c", n)), // the one before is of the same call
			guarded(0, event("task:d", n)),
			guarded(head+99, event("task:a", n)),
		})
		want := []eventlog.Result{{}, {First: head + 1, Last: head + 1}, {First: head + 2, Last: head + 2}, {}, {First: head + 3, Last: head + 3}}
		for i, r := range results {
			if conflict := want[i] == (eventlog.Result{}); conflict != errors.Is(r.Err, eventlog.ErrConflict) || !conflict && r != want[i] {
				t.Errorf("entry %d after event %d: %+v, want %+v", i, head, r, want[i])
			}
		}
		if late[0].Seq != 0 || late[1].Hash != (eventlog.Hash{}) {
			t.Error("the refused events were numbered")
		}
		log = reopen()
	}
}

// An entry that the log has moved past is told so, even if it could not be appended anyway: its
// time may be before that of the new events.
func testConflictFirst(t *testing.T, open Open) {
	log, _ := open(t)
	add(t, log, event("task:a", 9))
	old := entry(event("task:b", 1)) // earlier than the event that is there
	old.Expect = eventlog.NothingAfter(0)
	if r := log.Append(t.Context(), []eventlog.Entry{old}); !errors.Is(r[0].Err, eventlog.ErrConflict) {
		t.Errorf("got %+v", r[0])
	}
}

func testOwnCall(t *testing.T, open Open) {
	log, _ := open(t)
	add(t, log, event("task:a", 1))
	var entries []eventlog.Entry
	for n := range int64(5) {
		e := entry(event("task:a", n+2))
		e.Expect = eventlog.NothingAfter(1)
		entries = append(entries, e)
	}
	for i, r := range log.Append(t.Context(), entries) {
		if r.Err != nil {
			t.Errorf("entry %d: %v", i, r.Err)
		}
	}
}

func testContext(t *testing.T, open Open) {
	log, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results := log.Append(ctx, []eventlog.Entry{entry(event("task:a", 1)), entry(event("task:b", 1))})
	for _, r := range results {
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("result %+v", r)
		}
	}
	if log.Head().Seq != 0 {
		t.Error("something was written")
	}
	if _, err := log.Read(ctx, 0, eventlog.Filter{}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
}

func testReopen(t *testing.T, open Open) {
	log, reopen := open(t)
	var want []*eventlog.Event
	for round := range int64(4) {
		for n := range int64(25) {
			e := event("task:a", round*25+n+1)
			e.Payload = fmt.Appendf(nil, `"payload %d"`, e.Version)
			want = append(want, e)
		}
		add(t, log, want[round*25:]...)
		id, head := log.ID(), log.Head()
		log = reopen()
		if log.ID() != id || log.Head() != head {
			t.Fatalf("log %s at %+v came back as %s at %+v", id, head, log.ID(), log.Head())
		}
		for i, e := range all(t, log) {
			if !same(e, want[i]) {
				t.Fatalf("event %d came back as %+v, was %+v", i+1, e, want[i])
			}
			body, err := log.Payload(t.Context(), e.Seq)
			if err != nil || string(body) != string(want[i].Payload) {
				t.Fatalf("payload of event %d: %q, %v", e.Seq, body, err)
			}
		}
	}
}

// What builds on a refused entry of its own call is refused with it, and nothing else is.
func testNeeds(t *testing.T, open Open) {
	log, reopen := open(t)
	bad := event("task:b", 1)
	bad.Version = 0
	good, onBad, onThat, onGood := event("task:a", 1), event("task:b", 1), event("task:b", 1), event("task:a", 1)
	on := func(e *eventlog.Event, needs ...int) eventlog.Entry {
		return eventlog.Entry{Events: []*eventlog.Event{e}, Needs: needs}
	}
	results := log.Append(t.Context(), []eventlog.Entry{entry(good), entry(bad), on(onBad, 0, 1), on(onThat, 2), on(onGood, 0)})
	for i, want := range []error{nil, eventlog.ErrInvalid, eventlog.ErrConflict, eventlog.ErrConflict, nil} {
		if !errors.Is(results[i].Err, want) {
			t.Errorf("entry %d: %+v, want %v", i, results[i], want)
		}
	}
	wantChain(t, log, reopen, good, onGood)
}
