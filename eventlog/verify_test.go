package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"

	"github.com/google/go-cmp/cmp"
)

// marred is a log in which some payloads cannot be had and whose chain breaks.
type marred struct {
	*eventlogtest.Memory
	payloads map[int64]error
	breaks   int64 // the first event that does not fit, 0 = none
}

func (m *marred) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	return m.Memory.Scan(ctx, after, func(e *eventlog.Event) error {
		if e.Seq == m.breaks {
			return fmt.Errorf("event %d: %w", e.Seq, eventlog.ErrDamaged)
		}
		return fn(e)
	})
}

func (m *marred) Payloads(ctx context.Context, seqs []int64, fn func(int, []byte, error) error) error {
	return m.Memory.Payloads(ctx, seqs, func(i int, body []byte, err error) error {
		if bad := m.payloads[seqs[i]]; bad != nil {
			body, err = nil, fmt.Errorf("payload of event %d: %w", seqs[i], bad)
		}
		return fn(i, body, err)
	})
}

func TestVerifyTellsHowFarALogIsWhole(t *testing.T) {
	const events = 3000 // every third one without a payload
	gone := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		head     int64
		payloads map[int64]error
		breaks   int64
		seq      int64
		erased   int64
		err      error
	}{
		"whole":                      {head: events, seq: events},
		"nothing asked":              {},
		"to an event in between":     {head: 1500, seq: 1500},
		"shorter than its head":      {head: events + 5, seq: events},
		"erased payloads":            {head: events, payloads: map[int64]error{2: eventlog.ErrErased, 2000: eventlog.ErrErased}, seq: events, erased: 2},
		"erased after what is bad":   {head: events, payloads: map[int64]error{2: eventlog.ErrErased, 4: eventlog.ErrDamaged, 5: eventlog.ErrErased}, seq: 3, erased: 1, err: eventlog.ErrDamaged},
		"first payload":              {head: events, payloads: map[int64]error{1: eventlog.ErrDamaged}, err: eventlog.ErrDamaged},
		"last payload":               {head: events, payloads: map[int64]error{events - 1: eventlog.ErrDamaged}, seq: events - 2, err: eventlog.ErrDamaged},
		"a payload that is not kept": {head: events, payloads: map[int64]error{1025: eventlog.ErrNotFound}, seq: 1024, err: eventlog.ErrNotFound},
		"two payloads":               {head: events, payloads: map[int64]error{1301: eventlog.ErrDamaged, 1300: eventlog.ErrDamaged}, seq: 1299, err: eventlog.ErrDamaged},
		"the chain":                  {head: events, breaks: 2500, seq: 2499, err: eventlog.ErrDamaged},
		"the chain, after a payload": {head: events, breaks: 2500, payloads: map[int64]error{2450: eventlog.ErrDamaged}, seq: 2449, err: eventlog.ErrDamaged},
		"the first event":            {head: events, breaks: 1, err: eventlog.ErrDamaged},
		"the disk":                   {head: events, payloads: map[int64]error{5: gone}, seq: 4, err: gone},
	} {
		t.Run(name, func(t *testing.T) {
			log := &marred{Memory: eventlogtest.NewMemory(), payloads: c.payloads, breaks: c.breaks}
			var hashes []eventlog.Hash
			want := eventlog.Audit{Seq: c.seq, Erased: c.erased}
			for i := int64(1); i <= events; i++ {
				e := &eventlog.Event{At: i, Stream: "task:a", Version: i, Type: "t", V: 1, Actor: "a", Data: []byte("{}")}
				if i%3 != 0 {
					e.Payload = fmt.Appendf(nil, `"%d"`, i)
					if i <= c.seq {
						want.Payloads++
					}
				}
				if r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}}); r[0].Err != nil {
					t.Fatal(r[0].Err)
				}
				hashes = append(hashes, e.Hash)
			}
			want.Payloads -= c.erased
			if c.seq > 0 {
				want.Hash = hashes[c.seq-1]
			}
			var steps []int64
			got, err := eventlog.Verify(t.Context(), log, c.head, func(done int64) { steps = append(steps, done) })
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if c.err == nil && c.head > 0 && (len(steps) == 0 || steps[len(steps)-1] != c.seq) {
				t.Errorf("progress %v", steps)
			}
		})
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	log := eventlogtest.NewMemory()
	var entry eventlog.Entry
	for i := int64(1); i <= 5000; i++ {
		entry.Events = append(entry.Events, &eventlog.Event{At: i, Stream: "task:a", Version: i, Type: "t", V: 1, Actor: "a", Data: []byte("{}")})
	}
	if r := log.Append(t.Context(), []eventlog.Entry{entry}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got, err := eventlog.Verify(ctx, log, 5000, func(int64) { cancel() })
	if !errors.Is(err, context.Canceled) || got.Seq == 0 || got.Seq == 5000 {
		t.Errorf("%+v, %v", got, err)
	}
}
