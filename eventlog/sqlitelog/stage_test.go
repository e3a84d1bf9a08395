package sqlitelog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"daybook/eventlog"
)

// stageN stages n events in one call.
func stageN(t *testing.T, log *Log, n int) ([]*eventlog.Event, func() error) {
	t.Helper()
	events := make([]*eventlog.Event, n)
	for i := range events {
		events[i] = &eventlog.Event{
			At: testStart + 1<<40, Stream: "task:a", Version: int64(i + 1), Type: "task.progressed", V: 1, Actor: "anonymous",
			Data: fmt.Appendf(nil, `{"n":%d}`, i), Payload: []byte(`"` + strings.Repeat("p", 3000) + `"`),
		}
	}
	results, sync := log.Stage(t.Context(), []eventlog.Entry{{Events: events}})
	must(t, results[0].Err)
	return events, sync
}

func TestAFailedSyncStopsTheLogAndForgetsWhatWasStaged(t *testing.T) {
	dir := t.TempDir()
	log, err := Open(t.Context(), Options{Dir: dir, Logger: quiet})
	must(t, err)
	must(t, appendN(t.Context(), log, 5))
	head := log.Head()
	changed := log.signal.Wait()
	first, syncFirst := stageN(t, log, 2)
	second, syncSecond := stageN(t, log, 1)
	_, syncNothing := log.Stage(t.Context(), make([]eventlog.Entry, 1))
	must(t, log.writer.wal.Close())
	for name, sync := range map[string]func() error{"first": syncFirst, "second": syncSecond, "empty": syncNothing} {
		if err := sync(); !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("%s stage: %v", name, err)
		}
	}
	for _, e := range append(first, second...) {
		if e.Seq != 0 || e.Hash != (eventlog.Hash{}) || e.PayloadHash != (eventlog.Hash{}) || e.HasPayload {
			t.Errorf("an event was not forgotten: %+v", e)
		}
	}
	stopped(t, log, syncFirst(), head)
	select {
	case <-changed:
		t.Error("followers were woken")
	default:
	}
	leftAsItIs(t, log)
	if log := open(t, Options{Dir: dir}); log.Head().Seq != 8 {
		t.Errorf("head %d after the restart: it was all written", log.Head().Seq)
	}
}

// leftAsItIs wants Close to say what failed and to leave the WAL alone.
func leftAsItIs(t *testing.T, log *Log) {
	t.Helper()
	wal := files(t, log.dir)[logName+"-wal"]
	if err := log.Close(); err == nil {
		t.Error("close says nothing of the sync")
	}
	if after := files(t, log.dir)[logName+"-wal"]; !bytes.Equal(wal, after) || len(wal) == 0 {
		t.Errorf("close touched the WAL of a failed log: %d bytes, were %d", len(after), len(wal))
	}
}

func TestASyncThatFailsInCloseLeavesTheLogAsItIs(t *testing.T) {
	log, err := Open(t.Context(), Options{Dir: t.TempDir(), Logger: quiet})
	must(t, err)
	must(t, appendN(t.Context(), log, 5))
	head := log.Head()
	events, sync := stageN(t, log, 1)
	must(t, log.writer.wal.Close())
	leftAsItIs(t, log)
	if err := sync(); !errors.Is(err, eventlog.ErrUnknown) || events[0].Seq != 0 || log.Head() != head {
		t.Errorf("sync after close: %v, seq %d, head %+v, was %+v", err, events[0].Seq, log.Head(), head)
	}
}

func TestOneSyncDoesForTheStagesBeforeIt(t *testing.T) {
	log, err := Open(t.Context(), Options{Dir: t.TempDir(), Logger: quiet})
	must(t, err)
	_, syncFirst := stageN(t, log, 2)
	_, syncSecond := stageN(t, log, 2)
	must(t, syncSecond())
	if n, err := scanAll(t.Context(), log); n != 4 || err != nil {
		t.Errorf("%d events of both stages: %v", n, err)
	}
	if n, _ := log.Ring(); n != 4 {
		t.Errorf("%d events of both stages in the ring", n)
	}
	must(t, log.writer.wal.Close()) // another sync would fail
	must(t, syncFirst())
	must(t, log.Failed())
	if err := log.Close(); err == nil {
		t.Error("the descriptor was closed twice in silence")
	}
}

func TestCloseSyncsWhatIsStaged(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, 2))
	events, sync := stageN(t, log, 3)
	must(t, log.Close())
	w, _, err := readWitness(dir)
	must(t, err)
	if log.Head().Seq != 5 || w.seq != 5 || w.hash != events[2].Hash {
		t.Errorf("head %d, the witness says %d", log.Head().Seq, w.seq)
	}
	must(t, sync())
	log = open(t, Options{Dir: dir})
	if n, err := scanAll(t.Context(), log); n != 5 || err != nil {
		t.Errorf("%d events: %v", n, err)
	}
}

func TestAPayloadIsErasedBesideWhatIsStaged(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, appendN(t.Context(), log, 2))
	_, sync := stageN(t, log, 2)
	for _, seq := range []int64{1, 3} {
		must(t, log.ErasePayload(t.Context(), seq))
	}
	if log.Head().Seq != 2 {
		t.Errorf("head %d: an erasure showed what is staged", log.Head().Seq)
	}
	if _, err := log.Payload(t.Context(), 3); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("payload of a staged event: %v", err)
	}
	must(t, sync())
	for seq, want := range []error{1: eventlog.ErrErased, 2: nil, 3: eventlog.ErrErased, 4: nil} {
		if seq == 0 {
			continue
		}
		if _, err := log.Payload(t.Context(), int64(seq)); !errors.Is(err, want) {
			t.Errorf("payload %d: %v, want %v", seq, err, want)
		}
	}
}

func TestAWriterWithOtherSettingsIsRefused(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	got, err := log.writer.c.Number("PRAGMA synchronous")
	must(t, err)
	if got != 1 {
		t.Errorf("synchronous is %d, want 1", got)
	}
	must(t, log.writer.c.Do("PRAGMA synchronous = 0"))
	if err := log.writer.assertSettings(); err == nil {
		t.Error("a writer that syncs nothing was taken")
	}
}

func TestAWALThatIsBegunAnewLosesNothingStaged(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, 1))
	var syncs []func() error
	for n := 0; log.writer.folder.anew < 2; n++ {
		if n == 400 {
			t.Fatalf("the WAL of %d bytes is not begun anew", log.WALSize())
		}
		_, sync := stageN(t, log, 300)
		syncs = append(syncs, sync)
	}
	total := int64(1 + 300*len(syncs))
	if log.Head().Seq != 1 {
		t.Errorf("head %d: nothing was synced yet", log.Head().Seq)
	}
	log.writer.folder.group.Wait()
	image := files(t, dir) // of a process that was killed now
	for _, sync := range syncs {
		must(t, sync())
	}
	if n, err := scanAll(t.Context(), log); n != total || err != nil {
		t.Errorf("%d events of %d: %v", n, total, err)
	}
	killed := t.TempDir()
	write(t, killed, image)
	if n, err := scanAll(t.Context(), open(t, Options{Dir: killed})); n != total || err != nil {
		t.Errorf("after a kill %d events of %d: %v", n, total, err)
	}
}

func TestStagesRaceWithAppendsErasuresAndClose(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir, Logger: quiet})
	must(t, appendN(t.Context(), log, 1))
	var group sync.WaitGroup
	taken := make([]int64, 3) // the last seq that each goroutine knows to be on disk
	for i := range taken {
		group.Go(func() {
			for n := 0; ; n++ {
				e := one(log, false)
				e.Events[0].At = testStart + 1<<40
				results, sync := log.Stage(t.Context(), []eventlog.Entry{e})
				err := errors.Join(results[0].Err, sync())
				if err == nil {
					taken[i] = results[0].Last
					err = log.ErasePayload(t.Context(), results[0].Last)
				}
				if errors.Is(err, eventlog.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("goroutine %d, stage %d: %v", i, n, err)
					return
				}
			}
		})
	}
	for range 20 {
		e := one(log, false)
		e.Events[0].At = testStart + 1<<40
		must(t, log.Append(t.Context(), []eventlog.Entry{e})[0].Err)
	}
	must(t, log.Close())
	group.Wait()
	log = open(t, Options{Dir: dir})
	err := log.Scan(t.Context(), 0, func(*eventlog.Event) error { return nil })
	must(t, err)
	if head := log.Head().Seq; head < max(taken[0], taken[1], taken[2]) {
		t.Errorf("head %d, but %v were acknowledged", head, taken)
	}
}
