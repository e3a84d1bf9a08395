package tasklog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/internal/logline"

	"github.com/oklog/ulid/v2"
)

// between is what the stores of several nodes share, in memory.
type between struct {
	mu      sync.Mutex
	batches [][]byte      // guarded by mu; the first has the number first
	first   int64         // of the numbers
	down    bool          // guarded by mu; nothing can be added
	changed chan struct{} // guarded by mu
}

func newBetween(first int64) *between { return &between{first: first, changed: make(chan struct{})} }

func (b *between) Add(ctx context.Context, _ string, batch []byte) (int64, error) {
	for {
		b.mu.Lock()
		down, changed := b.down, b.changed
		if !down {
			b.batches = append(b.batches, batch)
			close(b.changed)
			b.changed = make(chan struct{})
			number := b.first + int64(len(b.batches)) - 1
			b.mu.Unlock()
			return number, nil
		}
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, errors.New("no majority")
		}
	}
}

func (b *between) Follow(ctx context.Context, after int64, keep func(int64, []byte) error) {
	for next := max(after+1, b.first); ; {
		b.mu.Lock()
		var batch []byte
		if i := next - b.first; i < int64(len(b.batches)) {
			batch = b.batches[i]
		}
		changed := b.changed
		b.mu.Unlock()
		if batch != nil {
			if keep(next, batch) == nil {
				next++
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (b *between) set(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
	close(b.changed)
	b.changed = make(chan struct{})
}

func openShared(t *testing.T, dir string, b *between) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Shared: b, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// has waits until a store has n lines of a task, and returns them as text.
func has(t *testing.T, s *Store, id ulid.ULID, n int) (all []string) {
	t.Helper()
	for {
		changed := s.Changed()
		lines, _, err := s.Read(t.Context(), id, Query{Limit: 1000, Level: slog.LevelDebug})
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) >= n {
			for _, l := range lines {
				all = append(all, fmt.Sprintf("%d %d %s %s %s %d", l.Number, l.Attempt, l.Text, l.Level, l.Attributes, l.At.UnixMicro()))
			}
			return all
		}
		<-changed
	}
}

// Every node has the lines of all, with the same numbers, also one that did not run meanwhile.
func TestNodesShareLines(t *testing.T) {
	ctx := t.Context()
	b := newBetween(1 << 30)
	one, other := openShared(t, t.TempDir(), b), openShared(t, t.TempDir(), b)
	defer one.Close()
	dir := t.TempDir()
	late := openShared(t, dir, b)
	id, id2 := ulid.Make(), ulid.Make()
	slog.New(one.Handler(id, 1)).Info("of a handler <&>", "n", 1)
	if has(t, one, id, 1); len(has(t, late, id, 1)) != 1 {
		t.Error("the third node has no line")
	}
	if err := late.Close(); err != nil {
		t.Fatal(err)
	}
	var lines []logline.Line
	for i := range 300 {
		lines = append(lines, logline.Line{At: time.Unix(int64(i), 0), Level: slog.LevelWarn, Text: strings.Repeat("x", 10_000)})
	}
	if err := other.Append(ctx, id, 2, lines); err != nil { // several batches
		t.Fatal(err)
	}
	if got, _, err := other.Read(ctx, id, Query{Limit: 1000, Level: slog.LevelDebug}); err != nil || len(got) != 301 {
		t.Errorf("who has an answer reads %d lines: %v", len(got), err)
	}
	if err := one.Append(ctx, id2, 1, lines[:1]); err != nil {
		t.Fatal(err)
	}
	want := has(t, one, id, 301)
	if len(b.batches) < 6 || !strings.Contains(want[0], ` 1 of a handler <&> INFO {"n":1} `) {
		t.Errorf("%d batches, first line %s", len(b.batches), want[0])
	}
	late = openShared(t, dir, b)
	defer late.Close()
	for name, s := range map[string]*Store{"other": other, "late": late} {
		if got := has(t, s, id, 301); !slices.Equal(got, want) {
			t.Errorf("%s has %d lines, the last %s; want %d, the last %s", name, len(got), got[len(got)-1], len(want), want[len(want)-1])
		}
		if a, b := has(t, s, id2, 1), has(t, one, id2, 1); !slices.Equal(a, b) {
			t.Errorf("%s: %s, not %s", name, a, b)
		}
	}
	other.Close()
}

// While nothing can be shared, no handler and no reader waits for it, and a store can be closed.
func TestLinesThatCannotBeShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBetween(1)
		s := openShared(t, t.TempDir(), b)
		id := ulid.Make()
		log := slog.New(s.Handler(id, 1))
		log.Info("before")
		has(t, s, id, 1)
		b.set(true)
		log.Info("meanwhile")
		time.Sleep(time.Second)
		began := time.Now()
		if err := s.Flush(t.Context()); err != nil || time.Since(began) != flushTime {
			t.Errorf("flush: %v after %s", err, time.Since(began))
		}
		b.set(false)
		if got := has(t, s, id, 2); !strings.Contains(got[1], "meanwhile") {
			t.Error(got)
		}
		b.set(true)
		began = time.Now()
		if err := s.Append(t.Context(), id, 1, []logline.Line{{At: began, Text: "x"}}); err == nil || time.Since(began) != shareTime {
			t.Errorf("append: %v after %s", err, time.Since(began))
		}
		log.Info("lost")
		began = time.Now()
		if err := s.Close(); err != nil || time.Since(began) != lastShareTime {
			t.Errorf("close: %v after %s", err, time.Since(began))
		}
	})
}

// A node whose store was used alone numbers what comes from others after its own.
func TestSharedLinesComeAfterThoseOfBefore(t *testing.T) {
	dir, id := t.TempDir(), ulid.Make()
	alone, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var lines []logline.Line
	for range 3 << batchBits >> 10 {
		lines = append(lines[:0], make([]logline.Line, 1<<10)...)
		if err := alone.Append(t.Context(), id, 1, lines); err != nil {
			t.Fatal(err)
		}
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	b := newBetween(10)
	s := openShared(t, dir, b)
	defer s.Close()
	if err := s.Append(t.Context(), id, 2, lines[:2]); err != nil {
		t.Fatal(err)
	}
	got, _, err := s.Read(t.Context(), id, Query{Limit: 2, Tail: true, Level: slog.LevelDebug})
	if err != nil || len(got) != 2 || got[0].Number != 10<<batchBits {
		t.Errorf("%v: %+v", err, got)
	}
}
