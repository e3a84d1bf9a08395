package eventlogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"daybook/eventlog"
)

// withPayloads appends 3,000 events, each third without a payload and some with a large
// one, and erases that of event 5 where the log can.
func withPayloads(t *testing.T, log eventlog.Log) {
	t.Helper()
	var events []*eventlog.Event
	for i := range 3000 {
		e := event("task:a", int64(i+1))
		switch {
		case i%300 == 0:
			e.Payload = fmt.Appendf(nil, "\"%d %s\"", i, bytes.Repeat([]byte("x"), 200_000))
		case i%3 > 0:
			e.Payload = fmt.Appendf(nil, "\"%d\"", i)
		}
		events = append(events, e)
	}
	add(t, log, events...)
	if err := log.ErasePayloads(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
}

func testPayloads(t *testing.T, open Open) {
	log, reopen := open(t)
	withPayloads(t, log)
	var every, back []int64
	for seq := int64(-1); seq <= 3002; seq++ {
		every = append(every, seq)
	}
	for _, seq := range every {
		back = append(back, 3001-seq)
	}
	for range 2 {
		for _, seqs := range [][]int64{
			nil, {2}, {1}, {5}, {-1}, {0, 3001}, {3000, 5, 1, 4, 2}, {7, 7, 2, 7, 5, 5}, every, back, slices.Concat(back, every),
		} {
			comparePayloads(t, log, seqs)
		}
		log = reopen()
	}
}

// comparePayloads asks for the same bodies at once and one by one.
func comparePayloads(t *testing.T, log eventlog.Log, seqs []int64) {
	t.Helper()
	calls := make([]int, len(seqs))
	err := log.Payloads(t.Context(), seqs, func(i int, body []byte, err error) error {
		calls[i]++
		want, wantErr := log.Payload(t.Context(), seqs[i])
		if !bytes.Equal(body, want) || (body == nil) != (want == nil) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("payload %d: %.20q, %v; by itself %.20q, %v", seqs[i], body, err, want, wantErr)
		}
		for _, target := range []error{eventlog.ErrNotFound, eventlog.ErrErased, eventlog.ErrDamaged} {
			if errors.Is(err, target) != errors.Is(wantErr, target) {
				t.Errorf("payload %d: %v; by itself %v", seqs[i], err, wantErr)
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("%d payloads: %v", len(seqs), err)
	}
	for i, n := range calls {
		if n != 1 {
			t.Fatalf("of %d payloads, number %d came %d times", len(seqs), i, n)
		}
	}
}

func testPayloadsEnd(t *testing.T, open Open) {
	log, _ := open(t)
	withPayloads(t, log)
	seqs := make([]int64, 3000)
	for i := range seqs {
		seqs[i] = int64(i + 1)
	}
	mine := errors.New("mine")
	n := 0
	err := log.Payloads(t.Context(), seqs, func(int, []byte, error) error { n++; return mine })
	if !errors.Is(err, mine) || n != 1 {
		t.Errorf("fn failed: %d calls, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	err = log.Payloads(ctx, seqs, func(int, []byte, error) error { n++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || n == len(seqs) {
		t.Errorf("the context ended: %d calls, %v", n, err)
	}
	for _, seqs := range [][]int64{seqs, nil} {
		err = log.Payloads(ctx, seqs, func(int, []byte, error) error { t.Error("called"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context: %v", err)
		}
	}
}
