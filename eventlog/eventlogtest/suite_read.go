package eventlogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"daybook/eventlog"
)

// fill appends n events over five streams, three types and two actors.
func fill(t *testing.T, log eventlog.Log, n int) {
	t.Helper()
	var events []*eventlog.Event
	for i := range n {
		e := event(fmt.Sprintf("task:%c", 'a'+i%5), int64(i+1))
		e.Type = []string{"task.submitted", "task.started", "task.succeeded"}[i%3]
		e.Actor = []string{"anonymous", "system:scheduler"}[i%2]
		events = append(events, e)
	}
	add(t, log, events...)
}

func testLimits(t *testing.T, open Open) {
	log, reopen := open(t)
	fill(t, log, 100)
	for range 2 {
		for _, limit := range []int{-1, 0, 10_001} {
			if _, err := log.Read(t.Context(), 0, eventlog.Filter{}, limit); err == nil {
				t.Errorf("limit %d was taken", limit)
			}
		}
		for _, c := range []struct{ after, limit, first, n, scanned int64 }{
			{0, 1, 1, 1, 1}, {0, 100, 1, 100, 100}, {0, 10_000, 1, 100, 100}, {40, 7, 41, 7, 47}, {99, 5, 100, 1, 100},
			{100, 5, 0, 0, 100}, {-5, 2, 1, 2, 2},
		} {
			page, err := log.Read(t.Context(), c.after, eventlog.Filter{}, int(c.limit))
			if err != nil || int64(len(page.Events)) != c.n || page.Scanned != c.scanned || page.Head != 100 {
				t.Errorf("read after %d, at most %d: %d events, scanned %d of %d, %v", c.after, c.limit, len(page.Events), page.Scanned, page.Head, err)
				continue
			}
			if c.n > 0 && page.Events[0].Seq != c.first {
				t.Errorf("read after %d starts with %d", c.after, page.Events[0].Seq)
			}
		}
		page, err := log.Read(t.Context(), 1_000, eventlog.Filter{}, 5)
		if err != nil || len(page.Events) != 0 || page.Scanned > page.Head {
			t.Errorf("read beyond the head: %+v, %v", page, err)
		}
		log = reopen()
	}
}

func testFilter(t *testing.T, open Open) {
	log, reopen := open(t)
	fill(t, log, 300)
	for range 2 {
		events := all(t, log)
		for _, f := range []eventlog.Filter{
			{Streams: []string{"task:a"}},
			{Streams: []string{"task:a", "task:c"}, Types: []string{"task.started"}},
			{Types: []string{"task.submitted", "task.succeeded"}, Actors: []string{"anonymous"}},
			{Streams: []string{"task:b"}, Types: []string{"task.started"}, Actors: []string{"system:scheduler"}},
			{Streams: []string{"task:%", "task:A", `"`, "'"}},
			{Actors: []string{"nobody"}},
		} {
			var want, got []int64
			for _, e := range events {
				if has(f.Streams, e.Stream) && has(f.Types, e.Type) && has(f.Actors, e.Actor) {
					want = append(want, e.Seq)
				}
			}
			for after := int64(0); after < 300; {
				page, err := log.Read(t.Context(), after, f, 7)
				if err != nil || page.Scanned <= after || len(page.Events) > 7 {
					t.Fatalf("filter %+v after %d: %+v, %v", f, after, page, err)
				}
				for _, e := range page.Events {
					got = append(got, e.Seq)
				}
				if n := len(page.Events); n == 7 && page.Scanned != page.Events[6].Seq {
					t.Fatalf("a full page ends at %d, scanned %d", page.Events[6].Seq, page.Scanned)
				}
				after = page.Scanned
			}
			if !slices.Equal(got, want) {
				t.Errorf("filter %+v: %v, want %v", f, got, want)
			}
		}
		log = reopen()
	}
}

func testEvents(t *testing.T, open Open) {
	log, reopen := open(t)
	fill(t, log, 50)
	for range 2 {
		seqs := []int64{50, 1, 7, 7, 33}
		events, err := log.Events(t.Context(), seqs)
		if err != nil || len(events) != len(seqs) {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for i, e := range events {
			if e.Seq != seqs[i] || e.Version != seqs[i] {
				t.Errorf("asked for %d, got %+v", seqs[i], e)
			}
		}
		for _, seq := range []int64{-1, 0, 51} {
			if _, err := log.Events(t.Context(), []int64{1, seq}); !errors.Is(err, eventlog.ErrNotFound) {
				t.Errorf("event %d: %v", seq, err)
			}
		}
		if events, err := log.Events(t.Context(), nil); err != nil || len(events) != 0 {
			t.Errorf("no seqs: %v, %v", events, err)
		}
		if _, err := log.Events(t.Context(), make([]int64, 10_001)); err == nil {
			t.Error("10,001 seqs were taken")
		}
		log = reopen()
	}
}

func testPayload(t *testing.T, open Open) {
	log, _ := open(t)
	a, b, none := event("task:a", 1), event("task:a", 2), event("task:a", 3)
	a.Payload, b.Payload = []byte(`"same"`), []byte(`"same"`)
	add(t, log, a, b, none)
	if a.PayloadHash == b.PayloadHash {
		t.Error("the same body twice has one hash: it is not salted")
	}
	for _, seq := range []int64{1, 2} {
		if body, err := log.Payload(t.Context(), seq); err != nil || string(body) != `"same"` {
			t.Errorf("payload %d: %q, %v", seq, body, err)
		}
	}
	for _, seq := range []int64{-1, 0, 3, 4} {
		if body, err := log.Payload(t.Context(), seq); !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("payload %d: %q, %v", seq, body, err)
		}
	}
}

func testErase(t *testing.T, open Open) {
	log, reopen := open(t)
	a, b := event("task:a", 1), event("task:a", 2)
	a.Payload, b.Payload = []byte(`"a"`), []byte(`"b"`)
	add(t, log, a, b, event("task:a", 3))
	if err := log.ErasePayloads(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []int64{1, 3, 4} {
		if err := log.ErasePayloads(t.Context(), seq); err != nil {
			t.Errorf("erase %d, which has no payload: %v", seq, err)
		}
	}
	for range 2 {
		if _, err := log.Payload(t.Context(), 1); !errors.Is(err, eventlog.ErrErased) {
			t.Errorf("erased payload: %v", err)
		}
		if body, err := log.Payload(t.Context(), 2); err != nil || string(body) != `"b"` {
			t.Errorf("the other payload: %q, %v", body, err)
		}
		if events := all(t, log); !events[0].HasPayload {
			t.Error("the event forgot that it had a payload")
		}
		log = reopen()
	}
}

func testScan(t *testing.T, open Open) {
	log, reopen := open(t)
	for n := range 7 {
		var events []*eventlog.Event
		for i := range 331 {
			e := event("task:a", int64(n*331+i+1))
			if i%3 == 0 {
				e.Payload = []byte(`"x"`)
			}
			events = append(events, e)
		}
		add(t, log, events...)
	}
	for range 2 {
		want := all(t, log)
		for _, after := range []int64{0, 1, 2, 255, 256, 257, 1000, 2316, 2317, 5000, -1} {
			at := max(after, 0)
			err := log.Scan(t.Context(), after, func(e *eventlog.Event) error {
				if at++; at > int64(len(want)) || !same(e, want[at-1]) {
					return fmt.Errorf("scan gave %+v as event %d", e, at)
				}
				return nil
			})
			if err != nil || at != max(after, int64(len(want))) {
				t.Errorf("scan after %d reached %d: %v", after, at, err)
			}
		}
		log = reopen()
	}
}

func testScanEnds(t *testing.T, open Open) {
	log, _ := open(t)
	fill(t, log, 1000)
	stop := errors.New("stop")
	n := 0
	err := log.Scan(t.Context(), 0, func(*eventlog.Event) error {
		if n++; n == 500 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 500 {
		t.Errorf("scan went on to %d: %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = log.Scan(ctx, 0, func(*eventlog.Event) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("scan with an ended context: %v", err)
	}
}

func testLarge(t *testing.T, open Open) {
	log, reopen := open(t)
	var want []*eventlog.Event
	for n, size := range []int{1, 600, 5_000, 70_000, 1 << 19} {
		e := event("task:ü€𝄞", int64(n+1))
		e.Data = []byte(`{"a":"` + string(bytes.Repeat([]byte("é"), size/2)) + `"}`)
		e.Payload = []byte(`"` + string(bytes.Repeat([]byte("x\n"), size*4)) + `"`)
		want = append(want, e)
	}
	add(t, log, want...)
	log = reopen()
	for i, e := range all(t, log) {
		body, err := log.Payload(t.Context(), e.Seq)
		if !same(e, want[i]) || err != nil || !bytes.Equal(body, want[i].Payload) {
			t.Errorf("event %d came back changed: %v", e.Seq, err)
		}
	}
	if err := log.Scan(t.Context(), 0, func(*eventlog.Event) error { return nil }); err != nil {
		t.Error(err)
	}
}

// testAgainstSlice appends batches of random shape and compares the log with a slice.
func testAgainstSlice(t *testing.T, open Open) {
	log, reopen := open(t)
	random := rand.New(rand.NewPCG(1, 2))
	var want []*eventlog.Event
	n := int64(0)
	for round := range 60 {
		var entries []eventlog.Entry
		for range random.IntN(6) {
			var e eventlog.Entry
			for range random.IntN(5) {
				n++
				one := event(fmt.Sprintf("task:%d", random.IntN(9)), n)
				if random.IntN(2) == 0 {
					one.Payload = bytes.Repeat([]byte("p"), 1+random.IntN(3000))
				}
				e.Events = append(e.Events, one)
			}
			if random.IntN(3) == 0 {
				e.Expect = eventlog.NothingAfter(log.Head().Seq - int64(random.IntN(2)))
			}
			entries = append(entries, e)
		}
		before := log.Head().Seq
		for i, r := range log.Append(t.Context(), entries) {
			e := entries[i]
			refused := len(e.Events) == 0 || !e.Expect.Holds(before)
			if refused != (r.Err != nil) {
				t.Fatalf("round %d: entry %+v after %d got %+v", round, e, before, r)
			}
			if r.Err == nil {
				want = append(want, e.Events...)
			}
		}
		if round%17 == 0 {
			log = reopen()
		}
	}
	got := all(t, log)
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range want {
		if !same(got[i], want[i]) {
			t.Fatalf("event %d is %+v, want %+v", i+1, got[i], want[i])
		}
	}
}
