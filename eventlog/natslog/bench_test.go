package natslog_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go/jetstream"
)

var benchData = []byte(`{"task_type":"DATA_PROCESSING","queue":"default","priority":10,"run_at":1795521600000000,` +
	`"max_attempts":3,"tags":["alpha","beta"],"timeout":60000000}`)

// benchEntries are n entries of one event each, about 150 bytes of data, and payloads of 240 bytes that differ.
func benchEntries(n, seq int, payload bool) []eventlog.Entry {
	entries := make([]eventlog.Entry, n)
	for i := range entries {
		seq++
		e := &eventlog.Event{
			At: at + int64(seq), Stream: fmt.Sprintf("task:01JDZX6T%018d", seq), Version: 1, Type: "task.submitted", V: 1, Actor: "anonymous", Data: benchData,
		}
		if payload {
			e.Payload = fmt.Appendf(nil, `"%0236d"`, seq)
		}
		entries[i].Events = []*eventlog.Event{e}
	}
	return entries
}

// servers starts one or three servers and returns a connection to each.
func servers(b *testing.B, n int) []jetstream.JetStream {
	if n == 1 {
		_, js := lone(b)
		return []jetstream.JetStream{js}
	}
	var list []jetstream.JetStream
	for _, n := range three(b) {
		list = append(list, n.js)
	}
	return list
}

// BenchmarkAppend is the log with its servers in one process: rounds of one event, of 64 and of 1,024.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 3} {
		for _, payload := range []bool{false, true} {
			for _, round := range []int{1, 64, 1024} {
				b.Run(fmt.Sprintf("servers=%d/payload=%v/round=%d", n, payload, round), func(b *testing.B) {
					log := openWith(b, b.TempDir(), settings(servers(b, n)[0], n))
					seq := 0
					var times []time.Duration
					for b.Loop() {
						b.StopTimer()
						entries := benchEntries(round, seq, payload)
						seq += round
						b.StartTimer()
						begin := time.Now()
						if r := log.Append(b.Context(), entries); r[round-1].Err != nil {
							b.Fatal(r[round-1].Err)
						}
						times = append(times, time.Since(begin))
					}
					slices.Sort(times)
					b.ReportMetric(float64(b.N*round)/b.Elapsed().Seconds(), "events/s")
					b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

// BenchmarkCatchUp is a new replica that reads 100,000 events.
func BenchmarkCatchUp(b *testing.B) {
	for _, n := range []int{1, 3} {
		for _, payload := range []bool{false, true} {
			b.Run(fmt.Sprintf("servers=%d/payload=%v", n, payload), func(b *testing.B) {
				const events, round = 100_000, 1000
				connections := servers(b, n)
				log := openWith(b, b.TempDir(), settings(connections[0], n))
				for seq := 0; seq < events; seq += round {
					if r := log.Append(b.Context(), benchEntries(round, seq, payload)); r[0].Err != nil {
						b.Fatal(r[0].Err)
					}
				}
				for b.Loop() {
					replica, err := natslog.Open(b.Context(), replicaIn(b.TempDir()), settings(connections[len(connections)-1], n))
					if err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					if err := replica.Close(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
