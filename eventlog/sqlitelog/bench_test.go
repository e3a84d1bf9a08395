package sqlitelog

import (
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// The shape of an event in these benchmarks: about 150 bytes of data, 240 of payload.
var (
	benchData = []byte(`{"task_type":"DATA_PROCESSING","queue":"default","priority":10,"run_at":1795521600000000,` +
		`"max_attempts":3,"tags":["alpha","beta"],"timeout":60000000}`)
	benchPayload = []byte(`"` + string(make240()) + `"`)
)

func make240() []byte {
	b := make([]byte, 238)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

const benchBatch = 1024

// benchEvents fills batch with events that follow on seq.
func benchEvents(batch []*eventlog.Event, seq int64, payload []byte) {
	for i := range batch {
		seq++
		batch[i] = &eventlog.Event{
			At: 1_795_521_600_000_000 + seq, Stream: fmt.Sprintf("task:01JDZX6T%018d", seq), Version: 1,
			Type: "task.submitted", V: 1, Actor: "anonymous", Data: benchData, Payload: payload,
		}
	}
}

// cpuTime is what the process has used, of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report turns iterations of n events into figures per event.
func report(b *testing.B, n int, cpu time.Duration) {
	events := float64(b.N) * float64(n)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/events, "cpu-ns/event")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAppend is the log alone, 1,024 events a commit, each an entry of its own.
func BenchmarkAppend(b *testing.B) {
	for _, payload := range [][]byte{benchPayload, nil} {
		b.Run(fmt.Sprintf("payload=%d", len(payload)), func(b *testing.B) {
			log := openBench(b)
			batch := make([]*eventlog.Event, benchBatch)
			entries := make([]eventlog.Entry, benchBatch)
			var seq int64
			var cpu time.Duration
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				benchEvents(batch, seq, payload)
				for i := range entries {
					entries[i] = eventlog.Entry{Events: batch[i : i+1]}
				}
				seq += benchBatch
				b.StartTimer()
				before := cpuTime()
				if r := log.Append(b.Context(), entries); r[len(r)-1].Err != nil {
					b.Fatal(r[len(r)-1].Err)
				}
				cpu += cpuTime() - before
			}
			report(b, benchBatch, cpu)
		})
	}
}

// BenchmarkBareLoop is what the driver does with the same columns and bytes when nothing
// is promised: no triggers, no chain, no salt, no witness. Rows are inserted one by one
// through a prepared statement.
func BenchmarkBareLoop(b *testing.B) {
	c, event, payload := bareTables(b)
	batch := make([]*eventlog.Event, benchBatch)
	salt, hash := make([]byte, 16), make([]byte, 32)
	var seq int64
	var cpu time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		benchEvents(batch, seq, benchPayload)
		b.StartTimer()
		before := cpuTime()
		must(b, c.Do("BEGIN IMMEDIATE"))
		for _, e := range batch {
			seq++
			bindBare(event.Args, payload.Args, seq, e, salt, hash)
			must(b, event.Run())
			must(b, payload.Run())
		}
		must(b, c.Do("COMMIT"))
		cpu += cpuTime() - before
	}
	report(b, benchBatch, cpu)
}

func bindBare(event, payload []driver.NamedValue, seq int64, e *eventlog.Event, salt, hash []byte) {
	for i, v := range [10]driver.Value{
		seq, e.At, e.Stream, e.Version, e.Type, int64(e.V), e.Actor,
		unsafe.String(unsafe.SliceData(e.Data), len(e.Data)), hash, hash,
	} {
		event[i].Value = v
	}
	for i, v := range [3]driver.Value{seq, salt, e.Payload} {
		payload[i].Value = v
	}
}

func bareTables(b *testing.B) (c *sqlite.Conn, event, payload *sqlite.Stmt) {
	c, err := sqlite.Connect(filepath.Join(b.TempDir(), "bare.db"), "mode=rwc&_journal_mode=WAL&_synchronous=FULL")
	must(b, err)
	b.Cleanup(func() { c.Close() })
	must(b, c.Do(`CREATE TABLE events (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, stream TEXT NOT NULL,
		version INTEGER NOT NULL, type TEXT NOT NULL, v INTEGER NOT NULL, actor TEXT NOT NULL, data TEXT NOT NULL,
		payload_hash BLOB, hash BLOB NOT NULL) STRICT;
		CREATE TABLE payloads (seq INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL) STRICT`))
	event, err = c.Prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	must(b, err)
	payload, err = c.Prepare("INSERT INTO payloads VALUES (?, ?, ?)")
	must(b, err)
	return c, event, payload
}

// BenchmarkLoneAppend is one event a commit: the latency of a lone submit.
func BenchmarkLoneAppend(b *testing.B) {
	log := openBench(b)
	batch := make([]*eventlog.Event, 1)
	var seq int64
	b.ReportAllocs()
	for b.Loop() {
		benchEvents(batch, seq, benchPayload)
		seq++
		if r := log.Append(b.Context(), []eventlog.Entry{{Events: batch}}); r[0].Err != nil {
			b.Fatal(r[0].Err)
		}
	}
}

// BenchmarkScan is the reading half of a rebuild: every event, its chain checked.
func BenchmarkScan(b *testing.B) {
	const total = 256 * benchBatch
	log := openBench(b)
	batch := make([]*eventlog.Event, benchBatch)
	for seq := int64(0); seq < total; seq += benchBatch {
		benchEvents(batch, seq, nil)
		if r := log.Append(b.Context(), []eventlog.Entry{{Events: batch}}); r[0].Err != nil {
			b.Fatal(r[0].Err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	for b.Loop() {
		n := 0
		if err := log.Scan(b.Context(), 0, func(*eventlog.Event) error { n++; return nil }); err != nil || n != total {
			b.Fatal(n, err)
		}
	}
	report(b, total, cpuTime()-before)
}

// BenchmarkRead is a reader far behind the ring: pages of 1,000.
func BenchmarkRead(b *testing.B) {
	log, err := Open(b.Context(), Options{Dir: b.TempDir(), RingEvents: 1})
	must(b, err)
	b.Cleanup(func() { log.Close() })
	batch := make([]*eventlog.Event, 20*benchBatch)
	benchEvents(batch, 0, nil)
	log.Append(b.Context(), []eventlog.Entry{{Events: batch}})
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	for b.Loop() {
		page, err := log.Read(b.Context(), 5000, eventlog.Filter{}, 1000)
		if err != nil || len(page.Events) != 1000 {
			b.Fatal(len(page.Events), err)
		}
	}
	report(b, 1000, cpuTime()-before)
}

// BenchmarkReadFew is a reader behind the ring that takes a few events at a time.
func BenchmarkReadFew(b *testing.B) {
	log, err := Open(b.Context(), Options{Dir: b.TempDir(), RingEvents: 1})
	must(b, err)
	b.Cleanup(func() { log.Close() })
	batch := make([]*eventlog.Event, 20*benchBatch)
	benchEvents(batch, 0, nil)
	log.Append(b.Context(), []eventlog.Entry{{Events: batch}})
	for name, f := range map[string]eventlog.Filter{"all": {}, "filtered": {Types: []string{"task.submitted"}}} {
		b.Run(name, func(b *testing.B) {
			before := cpuTime()
			for i := int64(0); b.Loop(); i++ {
				page, err := log.Read(b.Context(), 5000+i%7, f, int(1+i%5))
				if err != nil || len(page.Events) == 0 {
					b.Fatal(len(page.Events), err)
				}
			}
			report(b, 1, cpuTime()-before)
		})
	}
}

// BenchmarkPayload is one body read by seq and checked.
func BenchmarkPayload(b *testing.B) {
	log := openBench(b)
	batch := make([]*eventlog.Event, 10*benchBatch)
	benchEvents(batch, 0, benchPayload)
	log.Append(b.Context(), []eventlog.Entry{{Events: batch}})
	seq := int64(0)
	for b.Loop() {
		seq = seq*31%(10*benchBatch) + 1
		if _, err := log.Payload(b.Context(), seq); err != nil {
			b.Fatal(err)
		}
	}
}

func openBench(b *testing.B) *Log {
	log, err := Open(b.Context(), Options{Dir: b.TempDir()})
	must(b, err)
	b.Cleanup(func() { must(b, log.Close()) })
	return log
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkPayloads is 200 bodies read at once: those of neighbours, as a list of tasks
// that ended one after the other wants them, and those at random places.
func BenchmarkPayloads(b *testing.B) {
	const n, total = 200, 300 * benchBatch
	log := openBench(b)
	batch := make([]*eventlog.Event, 10*benchBatch)
	for seq := int64(0); seq < total; seq += int64(len(batch)) {
		benchEvents(batch, seq, benchPayload)
		must(b, log.Append(b.Context(), []eventlog.Entry{{Events: batch}})[0].Err)
	}
	for _, k := range []struct {
		name string
		step int64
	}{{"neighbours", 2}, {"random", 131_071}} {
		b.Run(k.name, func(b *testing.B) {
			var cpu time.Duration
			seqs := make([]int64, n)
			seq := int64(0)
			for b.Loop() {
				for i := range seqs {
					seq = (seq + k.step) % total
					seqs[i] = seq + 1
				}
				before := cpuTime()
				must(b, log.Payloads(b.Context(), seqs, func(_ int, _ []byte, err error) error { return err }))
				cpu += cpuTime() - before
			}
			report(b, n, cpu)
		})
	}
}
