package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"
)

func TestALogOfOneNodeIsBroughtIntoACluster(t *testing.T) {
	_, js := lone(t)
	dir := t.TempDir()
	o := replicaIn(dir)
	o.Epoch = eventlog.EpochOf([eventlog.EpochSize]byte{7})
	from, err := sqlitelog.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var entries []eventlog.Entry
	for i := range 3500 {
		payload := ""
		if i%2 == 0 {
			payload = fmt.Sprint("body ", i)
		}
		entries = append(entries, entry(fmt.Sprint("task-", i), payload))
	}
	entries = append(entries, entry("large", noise(3_000_000)))
	for _, r := range from.Append(t.Context(), entries) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for _, seq := range []int64{1, 2001} {
		if err := from.ErasePayload(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var half []int64
	err = natslog.Import(ctx, from, settings(js, 1), func(done, of int64) {
		if half = append(half, done); len(half) == 2 { // it is broken off
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var rest []int64
	if err := natslog.Import(t.Context(), from, settings(js, 1), func(done, of int64) { rest = append(rest, done) }); err != nil {
		t.Fatal(err)
	}
	if len(rest) != 2 || rest[0] <= half[1] || rest[1] != 3501 {
		t.Errorf("rounds up to %v, then up to %v", half, rest)
	}
	if err := natslog.Import(t.Context(), from, settings(js, 1), nil); err != nil {
		t.Errorf("an import of what is there: %v", err)
	}
	epoch := from.Epoch()
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	old, fresh := open(t, js, dir), open(t, js, t.TempDir())
	wantSame(t, old, fresh)
	wantErased(t, fresh, 1, 2001)
	if fresh.Epoch() != epoch || fresh.ID() != old.ID() {
		t.Errorf("epoch %s and ID %s, want %s and %s", fresh.Epoch(), fresh.ID(), epoch, old.ID())
	}
	appendAll(t, fresh, "after")
	wantSame(t, old, fresh)
	wantNoOrphans(t, js, fresh)
}

func TestAnImportIntoAClusterThatHasEventsIsRefused(t *testing.T) {
	_, js := lone(t)
	log := open(t, js, t.TempDir())
	appendAll(t, log, "a", "b")
	for name, c := range map[string]struct {
		id     string
		events []string
		want   error
	}{
		"of another log":     {sqlitelog.NewID(time.Now()), []string{"a", "b"}, sqlitelog.ErrOther},
		"that is longer":     {log.ID(), []string{"a"}, natslog.ErrHistory},
		"of another history": {log.ID(), []string{"a", "b"}, natslog.ErrHistory},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := sqlitelog.Open(t.Context(), replicaIn(alone(t, c.id, "", c.events...)))
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			if err := natslog.Import(t.Context(), from, settings(js, 1), nil); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
