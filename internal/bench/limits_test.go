package bench_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook"
	"daybook/task"
)

// BenchmarkBesideLimits submits and runs tasks of a queue, by 64 callers, on disk, while many tasks wait in 999
// queues that have reached their limit and whose keys take turns. The queue itself has limits too, which hold
// nothing up.
func BenchmarkBesideLimits(b *testing.B) {
	const queues, keys, callers = 999, 100_000, 64
	for _, waiting := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			tune()
			gate := make(chan struct{})
			var ended atomic.Int64
			d, err := daybook.Open(b.Context(), daybook.Options{Data: b.TempDir(), Concurrency: queues + callers, Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				err = errors.Join(d.Register(probe{hit: func() { <-gate }, name: "HELD"}), d.Register(probe{hit: func() { ended.Add(1) }}))
			}
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- d.Run(ctx) }()
			limit(b, d, "free", `{"concurrency":10000,"rate_per_second":1000000,"burst":10000,"key_concurrency":1000,"fair_keys":true}`)
			if waiting > 0 {
				for q := range queues {
					limit(b, d, fmt.Sprint("q", q), `{"concurrency":1,"key_concurrency":1,"fair_keys":true}`)
				}
			}
			for from := 0; from < waiting; from += 1000 {
				submits := make([]task.Submit, 1000)
				for i := range submits {
					submits[i] = task.Submit{Type: "HELD", Queue: fmt.Sprint("q", i%queues), ConcurrencyKey: fmt.Sprint("k", (from+i)%keys), Parameters: []byte("{}")}
				}
				if _, err := d.Submit(b.Context(), submits...); err != nil {
					b.Fatal(err)
				}
			}
			for d.Views().Stats().Lag > 0 { // the view file is being written
				time.Sleep(10 * time.Millisecond)
			}
			runtime.GC()
			b.ResetTimer()
			before := processTime()
			var all sync.WaitGroup
			var begun atomic.Int64
			for i := range callers {
				all.Go(func() {
					for begun.Add(1) <= int64(b.N) {
						one := task.Submit{Type: "PROBE", Queue: "free", ConcurrencyKey: fmt.Sprint("k", i), Parameters: []byte("{}")}
						if _, err := d.Submit(b.Context(), one); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			awaitSucceeded(d.Views(), int64(b.N))
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
			b.ReportMetric(float64((processTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/task")
			close(gate)
			cancel()
			if err := errors.Join(<-done, d.Close()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func limit(b *testing.B, d *daybook.Daybook, queue, limits string) {
	b.Helper()
	request := httptest.NewRequest(http.MethodPatch, "/api/queues/"+queue, strings.NewReader(limits))
	request.Header.Set("Content-Type", "application/json")
	request.Host, request.RemoteAddr = "127.0.0.1", "127.0.0.1:1"
	answer := httptest.NewRecorder()
	d.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		b.Fatal(answer.Body.String())
	}
}
