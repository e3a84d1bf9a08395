package sqlitelog

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// stopped wants the log to take nothing more and to be read as before.
func stopped(t *testing.T, log *Log, err error, head eventlog.Head) {
	t.Helper()
	if !errors.Is(err, eventlog.ErrUnknown) || !errors.Is(log.Failed(), eventlog.ErrUnknown) {
		t.Errorf("append: %v, failed: %v", err, log.Failed())
	}
	if err := appendN(t.Context(), log, 1); !errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("the next append: %v", err)
	}
	if log.Head() != head {
		t.Errorf("head %+v, was %+v: somebody may have seen what was never acknowledged", log.Head(), head)
	}
	if n, err := scanAll(t.Context(), log); n != head.Seq || err != nil {
		t.Errorf("%d of %d events: %v", n, head.Seq, err)
	}
}

func TestAWitnessThatCannotBeWrittenStopsTheLog(t *testing.T) {
	dir := t.TempDir()
	log, err := Open(t.Context(), Options{Dir: dir, Logger: quiet})
	must(t, err)
	must(t, appendN(t.Context(), log, 5))
	head := log.Head()
	must(t, log.sidecar.file.Close())
	stopped(t, log, appendN(t.Context(), log, 1), head)
	wal := files(t, dir)[logName+"-wal"]
	if err := log.Close(); err == nil {
		t.Error("close says nothing of the witness")
	}
	if after := files(t, dir)[logName+"-wal"]; !bytes.Equal(wal, after) || len(wal) == 0 {
		t.Errorf("close touched the WAL of a failed log: %d bytes, were %d", len(after), len(wal))
	}
	// The event was on disk all the same: the log is ahead of its witness, which is normal.
	if log := open(t, Options{Dir: dir}); log.Head().Seq != 6 {
		t.Errorf("head %d after the restart", log.Head().Seq)
	}
}

func TestAnotherWriterStopsTheLog(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir, Logger: quiet})
	must(t, appendN(t.Context(), log, 5))
	head := log.Head()
	c, err := sqlite.Connect(filepath.Join(dir, logName), "mode=rw")
	must(t, err)
	defer c.Close()
	must(t, c.Do("INSERT INTO events VALUES (6, 1795521600000009, 's', 1, 't', 1, 'a', '{}', NULL, zeroblob(32))"))
	stopped(t, log, appendN(t.Context(), log, 1), head)
}

func TestTheWALIsCheckpointedBeforeItGrowsLong(t *testing.T) {
	const appends = 200
	log := open(t, Options{Dir: t.TempDir()})
	for range appends {
		var entries []eventlog.Entry
		for range 150 {
			entries = append(entries, one(log, false))
		}
		if r := log.Append(t.Context(), entries)[149]; r.Err != nil {
			t.Fatal(r.Err)
		}
		if size := log.Stats().WALBytes; size > waitFrom+1<<20 {
			t.Fatalf("the WAL has %d bytes", size)
		}
	}
	if size := log.Stats().Bytes; size < appends*150*3000 || size < waitFrom+16<<20 {
		t.Errorf("the log has %d bytes", size)
	}
}

func TestAClosedLogRefuses(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, appendN(t.Context(), log, 5))
	must(t, log.Close())
	must(t, log.Close())
	if err := appendN(t.Context(), log, 1); !errors.Is(err, eventlog.ErrUnknown) || !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if _, err := log.Payload(t.Context(), 1); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("payload: %v", err)
	}
	if _, err := scanAll(t.Context(), log); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("scan: %v", err)
	}
	if err := log.ErasePayloads(t.Context(), 1); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("erase: %v", err)
	}
}

func TestReadersWaitForTheirTurnAndEndWithTheirContext(t *testing.T) {
	log, err := Open(t.Context(), Options{Dir: t.TempDir(), RingEvents: 1})
	must(t, err)
	must(t, appendN(t.Context(), log, 50))
	var lent []*reader
	for range readers {
		r, err := log.pool.acquire(t.Context())
		must(t, err)
		lent = append(lent, r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Read(ctx, 0, eventlog.Filter{}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if page, err := log.Read(t.Context(), 0, eventlog.Filter{}, 10); err != nil || len(page.Events) != 10 {
				t.Errorf("read: %d events, %v", len(page.Events), err)
			}
		})
	}
	for _, r := range lent {
		log.pool.release(r)
	}
	group.Wait()
	must(t, log.Close())
}

func TestTheWitnessIsSyncedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sidecar{dir: t.TempDir()}
		w := witness{logID: NewID(time.Now()), epoch: "3FZK2Q"}
		must(t, s.write(w))
		for n, step := range []struct {
			wait  time.Duration
			dirty bool
		}{{0, true}, {syncPeriod - 1, true}, {1, false}, {1, true}, {syncPeriod - 2, true}, {1, false}} {
			time.Sleep(step.wait)
			w.seq++
			must(t, s.write(w))
			if s.dirty != step.dirty {
				t.Errorf("write %d: dirty is %v", n, s.dirty)
			}
			if got, _, err := readWitness(s.dir); err != nil || got != w {
				t.Errorf("write %d: the witness says %+v, want %+v: %v", n, got, w, err)
			}
		}
		must(t, s.close())
	})
}

func TestTheRingIsBoundedAndShared(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir(), RingEvents: 10, RingBytes: 1 << 20})
	must(t, appendN(t.Context(), log, 25))
	if n, _ := log.ring.size(); n != 10 {
		t.Errorf("%d events in a ring of 10", n)
	}
	a, err := log.Read(t.Context(), 20, eventlog.Filter{}, 5)
	must(t, err)
	b, err := log.Events(t.Context(), []int64{21})
	must(t, err)
	if a.Events[0] != b[0] || a.Events[0].Payload != nil {
		t.Error("readers do not share the event, or it has its payload")
	}
	r := newRing(1000, 5*eventCost)
	for n := range int64(100) {
		r.add([]*eventlog.Event{{Seq: n + 1}})
		if events, size := r.size(); events > 5 || size > 5*eventCost || size != int64(events)*eventCost {
			t.Fatalf("%d events of %d bytes", events, size)
		}
	}
	r.add([]*eventlog.Event{{Seq: 101, Data: make([]byte, 10*eventCost)}})
	if events, size := r.size(); events != 0 || size != 0 {
		t.Errorf("one too large left %d events of %d bytes", events, size)
	}
	r.add([]*eventlog.Event{{Seq: 102}})
	if r.get(102) == nil || r.get(101) != nil || r.get(103) != nil {
		t.Error("the ring lost its place")
	}
}

func TestAReadOfTheRingAndOfTheFileAreTheSame(t *testing.T) {
	file := open(t, Options{Dir: t.TempDir(), RingEvents: 1})
	memory := open(t, Options{Dir: t.TempDir()})
	must(t, appendN(t.Context(), file, 30))
	must(t, appendN(t.Context(), memory, 30))
	for after := int64(-1); after < 33; after++ {
		for _, f := range []eventlog.Filter{{}, {Streams: []string{"task:a"}}, {Types: []string{"x"}}} {
			a, err1 := file.Read(t.Context(), after, f, 7)
			b, err2 := memory.Read(t.Context(), after, f, 7)
			if err1 != nil || err2 != nil || a.Scanned != b.Scanned || a.Head != b.Head || len(a.Events) != len(b.Events) {
				t.Errorf("after %d, %+v: %d events up to %d, and %d up to %d; %v, %v", after, f,
					len(a.Events), a.Scanned, len(b.Events), b.Scanned, err1, err2)
			}
		}
	}
}

func FuzzAnEventComesBackAsItWasOrIsRefused(f *testing.F) {
	f.Add("task:a", "task.started", "anonymous", []byte(`{"a":1}`), []byte(`"x"`), int64(testStart), int64(1), 1)
	f.Add("task:\n", "\x00", "ü", []byte(`{"a":"é"}`), []byte(nil), int64(-1), int64(0), -1)
	log, err := Open(context.Background(), Options{Dir: f.TempDir(), RingEvents: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { log.Close() })
	f.Fuzz(func(t *testing.T, stream, kind, actor string, data, payload []byte, at, version int64, v int) {
		before := log.Head()
		e := &eventlog.Event{At: at, Stream: stream, Version: version, Type: kind, V: v, Actor: actor, Data: data, Payload: payload}
		r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}})[0]
		if r.Err != nil {
			if !errors.Is(r.Err, eventlog.ErrInvalid) || log.Head() != before {
				t.Fatalf("%+v: %v", e, r.Err)
			}
			return
		}
		err := log.Scan(t.Context(), before.Seq, func(got *eventlog.Event) error {
			if got.At != at || got.Stream != stream || got.Version != version || got.Type != kind || got.V != v ||
				got.Actor != actor || !bytes.Equal(got.Data, data) || got.HasPayload != (payload != nil) || got.Hash != e.Hash {
				t.Errorf("%+v came back as %+v", e, got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if payload != nil {
			if body, err := log.Payload(t.Context(), r.First); err != nil || !bytes.Equal(body, payload) {
				t.Errorf("payload %q came back as %q: %v", payload, body, err)
			}
		}
	})
}
