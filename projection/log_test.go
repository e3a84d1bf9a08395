package projection

import (
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/sqlitelog"
	"daybook/task"
)

// openLog opens a real log in a folder that goes with the test.
func openLog(tb testing.TB) *sqlitelog.Log {
	log, err := sqlitelog.Open(tb.Context(), sqlitelog.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := log.Close(); err != nil {
			tb.Error(err)
		}
	})
	return log
}

// write appends copies of the events, size to an entry, 50 entries to a call.
func write(tb testing.TB, log eventlog.Log, events []*eventlog.Event, size int) {
	tb.Helper()
	var entries []eventlog.Entry
	for len(events) > 0 {
		n := min(size, len(events))
		entry := eventlog.Entry{Events: make([]*eventlog.Event, n)}
		for i, e := range events[:n] {
			entry.Events[i] = &eventlog.Event{At: e.At, Stream: e.Stream, Version: e.Version, Type: e.Type, V: e.V,
				Actor: e.Actor, Data: e.Data, Payload: e.Payload}
		}
		entries, events = append(entries, entry), events[n:]
		if len(entries) == 50 || len(events) == 0 {
			for _, r := range log.Append(tb.Context(), entries) {
				if r.Err != nil {
					tb.Fatal(r.Err)
				}
			}
			entries = nil
		}
	}
}

func TestALogGivesTheSameViewsReadInAnyWay(t *testing.T) {
	for _, log := range []eventlog.Log{openLog(t), eventlogtest.NewMemory()} {
		events := readEvents(t, "every_type")
		write(t, log, events, 2)
		now := task.Micros(events[len(events)-1].At) + task.Second
		want := apply(t, New(), events)

		rebuilt, err := Rebuild(t.Context(), log, nil)
		if err != nil {
			t.Fatal(err)
		}
		sameViews(t, "rebuilt", want, rebuilt, now)

		followed := New()
		for followed.Seq() < log.Head().Seq {
			page, err := log.Read(t.Context(), followed.Seq(), eventlog.Filter{}, 7)
			if err != nil {
				t.Fatal(err)
			}
			apply(t, followed, page.Events)
		}
		sameViews(t, "followed", want, followed, now)
	}
}

// BenchmarkRebuild reads a real log from the disk, checks its chain and folds it.
func BenchmarkRebuild(b *testing.B) {
	_, raw := flow(300_000, 500)
	log := openLog(b)
	write(b, log, raw, 500)
	cpu := processorTime()
	b.ResetTimer()
	for range b.N {
		if _, err := Rebuild(b.Context(), log, nil); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, len(raw), cpu)
}

// BenchmarkRebuildFile does the same with a view file that is not there yet: tasks that
// have ended leave memory, their texts are not indexed yet.
func BenchmarkRebuildFile(b *testing.B) {
	_, raw := flow(300_000, 500)
	log := openLog(b)
	write(b, log, raw, 500)
	cpu := processorTime()
	b.ResetTimer()
	for range b.N {
		v, err := open(b.Context(), log, Options{Dir: b.TempDir(), Logger: quiet})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := v.keeper.abandon(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	perEvent(b, len(raw), cpu)
}
