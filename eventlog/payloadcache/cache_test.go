package payloadcache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
)

// counting is a log that keeps the seqs of each call of Payloads.
type counting struct {
	*eventlogtest.Memory
	calls [][]int64
}

func (c *counting) Payloads(ctx context.Context, seqs []int64, fn func(int, []byte, error) error) error {
	c.calls = append(c.calls, slices.Clone(seqs))
	return c.Memory.Payloads(ctx, seqs, fn)
}

// tenPayloads is a log with the bodies "1" to "10"; that of event 9 is erased.
func tenPayloads(t *testing.T) *counting {
	t.Helper()
	log := &counting{Memory: eventlogtest.NewMemory()}
	for i := range 10 {
		e := &eventlog.Event{Stream: "task:a", Version: int64(i + 1), Type: "task.submitted", V: 1, Actor: "a", Data: []byte("{}"),
			Payload: fmt.Append(nil, i+1)}
		if r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if err := log.ErasePayloads(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestManyPayloadsAskTheLogOnceForWhatIsNotCached(t *testing.T) {
	log := tenPayloads(t)
	cache := New(log, 1<<20)
	cache.Put(2, []byte("2"))
	cache.Put(7, []byte("7"))
	get := func(seqs ...int64) {
		t.Helper()
		calls := 0
		err := cache.GetMany(t.Context(), seqs, func(i int, body []byte, err error) error {
			calls++
			if seqs[i] == 9 {
				if !errors.Is(err, eventlog.ErrErased) || body != nil {
					t.Errorf("an erased one: %q, %v", body, err)
				}
			} else if want := fmt.Append(nil, seqs[i]); err != nil || !bytes.Equal(body, want) {
				t.Errorf("payload %d is %q, %v", seqs[i], body, err)
			}
			return nil
		})
		if err != nil || calls != len(seqs) {
			t.Errorf("%d calls for %v, %v", calls, seqs, err)
		}
	}
	get()
	get(7, 3, 2, 9, 1, 7)
	get(1, 2, 3, 7)
	get(3, 4)
	want := [][]int64{{3, 9, 1}, {4}}
	if !slices.EqualFunc(log.calls, want, slices.Equal) {
		t.Errorf("the log was asked for %v, want %v", log.calls, want)
	}
	if cache.Len() != 5 {
		t.Errorf("the cache holds %d bodies", cache.Len())
	}
}

func TestManyPayloadsKeepTheBoundOfTheCacheAndTheErrorOfTheCaller(t *testing.T) {
	log := tenPayloads(t)
	cache := New(log, 8*200)
	seqs := []int64{1, 2, 3, 4, 5, 6, 7, 8, 10, 1, 2, 3, 4}
	if err := cache.GetMany(t.Context(), seqs, func(_ int, _ []byte, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	if cache.Bytes() > 8*200 || cache.Len() == 0 {
		t.Errorf("%d bytes of %d bodies", cache.Bytes(), cache.Len())
	}
	mine := errors.New("mine")
	for _, seqs := range [][]int64{{4, 3}, {9, 4}} { // in the cache, and not
		n := 0
		err := cache.GetMany(t.Context(), seqs, func(int, []byte, error) error { n++; return mine })
		if !errors.Is(err, mine) || n != 1 {
			t.Errorf("%d calls, %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := cache.GetMany(ctx, []int64{9}, func(int, []byte, error) error { t.Error("called"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// slow is a log that erases a payload while it is being read.
type slow struct {
	*eventlogtest.Memory
	then func()
}

func (s *slow) Payload(ctx context.Context, seq int64) ([]byte, error) {
	body, err := s.Memory.Payload(ctx, seq)
	s.then()
	return body, err
}

func TestWhatWasErasedIsNotCached(t *testing.T) {
	log := &slow{Memory: tenPayloads(t).Memory, then: func() {}}
	cache := New(log, 1<<20)
	if body, err := cache.Get(t.Context(), 3); err != nil || string(body) != "3" {
		t.Fatalf("%s, %v", body, err)
	}
	if err := log.ErasePayloads(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Get(t.Context(), 3); !errors.Is(err, eventlog.ErrErased) {
		t.Errorf("of the cache: %v", err)
	}
	log.then = func() { _ = log.ErasePayloads(t.Context(), 4) }
	if body, err := cache.Get(t.Context(), 4); err != nil || string(body) != "4" { // it was there when it was asked for
		t.Fatalf("%s, %v", body, err)
	}
	if _, err := cache.Get(t.Context(), 4); !errors.Is(err, eventlog.ErrErased) {
		t.Errorf("erased while it was read: %v", err)
	}
}
