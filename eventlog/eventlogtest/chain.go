package eventlogtest

import (
	"errors"
	"testing"

	"daybook/eventlog"
)

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
