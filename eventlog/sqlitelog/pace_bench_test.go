package sqlitelog

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"daybook/eventlog"
)

// BenchmarkPace is a steady 20,000 events a second, each call taking all that is due, as
// the scheduler does. It tells how late the first event of a call is on disk, and how
// long the WAL becomes. Run it with -benchtime=3000x or more.
func BenchmarkPace(b *testing.B) {
	const every = 50 * time.Microsecond
	log := openBench(b)
	took := make([]time.Duration, 0, b.N)
	var batch []*eventlog.Event
	var seq, wal int64
	start, cpu := time.Now(), cpuTime()
	for b.Loop() {
		due := start.Add(time.Duration(seq) * every)
		time.Sleep(time.Until(due.Add(every)))
		batch = slices.Grow(batch[:0], benchBatch)[:min(time.Since(due)/every, benchBatch)]
		benchEvents(batch, seq, benchPayload)
		seq += int64(len(batch))
		if r := log.Append(b.Context(), []eventlog.Entry{{Events: batch}}); r[0].Err != nil {
			b.Fatal(r[0].Err)
		}
		took = append(took, time.Since(due))
		wal = max(wal, log.Stats().WALBytes)
	}
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(seq), "cpu-ns/event")
	b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
	slices.Sort(took)
	for _, p := range []float64{50, 99, 99.9} {
		at := took[min(int(float64(len(took))*p/100), len(took)-1)]
		b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("ms-p%v", p))
	}
	b.ReportMetric(float64(wal)/(1<<20), "MB-wal")
}
