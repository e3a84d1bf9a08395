package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The benchmarks of this file load the real binary over loopback, from this process.

const noop = `{"task_type":"SLEEP","parameters":{}}`

// BenchmarkSubmit posts tasks one by one; each is answered after its sync.
func BenchmarkSubmit(b *testing.B) {
	for _, conns := range []int{1, 64} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			server := startServer(b, "--concurrency", "8")
			post := request("/api/tasks/submit", `{"task_type":"SLEEP","parameters":{},"delay_seconds":86400}`)
			server.load(b, conns, 2000, post) // warm
			b.ResetTimer()
			latencies := server.load(b, conns, b.N, post)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
			reportLatency(b, latencies)
		})
	}
}

// BenchmarkEndToEnd posts no-op tasks one by one over 64 connections while they run, and
// stops when the last has succeeded on disk.
func BenchmarkEndToEnd(b *testing.B) {
	server := startServer(b, "--concurrency", "64")
	post := request("/api/tasks/submit", noop)
	server.load(b, 64, 2000, post)
	server.waitSucceeded(b, 2000)
	b.ResetTimer()
	server.load(b, 64, b.N, post)
	server.waitSucceeded(b, 2000+b.N)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkBatch posts 100 tasks at a time. One operation is one task.
func BenchmarkBatch(b *testing.B) {
	server := startServer(b, "--concurrency", "8")
	var body bytes.Buffer
	body.WriteByte('[')
	for i := range 100 {
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`{"task_type":"SLEEP","parameters":{},"delay_seconds":86400}`)
	}
	body.WriteByte(']')
	post := request("/api/tasks/batch", body.String())
	server.load(b, 8, 100, post)
	b.ResetTimer()
	server.load(b, 8, (b.N+99)/100, post)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// request is a whole HTTP/1.1 POST, ready to be written many times.
func request(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, len(body), body)
}

func reportLatency(b *testing.B, latencies []time.Duration) {
	slices.Sort(latencies)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(latencies[len(latencies)*p/100].Nanoseconds()), fmt.Sprintf("p%d-ns", p))
	}
}

type server struct {
	address string
	pid     int
}

// binaryPath is where the binary is built; it is removed when all has run.
var binaryPath = filepath.Join(os.TempDir(), fmt.Sprintf("daybook-bench-%d", os.Getpid()))

var binary = sync.OnceValues(func() (string, error) {
	path := binaryPath
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/daybook").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// startServer runs the binary on a fresh data folder until the benchmark ends.
func startServer(b *testing.B, flags ...string) *server {
	b.Helper()
	path, err := binary()
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &server{address: listener.Addr().String()}
	listener.Close()
	cmd := exec.Command(path, append([]string{"serve", "--addr", s.address, "--data", b.TempDir()}, flags...)...)
	cmd.Stderr, cmd.Stdout = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	})
	s.waitReady(b)
	return s
}

// waitReady returns when the server answers.
func (s *server) waitReady(b *testing.B) {
	b.Helper()
	for range 500 {
		if resp, err := http.Get("http://" + s.address + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("the server did not come up")
}

// load writes the request n times over a number of keep-alive connections and returns
// how long each answer took. It parses no more of an answer than it must.
func (s *server) load(b *testing.B, conns, n int, post []byte) []time.Duration {
	b.Helper()
	latencies := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			conn, err := net.Dial("tcp", s.address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReaderSize(conn, 256<<10)
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				start := time.Now()
				if _, err := conn.Write(post); err != nil {
					b.Error(err)
					return
				}
				if err := skipResponse(r); err != nil {
					b.Error(err)
					return
				}
				latencies[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	return latencies
}

// skipResponse reads one answer with a Content-Length and fails unless it is a 200.
func skipResponse(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		rest, _ := r.Peek(r.Buffered())
		return fmt.Errorf("answer: %s%s", line, rest)
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("answer without a Content-Length")
	}
	_, err = r.Discard(length)
	return err
}

// waitSucceeded returns when that many tasks have succeeded.
func (s *server) waitSucceeded(b *testing.B, n int) {
	b.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		req, _ := http.NewRequestWithContext(context.Background(), "GET", "http://"+s.address+"/api/tasks/?status=SUCCESS&limit=1&fields=summary", nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		var tasks []json.RawMessage
		err = json.NewDecoder(resp.Body).Decode(&tasks)
		resp.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
		if total, _ := strconv.Atoi(resp.Header.Get("X-Total-Count")); total >= n {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	b.Fatalf("%d tasks did not succeed in time", n)
}
