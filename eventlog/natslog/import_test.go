package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"

	"github.com/nats-io/nats.go/jetstream"
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
		if err := from.ErasePayloads(t.Context(), seq); err != nil {
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
	wantReplacedDeleted(t, js, fresh)
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

// older makes the streams of an earlier version, which end with the head.
func older(t *testing.T, js jetstream.JetStream, id string, head eventlog.Head) {
	t.Helper()
	config := jetstream.StreamConfig{
		Name: natslog.OlderStream("test"), Subjects: []string{"daybook.test.log"}, DenyDelete: true, DenyPurge: true, Metadata: map[string]string{"daybook_log_id": id},
	}
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "daybook.test.log", natslog.OlderMessage(head)); err != nil {
		t.Fatal(err)
	}
}

func TestALogOfAnEarlierVersionIsImportedFromAFolderThatHasAllOfIt(t *testing.T) {
	_, js := lone(t)
	id := sqlitelog.NewID(time.Now())
	from, err := sqlitelog.Open(t.Context(), replicaIn(alone(t, id, "", "a", "b")))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	behind, err := sqlitelog.Open(t.Context(), replicaIn(alone(t, id, "", "a")))
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	other, err := sqlitelog.Open(t.Context(), replicaIn(alone(t, id, "", "a", "c", "d")))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	foreign, err := sqlitelog.Open(t.Context(), replicaIn(alone(t, sqlitelog.NewID(time.Now()), "", "a", "b")))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	older(t, js, id, from.Head())
	if err := openOnce(t, js, t.TempDir()); !errors.Is(err, natslog.ErrNoStream) || !strings.Contains(err.Error(), "--cluster-import") {
		t.Errorf("an empty folder: %v", err)
	}
	for name, c := range map[string]struct {
		from *sqlitelog.Log
		want error
	}{"that lacks events": {behind, natslog.ErrHistory}, "of another history": {other, natslog.ErrHistory}, "of another log": {foreign, sqlitelog.ErrOther}} {
		if err := natslog.Import(t.Context(), c.from, settings(js, 1), nil); !errors.Is(err, c.want) {
			t.Errorf("a folder %s: %v, want %v", name, err, c.want)
		}
	}
	if err := natslog.Import(t.Context(), from, settings(js, 1), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(t.Context(), natslog.OlderStream("test")); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("the stream of the earlier version: %v", err)
	}
	fresh := open(t, js, t.TempDir())
	if fresh.Head() != from.Head() {
		t.Errorf("the log ends with %+v, want %+v", fresh.Head(), from.Head())
	}
}

// An import makes larger rounds than there were: the folder of another node may end within one.
func TestAFolderThatEndsWithinAnImportedRoundFollows(t *testing.T) {
	_, js := lone(t)
	id := sqlitelog.NewID(time.Now())
	dirs := map[string]string{"all": alone(t, id, "", "a", "b", "c"), "some": alone(t, id, "", "a", "b"), "other": alone(t, id, "", "a", "x")}
	from, err := sqlitelog.Open(t.Context(), replicaIn(dirs["all"]))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(natslog.Import(t.Context(), from, settings(js, 1), nil), from.Close()); err != nil {
		t.Fatal(err)
	}
	all, some := open(t, js, dirs["all"]), open(t, js, dirs["some"])
	wantSame(t, all, some)
	appendAll(t, some, "after")
	wantSame(t, all, some)
	if some.Position() != all.Position() || some.Head().Seq != 4 {
		t.Errorf("at message %d with event %d, want message %d with event 4", some.Position(), some.Head().Seq, all.Position())
	}
	if err := openOnce(t, js, dirs["other"]); !errors.Is(err, natslog.ErrHistory) {
		t.Errorf("a folder of another history: %v", err)
	}
}
