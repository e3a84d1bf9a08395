package bench_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"daybook"
	"daybook/eventlog/sqlitelog"
	"daybook/handler"
	"daybook/projection"
	"daybook/task"
)

// The benchmarks of this file run Daybook in this process.

// probe is a task type for measuring: each run calls hit.
type probe struct {
	hit  func()
	name string // "" = PROBE
}

func (p probe) Spec() task.TypeSpec {
	schema := json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"text":{"type":"string"}}}`)
	return task.TypeSpec{Name: cmp.Or(p.name, "PROBE"), Title: "Probe", ParametersSchema: schema, ResultSchema: json.RawMessage(`{}`), Defaults: json.RawMessage(`{}`)}
}

func (p probe) Run(context.Context, handler.Call) (any, error) {
	p.hit()
	return nil, nil
}

var tune = sync.OnceFunc(daybook.TuneMemory)

// runDaybook runs a Daybook with the probe, in a process as that of the server, until the
// benchmark ends.
func runDaybook(b *testing.B, dir string, concurrency int, hit func()) *daybook.Daybook {
	b.Helper()
	tune()
	d, err := daybook.Open(b.Context(), daybook.Options{Data: dir, Concurrency: concurrency, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Register(probe{hit: hit}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	})
	return d
}

// BenchmarkDrain runs a backlog that was submitted before by batches; the clock runs
// from the opening of the gate to the last result on disk.
func BenchmarkDrain(b *testing.B) {
	const slots = 512
	gate := make(chan struct{})
	d := runDaybook(b, b.TempDir(), slots, func() { <-gate })
	submitAll(b, d, b.N, []byte("{}"))
	last := d.Views()
	b.ResetTimer()
	close(gate)
	awaitSucceeded(last, int64(b.N))
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkBesideUnknownTypes submits tasks one by one and waits for each to end, while many
// tasks wait whose type nobody runs.
func BenchmarkBesideUnknownTypes(b *testing.B) {
	for _, waiting := range []int{0, 200_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			dir := b.TempDir()
			writeBacklog(b, dir, waiting)
			tune()
			ended := make(chan struct{})
			d, err := daybook.Open(b.Context(), daybook.Options{Data: dir, Concurrency: 8, Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				err = d.Register(probe{hit: func() { ended <- struct{}{} }, name: "OTHER"})
			}
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- d.Run(ctx) }()
			b.ResetTimer()
			for range b.N {
				if _, err := d.Submit(b.Context(), task.Submit{Type: "OTHER", Parameters: []byte("{}")}); err != nil {
					b.Fatal(err)
				}
				<-ended
			}
			b.StopTimer()
			cancel()
			if err := errors.Join(<-done, d.Close()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkDrainAfterRestart runs a backlog whose parameters, 240 bytes each, are on disk
// alone: it was submitted before the program started.
func BenchmarkDrainAfterRestart(b *testing.B) {
	dir := b.TempDir()
	writeBacklog(b, dir, b.N)
	gate := make(chan struct{})
	d := runDaybook(b, dir, 512, func() { <-gate })
	v := d.Views()
	before := succeeded(v)
	b.ResetTimer()
	cpu := processTime()
	close(gate)
	awaitSucceeded(v, int64(b.N))
	b.StopTimer()
	ran := float64(int64(b.N) - before)
	b.ReportMetric(ran/b.Elapsed().Seconds(), "tasks/s")
	b.ReportMetric(float64((processTime()-cpu).Nanoseconds())/ran, "cpu-ns/task")
}

// writeBacklog leaves a data folder in which n tasks wait, but for the few that ran.
func writeBacklog(b *testing.B, dir string, n int) {
	b.Helper()
	gate := make(chan struct{})
	d, err := daybook.Open(b.Context(), daybook.Options{Data: dir, Concurrency: 1, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = d.Register(probe{hit: func() { <-gate }})
	}
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	body := fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", 240-len(`{"text":""}`)))
	submitAll(b, d, n, body)
	cancel()
	close(gate)
	if err := errors.Join(<-done, d.Close()); err != nil {
		b.Fatal(err)
	}
}

// submitAll submits n tasks by 1,000 a call.
func submitAll(b *testing.B, d *daybook.Daybook, n int, parameters []byte) {
	b.Helper()
	for left := n; left > 0; left -= 1000 {
		submits := make([]task.Submit, min(left, 1000))
		for i := range submits {
			submits[i] = task.Submit{Type: "PROBE", Parameters: parameters}
		}
		if _, err := d.Submit(b.Context(), submits...); err != nil {
			b.Fatal(err)
		}
	}
}

// awaitSucceeded returns when n tasks have succeeded.
func awaitSucceeded(v *projection.Views, n int64) {
	for {
		changed := v.Changed()
		if succeeded(v) >= n {
			return
		}
		<-changed
	}
}

// processTime is the processor time of this process so far.
func processTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // cannot fail for oneself
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func succeeded(v *projection.Views) (n int64) {
	counts, _ := v.Counts()
	for _, c := range counts {
		if c.Status == task.Success {
			n += c.N
		}
	}
	return n
}

// BenchmarkCallers submits tasks one by one from a number of goroutines of this process;
// they are not due.
func BenchmarkCallers(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			submitFrom(b, callers, 1, time.Now().Add(24*time.Hour))
		})
	}
}

// BenchmarkBulk submits tasks of 240 bytes by the batch from two goroutines of this
// process. One operation is one task.
func BenchmarkBulk(b *testing.B) {
	for _, batch := range []int{100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			submitFrom(b, 2, batch, time.Now().Add(24*time.Hour))
		})
	}
}

// BenchmarkRunByBatches submits tasks of 240 bytes by 100 from four goroutines of this
// process and stops when the last has succeeded on disk.
func BenchmarkRunByBatches(b *testing.B) {
	submitFrom(b, 4, 100, time.Time{})
}

// submitFrom submits b.N tasks. Those that are due at once are waited for.
func submitFrom(b *testing.B, callers, batch int, due time.Time) {
	d := runDaybook(b, b.TempDir(), 256, func() {})
	body := fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", 240-len(`{"text":""}`)))
	latencies := make([]time.Duration, (b.N+batch-1)/batch)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(latencies); i = int(next.Add(1)) - 1 {
				submits := make([]task.Submit, min(batch, b.N-i*batch))
				for k := range submits {
					submits[k] = task.Submit{Type: "PROBE", Parameters: body}
					if !due.IsZero() {
						submits[k].RunAt = task.MicrosOf(due)
					}
				}
				start := time.Now()
				if _, err := d.Submit(b.Context(), submits...); err != nil {
					b.Error(err)
					return
				}
				latencies[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	if due.IsZero() {
		awaitSucceeded(d.Views(), int64(b.N))
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	reportLatency(b, latencies)
}

// BenchmarkPickUp measures, on an idle queue, the time from the sending of a submit over
// loopback to the start of its handler.
func BenchmarkPickUp(b *testing.B) {
	started := make(chan time.Time, 1)
	d := runDaybook(b, b.TempDir(), 8, func() { started <- time.Now() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: d.Handler()}
	go server.Serve(listener)
	b.Cleanup(func() { server.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	post := request("/api/tasks/submit", `{"task_type":"PROBE","parameters":{}}`)
	answer := make([]byte, 64<<10)
	var latencies []time.Duration
	for b.Loop() {
		sent := time.Now()
		if _, err := conn.Write(post); err != nil {
			b.Fatal(err)
		}
		latencies = append(latencies, (<-started).Sub(sent))
		if _, err := conn.Read(answer); err != nil {
			b.Fatal(err)
		}
		time.Sleep(time.Millisecond) // let the queue be idle again
	}
	slices.Sort(latencies)
	reportLatency(b, latencies)
}

// BenchmarkRebuild folds a log of finished tasks, three events each. One operation is
// one event.
func BenchmarkRebuild(b *testing.B) {
	dir := b.TempDir()
	writeTasks(b, dir, max(b.N/3, 1))
	log, err := sqlitelog.Open(b.Context(), sqlitelog.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	events := log.Head().Seq
	b.ResetTimer()
	if _, err := projection.Rebuild(b.Context(), log, nil); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// writeTasks leaves a data folder in which n tasks have run.
func writeTasks(b *testing.B, dir string, n int) {
	b.Helper()
	var ran atomic.Int64
	d, err := daybook.Open(b.Context(), daybook.Options{Data: dir, Concurrency: 256, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Register(probe{hit: func() { ran.Add(1) }}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	for left := n; left > 0; left -= 1000 {
		submits := make([]task.Submit, min(left, 1000))
		for i := range submits {
			submits[i] = task.Submit{Type: "PROBE", Parameters: []byte("{}")}
		}
		if _, err := d.Submit(b.Context(), submits...); err != nil {
			b.Fatal(err)
		}
	}
	for {
		changed := d.Views().Changed()
		if succeeded(d.Views()) >= int64(n) {
			break
		}
		<-changed
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
}
