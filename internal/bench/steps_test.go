package bench_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/task"
)

// BenchmarkSteps records steps from 64 workers, each with a task of its own, by one and by 100 a call. One operation is one step; each
// call is answered after its sync.
func BenchmarkSteps(b *testing.B) {
	const workers = 64
	for _, perCall := range []int{1, 100} {
		b.Run(fmt.Sprintf("steps-per-call=%d", perCall), func(b *testing.B) {
			s := startServer(b, "--concurrency", "8")
			perTask := task.MaxSteps / perCall * perCall
			tokens := s.leases(b, workers*(1+b.N/workers/perTask))
			var left atomic.Int64
			left.Store(int64(b.N))
			latencies := make([][]time.Duration, workers)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					conn, err := net.Dial("tcp", s.address)
					if err != nil {
						b.Error(err)
						return
					}
					defer conn.Close()
					r := bufio.NewReaderSize(conn, 256<<10)
					for done := 0; left.Add(-int64(perCall)) > -int64(perCall); done += perCall {
						put := putSteps(tokens[w+done/perTask*workers], done%perTask, perCall)
						start := time.Now()
						_, err := conn.Write(put)
						if err == nil {
							err = skipResponse(r)
						}
						if err != nil {
							b.Error(err)
							return
						}
						latencies[w] = append(latencies[w], time.Since(start))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
			var all []time.Duration
			for _, some := range latencies {
				all = append(all, some...)
			}
			reportLatency(b, all)
		})
	}
}

// putSteps is a request that records n steps, the first with a number.
func putSteps(token string, first, n int) []byte {
	path, body := fmt.Sprintf("/api/leases/%s/steps/page-%d", token, first), `{"url":"https://example.com/page","bytes":12345}`
	if n > 1 {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"page-%d":%s`, first+i, body))
		}
		path, body = "/api/leases/"+token+"/steps", `{"steps":{`+strings.Join(all, ",")+`}}`
	}
	return bytes.Replace(request(path, body), []byte("POST"), []byte("PUT"), 1)
}

// call sends a request and reads its answer.
func (s *server) call(b *testing.B, method, path string, body, answer any) {
	b.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	r, err := http.NewRequestWithContext(b.Context(), method, "http://"+s.address+path, bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		b.Fatal(err)
	}
}

type object = map[string]any

type leased struct {
	Leases []struct{ Token string }
}

// lease leases tasks, and waits for the first.
func (s *server) lease(b *testing.B, most int) (tokens []string) {
	b.Helper()
	var got leased
	s.call(b, "POST", "/api/leases", object{"worker": "bench", "task_types": []string{"CRAWL"}, "max": most, "wait_seconds": 30, "lease_seconds": 3600}, &got)
	for _, one := range got.Leases {
		tokens = append(tokens, one.Token)
	}
	return tokens
}

// leases submits tasks for workers, and leases them.
func (s *server) leases(b *testing.B, n int) (tokens []string) {
	b.Helper()
	s.call(b, "POST", "/api/leases", object{"worker": "bench", "task_types": []string{"CRAWL"}, "max": 1, "wait_seconds": 0}, nil) // makes the type known
	for range n {
		s.call(b, "POST", "/api/tasks/submit", object{"task_type": "CRAWL"}, nil)
	}
	for len(tokens) < n {
		tokens = append(tokens, s.lease(b, min(n-len(tokens), 1000))...)
	}
	return tokens
}

// BenchmarkWake is how long it takes from an event that is sent until a worker that waits for work has the task which waited for the event.
func BenchmarkWake(b *testing.B) {
	s := startServer(b, "--concurrency", "8")
	token := s.leases(b, 1)[0]
	latencies := make([]time.Duration, b.N)
	for i := range b.N {
		if i%1000 == 999 { // a task has no more than task.MaxSteps
			s.call(b, "POST", "/api/leases/"+token+"/complete", object{"result": nil}, nil)
			token = s.leases(b, 1)[0]
		}
		event := fmt.Sprint("paid:", i)
		s.call(b, "POST", "/api/leases/"+token+"/suspend", object{"step": event, "events": []string{event}}, nil)
		got := make(chan string, 1)
		go func() { got <- s.lease(b, 1)[0] }()
		time.Sleep(2 * time.Millisecond) // so that the worker waits
		start := time.Now()
		s.call(b, "POST", "/api/events", object{"name": event, "payload": object{"amount": i}}, nil)
		token = <-got
		latencies[i] = time.Since(start)
	}
	reportLatency(b, latencies)
}
