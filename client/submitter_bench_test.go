package client_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"daybook/client"
)

// far is a transport over a link whose every way takes oneWay.
type far struct {
	http.RoundTripper
	oneWay time.Duration
}

func (f far) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(f.oneWay)
	answer, err := f.RoundTripper.RoundTrip(r)
	time.Sleep(f.oneWay)
	return answer, err
}

// BenchmarkSubmitter has 64 goroutines submit one task at a time to a server in the same
// process, near and 20 ms away, with and without a pause of up to 40 ms between two tasks.
func BenchmarkSubmitter(b *testing.B) {
	for _, c := range []struct {
		name          string
		oneWay, pause time.Duration
	}{
		{"near", 0, 0}, {"near/pause", 0, 40 * time.Millisecond},
		{"far", 20 * time.Millisecond, 0}, {"far/pause", 20 * time.Millisecond, 40 * time.Millisecond},
	} {
		b.Run(c.name, func(b *testing.B) {
			web := serve(b)
			to, err := client.New(web.URL, &http.Client{Transport: far{web.Client().Transport, c.oneWay}})
			if err != nil {
				b.Fatal(err)
			}
			submitFrom(b, to.NewSubmitter(), 64, c.pause)
		})
	}
}

func submitFrom(b *testing.B, s *client.Submitter, callers int, pause time.Duration) {
	var (
		wg   sync.WaitGroup
		took = make([][]time.Duration, callers)
	)
	b.ResetTimer()
	for i := range callers {
		wg.Go(func() {
			for k := i; k < b.N; k += callers {
				if pause > 0 {
					time.Sleep(rand.N(pause))
				}
				began := time.Now()
				if _, err := s.Submit(b.Context(), long()); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	wg.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}
