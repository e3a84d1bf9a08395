package projection

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// flow is the events of n tasks, in batches that submit some, start them, and end them.
func flow(n, batch int) (changes [][]Change, raw []*eventlog.Event) {
	boot := idOf(noon, 0)
	var seq int64
	now := noon
	keep := func(list []Change, id ulid.ULID, e task.Event) []Change {
		seq++
		e.Seq, e.At = seq, now
		raw = append(raw, &eventlog.Event{
			Seq: seq, At: int64(now), Stream: task.StreamOf(id), Version: e.Version, Type: e.Type.String(), V: 1,
			Actor: "system:scheduler", Data: task.AppendData(nil, e.Type, &e.Data), HasPayload: e.HasPayload,
		})
		return append(list, Change{ID: id, Event: &e})
	}
	for first := 0; first < n; first += batch {
		var submits, starts, ends []Change
		for i := first; i < min(first+batch, n); i++ {
			id := idOf(now, uint64(i))
			submits = keep(submits, id, task.Event{Type: task.EventSubmitted, Version: 1, HasPayload: true, Data: task.Data{
				TaskType: "SLEEP", Queue: "default", MaxAttempts: 3, Backoff: task.DefaultBackoff}})
		}
		now += 1000
		for _, c := range submits {
			starts = keep(starts, c.ID, task.Event{Type: task.EventStarted, Version: 2, Data: task.Data{Attempt: 1, Boot: boot}})
		}
		now += 1000
		for _, c := range submits {
			ends = keep(ends, c.ID, task.Event{Type: task.EventSucceeded, Version: 3, HasPayload: true, Data: task.Data{Fence: 2}})
		}
		changes = append(changes, submits, starts, ends)
	}
	return changes, raw
}

// BenchmarkApplyChanges folds submitted, started, succeeded, each in a batch of its own.
func BenchmarkApplyChanges(b *testing.B) {
	changes, raw := flow(300_000, 500)
	runtime.GC()
	b.ReportAllocs()
	cpu := processorTime()
	b.ResetTimer()
	for range b.N {
		v := New()
		for _, batch := range changes {
			if err := v.ApplyChanges(batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	perEvent(b, len(raw), cpu)
}

// BenchmarkFold decodes and folds as a rebuild does, without a log to read.
func BenchmarkFold(b *testing.B) {
	_, raw := flow(300_000, 500)
	runtime.GC()
	b.ReportAllocs()
	cpu := processorTime()
	b.ResetTimer()
	for range b.N {
		v := newViews(int64(len(raw)) / eventsPerTask)
		if err := v.replay(b.Context(), tape{events: raw}, nil); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, len(raw), cpu)
}

// perEvent reports the time by the clock and by the processor, collector included: on a
// busy machine only the second says much.
func perEvent(b *testing.B, events int, cpu time.Duration) {
	all := float64(b.N * events)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/all, "ns/event")
	b.ReportMetric(float64((processorTime()-cpu).Nanoseconds())/all, "cpu-ns/event")
	b.ReportMetric(0, "ns/op")
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkApplyBesideALongScan measures how long a small batch waits for the lock
// while a reader counts through half a million tasks again and again.
func BenchmarkApplyBesideALongScan(b *testing.B) {
	v, _ := manyTasks(b, 500_000)
	ctx, stop := context.WithCancel(b.Context())
	var reader sync.WaitGroup
	reader.Go(func() {
		for ctx.Err() == nil {
			_, _ = v.List(ctx, Query{Tags: []string{"none"}, Limit: 1000}) // ends with ctx
		}
	})
	var waits []time.Duration
	seq := v.Seq()
	for b.Loop() {
		seq++
		began := time.Now()
		if err := v.ApplyChanges([]Change{{Event: &task.Event{Seq: seq}}}); err != nil {
			b.Fatal(err)
		}
		waits = append(waits, time.Since(began))
		time.Sleep(100 * time.Microsecond) // as between two commits
	}
	stop()
	reader.Wait()
	slices.Sort(waits)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(float64(waits[len(waits)*percent/100].Microseconds()), fmt.Sprintf("µs-p%d", percent))
	}
}

func BenchmarkReads(b *testing.B) {
	v, id := manyTasks(b, 500_000)
	for name, read := range map[string]func() error{
		"newest 100": func() error { _, err := v.List(b.Context(), Query{Limit: 100}); return err },
		"newest 100 of 1 status": func() error {
			_, err := v.List(b.Context(), Query{Limit: 100, Statuses: []task.Status{task.Pending}})
			return err
		},
		"by a tag nobody has": func() error { _, err := v.List(b.Context(), Query{Limit: 100, Tags: []string{"none"}}); return err },
		"get":                 func() error { _, _, err := v.Get(b.Context(), id); return err },
		"counts":              func() error { v.Counts(); return nil },
		"windows":             func() error { v.Windows(noon); return nil },
		"200 changes":         func() error { v.Changes(v.Seq()-200, 200); return nil },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkIndexTexts fetches and indexes the texts of 100,000 tasks that have left
// memory, two payloads of about 200 bytes each.
func BenchmarkIndexTexts(b *testing.B) {
	const tasks = 100_000
	_, raw := flow(tasks, 500)
	for _, e := range raw {
		if e.HasPayload {
			e.Payload = fmt.Appendf(nil, `{"order":"order %d","email":"user%d@example.com","note":"%0128x"}`, e.Seq/3, e.Seq%10_000, e.Seq*7919)
		}
	}
	log := openLog(b)
	write(b, log, raw, 500)
	var cpu time.Duration
	var indexed int64
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		v, err := open(b.Context(), log, Options{Dir: b.TempDir(), Logger: quiet})
		if err != nil {
			b.Fatal(err)
		}
		v.keeper.pause() // what it has indexed by itself is not counted
		indexed -= v.keeper.text.Docs()
		cpu -= processorTime()
		b.StartTimer()
		for n := 1; n > 0; {
			if n, err = v.keeper.indexSome(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		cpu += processorTime()
		n := v.keeper.text.Docs()
		if n < tasks/2 {
			b.Fatal(n, "documents")
		}
		indexed += n
		if err := v.keeper.abandon(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(indexed)/b.Elapsed().Seconds(), "tasks/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(indexed), "cpu-ns/task")
	b.ReportMetric(0, "ns/op")
}
