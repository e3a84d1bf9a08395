package sqlitelog

import (
	"errors"
	"sync"
	"testing"

	"daybook/eventlog"
)

func TestAWriterThatDoesNotSyncEachCommitIsRefused(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	got, err := log.writer.c.Number("PRAGMA synchronous")
	must(t, err)
	if got != 2 {
		t.Errorf("synchronous is %d, want 2 (FULL)", got)
	}
	for _, setting := range []string{"OFF", "NORMAL"} {
		must(t, log.writer.c.Do("PRAGMA synchronous = "+setting))
		if err := log.writer.assertSettings(); err == nil {
			t.Errorf("a writer with synchronous=%s was accepted", setting)
		}
	}
}

func TestAppendsRaceWithErasuresAndClose(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir, Logger: quiet})
	must(t, appendN(t.Context(), log, 1))
	var group sync.WaitGroup
	acknowledged := make([]int64, 3) // the last seq of each goroutine
	for i := range acknowledged {
		group.Go(func() {
			for n := 0; ; n++ {
				e := one(log, false)
				e.Events[0].At = testStart + 1<<40
				r := log.Append(t.Context(), []eventlog.Entry{e})[0]
				err := r.Err
				if err == nil {
					acknowledged[i] = r.Last
					err = log.ErasePayloads(t.Context(), r.Last)
				}
				if errors.Is(err, eventlog.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("goroutine %d, append %d: %v", i, n, err)
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
	must(t, log.Scan(t.Context(), 0, func(*eventlog.Event) error { return nil }))
	if head := log.Head().Seq; head < max(acknowledged[0], acknowledged[1], acknowledged[2]) {
		t.Errorf("head %d, but %v were acknowledged", head, acknowledged)
	}
}
