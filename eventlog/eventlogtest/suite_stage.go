package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"daybook/eventlog"
)

// stager opens a log that can stage; the test is skipped for one that cannot.
func stager(t *testing.T, open Open) (log eventlog.Log, stage func(...*eventlog.Event) func() error, reopen func() eventlog.Log) {
	t.Helper()
	log, reopen = open(t)
	s, ok := log.(eventlog.Stager)
	if !ok {
		t.Skip("this log is no Stager")
	}
	return log, func(events ...*eventlog.Event) func() error {
		t.Helper()
		results, sync := s.Stage(t.Context(), []eventlog.Entry{entry(events...)})
		if len(results) != 1 || results[0].Err != nil || results[0].First != events[0].Seq {
			t.Fatalf("stage: %+v", results)
		}
		return sync
	}, reopen
}

// loaded returns a valid event with a payload.
func loaded(stream string, n int64) *eventlog.Event {
	e := event(stream, n)
	e.Payload = fmt.Appendf(nil, `"payload %d"`, n)
	return e
}

// seen wants readers to see the log up to head and nothing after it.
func seen(t *testing.T, log eventlog.Log, head eventlog.Head) {
	t.Helper()
	if log.Head() != head {
		t.Errorf("head %+v, want %+v", log.Head(), head)
	}
	page, err := log.Read(t.Context(), 0, eventlog.Filter{}, 1000)
	if err != nil || int64(len(page.Events)) != head.Seq || page.Head != head.Seq || page.Scanned != head.Seq {
		t.Errorf("read: %d events up to %d of %d, want %d: %v", len(page.Events), page.Scanned, page.Head, head.Seq, err)
	}
	page, err = log.Read(t.Context(), 0, eventlog.Filter{Streams: []string{"task:a"}}, 1000)
	if err != nil || int64(len(page.Events)) != head.Seq || page.Scanned != head.Seq {
		t.Errorf("filtered: %d events up to %d, want %d: %v", len(page.Events), page.Scanned, head.Seq, err)
	}
	var last int64
	err = log.Scan(t.Context(), 0, func(e *eventlog.Event) error { last = e.Seq; return nil })
	if err != nil || last != head.Seq {
		t.Errorf("scan: up to %d of %d: %v", last, head.Seq, err)
	}
	hidden := head.Seq + 1
	if _, err := log.Events(t.Context(), []int64{hidden}); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("event %d: %v", hidden, err)
	}
	if body, err := log.Payload(t.Context(), hidden); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("payload of event %d: %q, %v", hidden, body, err)
	}
	err = log.Payloads(t.Context(), []int64{hidden}, func(_ int, body []byte, err error) error {
		if !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("payloads of event %d: %q, %v", hidden, body, err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("payloads: %v", err)
	}
}

// headAt is the head when e is the last event.
func headAt(e *eventlog.Event) eventlog.Head {
	return eventlog.Head{Seq: e.Seq, Hash: e.Hash, At: e.At}
}

// wantChain wants the log to hold exactly these events, now and after it was opened again.
func wantChain(t *testing.T, log eventlog.Log, reopen func() eventlog.Log, want ...*eventlog.Event) {
	t.Helper()
	for range 2 {
		seen(t, log, headAt(want[len(want)-1]))
		events := all(t, log)
		if len(events) != len(want) {
			t.Fatalf("%d events, want %d", len(events), len(want))
		}
		for i, e := range events {
			if !same(e, want[i]) {
				t.Errorf("event %d is %+v, want %+v", i+1, e, want[i])
			}
		}
		log = reopen()
	}
}

func testStagedUnseen(t *testing.T, open Open) {
	log, stage, reopen := stager(t, open)
	first, second, third := loaded("task:a", 1), loaded("task:a", 2), loaded("task:a", 3)
	add(t, log, first)
	follower := log.Follow(1)
	ended, end := context.WithCancel(t.Context())
	sync := stage(second, third)
	seen(t, log, headAt(first))
	end()
	if events, err := follower.Next(ended, eventlog.Filter{}, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("a follower woke to %d events, %v", len(events), err)
	}
	woken := make(chan int, 1)
	go func() {
		events, err := follower.Next(t.Context(), eventlog.Filter{}, 10)
		if err != nil {
			t.Errorf("follow: %v", err)
		}
		woken <- len(events)
	}()
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	if n := <-woken; n != 2 {
		t.Errorf("a follower got %d events of 2", n)
	}
	if body, err := log.Payload(t.Context(), 3); err != nil || string(body) != string(third.Payload) {
		t.Errorf("payload: %q, %v", body, err)
	}
	wantChain(t, log, reopen, first, second, third)
}

// Nobody waits for the sync of the first stage before the second is decided.
func testStagedDecides(t *testing.T, open Open) {
	log, stage, reopen := stager(t, open)
	first, late, taken := event("task:a", 5), event("task:a", 4), event("task:a", 5)
	syncFirst := stage(first)
	guarded := func(e *eventlog.Event, last int64) eventlog.Entry {
		return eventlog.Entry{Events: []*eventlog.Event{e}, Expect: eventlog.Expect{Scope: "task:a", LastSeq: last}}
	}
	results, syncSecond := log.(eventlog.Stager).Stage(t.Context(), []eventlog.Entry{
		entry(late), guarded(event("task:a", 6), 0), {}, guarded(taken, 1),
	})
	for i, want := range []error{eventlog.ErrInvalid, eventlog.ErrConflict, eventlog.ErrInvalid} {
		if !errors.Is(results[i].Err, want) {
			t.Errorf("entry %d: %+v, want %v", i, results[i], want)
		}
	}
	if results[3] != (eventlog.Result{First: 2, Last: 2}) {
		t.Errorf("the entry that knows of the first stage got %+v", results[3])
	}
	if late.Seq != 0 || taken.Seq != 2 || taken.Hash != eventlog.Chain(first.Hash, taken) {
		t.Errorf("the refused event has seq %d, the taken one %d with hash %x", late.Seq, taken.Seq, taken.Hash)
	}
	if err := errors.Join(syncFirst(), syncSecond()); err != nil {
		t.Fatal(err)
	}
	wantChain(t, log, reopen, first, taken)
}

// A sync does for all that was staged before it.
func testStagedOutOfOrder(t *testing.T, open Open) {
	log, stage, reopen := stager(t, open)
	events := []*eventlog.Event{loaded("task:a", 1), loaded("task:a", 2), loaded("task:a", 3), loaded("task:a", 4)}
	one, two := stage(events[0]), stage(events[1], events[2])
	if err := two(); err != nil {
		t.Fatal(err)
	}
	seen(t, log, headAt(events[2]))
	three := stage(events[3])
	if err := one(); err != nil {
		t.Errorf("the sync of what is on disk: %v", err)
	}
	if err := three(); err != nil {
		t.Fatal(err)
	}
	wantChain(t, log, reopen, events...)
}

// A stage in which nothing was written may rest on one that is not yet synced.
func testStagedNothing(t *testing.T, open Open) {
	log, stage, reopen := stager(t, open)
	nothing := func() func() error {
		results, sync := log.(eventlog.Stager).Stage(t.Context(), []eventlog.Entry{{}, {Events: []*eventlog.Event{nil}}})
		for i, r := range results {
			if !errors.Is(r.Err, eventlog.ErrInvalid) {
				t.Errorf("entry %d: %+v", i, r)
			}
		}
		return sync
	}
	if err := nothing()(); err != nil {
		t.Errorf("sync of nothing: %v", err)
	}
	seen(t, log, eventlog.Head{Hash: eventlog.FirstHash(log.ID())})
	only := event("task:a", 1)
	sync := stage(only)
	if err := nothing()(); err != nil {
		t.Errorf("sync of nothing after a stage: %v", err)
	}
	seen(t, log, headAt(only))
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	wantChain(t, log, reopen, only)
}

func testStagedContext(t *testing.T, open Open) {
	log, _, _ := stager(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, sync := log.(eventlog.Stager).Stage(ctx, []eventlog.Entry{entry(event("task:a", 1))})
	if !errors.Is(results[0].Err, context.Canceled) {
		t.Errorf("result %+v", results[0])
	}
	if err := sync(); err != nil || log.Head().Seq != 0 {
		t.Errorf("sync: %v, head %d", err, log.Head().Seq)
	}
}

func testAppendAfterStage(t *testing.T, open Open) {
	log, stage, reopen := stager(t, open)
	events := []*eventlog.Event{loaded("task:a", 1), loaded("task:a", 2)}
	sync := stage(events[0])
	if r := add(t, log, events[1]); r.First != 2 {
		t.Errorf("append: %+v", r)
	}
	seen(t, log, headAt(events[1]))
	if err := sync(); err != nil {
		t.Errorf("the sync that another did: %v", err)
	}
	wantChain(t, log, reopen, events...)
}

// One goroutine stages, others sync in whatever order, and others append.
func testStagedRace(t *testing.T, open Open) {
	log, stage, reopen := stager(t, open)
	const stages, appends = 60, 30
	syncs := make(chan func(), 8)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for sync := range syncs {
				sync()
			}
		})
	}
	group.Go(func() {
		for n := range int64(appends) {
			e := loaded("task:b", n+1)
			e.At = start
			if r := log.Append(t.Context(), []eventlog.Entry{entry(e)})[0]; r.Err != nil || log.Head().Seq < r.Last {
				t.Errorf("append: %+v, the head is %d", r, log.Head().Seq)
			}
		}
	})
	for n := range int64(stages) {
		e := loaded("task:a", n+1)
		e.At = start
		sync := stage(e)
		syncs <- func() {
			if err := sync(); err != nil || log.Head().Seq < e.Seq {
				t.Errorf("sync of event %d: %v, the head is %d", e.Seq, err, log.Head().Seq)
			}
		}
	}
	close(syncs)
	group.Wait()
	head := log.Head()
	if n := len(all(t, log)); n != stages+appends {
		t.Errorf("%d events, want %d", n, stages+appends)
	}
	if log = reopen(); log.Head() != head {
		t.Errorf("head %+v came back as %+v", head, log.Head())
	}
	all(t, log)
}
