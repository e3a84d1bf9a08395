package bench_test

import (
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The benchmarks of this file measure the machine: what no server on net/http and no log
// on this disk can beat. Read the others as ratios to them.

var bare = flag.String("bare", "", "serve a fixed answer on this address instead of running tests")

func TestMain(m *testing.M) {
	flag.Parse()
	if *bare != "" {
		serveBare(*bare)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.Remove(binaryPath) // it is there only if a benchmark has run
		os.Exit(code)
	}))
}

// serveBare answers every request with as many bytes as a submit is answered with.
func serveBare(address string) {
	answer := make([]byte, 500)
	length := []string{strconv.Itoa(len(answer))}
	err := http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header()["Content-Length"] = length
		_, _ = w.Write(answer)
	}))
	panic(err)
}

// BenchmarkFloorHTTP posts the body of a submit over 64 connections to a server that
// does nothing with it.
func BenchmarkFloorHTTP(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &server{address: listener.Addr().String()}
	listener.Close()
	cmd := exec.Command(os.Args[0], "-bare", s.address)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	})
	s.waitReady(b)
	post := request("/api/tasks/submit", noop)
	s.load(b, 64, 2000, post)
	b.ResetTimer()
	s.load(b, 64, b.N, post)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
}

// BenchmarkFloorSync appends a page of 4 KiB to a file and syncs it, as the least that an
// acknowledged write costs.
func BenchmarkFloorSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	var latencies []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		latencies = append(latencies, time.Since(start))
	}
	slices.Sort(latencies)
	reportLatency(b, latencies)
}
