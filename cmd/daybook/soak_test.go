package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"daybook/internal/freeaddr"
)

var soak = flag.Duration("soak", 0, "how long the soak test loads the server; 0 = it is left out")

const (
	soakRate    = 2000 // tasks a second
	soakBatch   = 20   // of them in one request
	soakPosters = 4    // connections that submit
	soakClients = 60   // event streams at any time
	soakSample  = 5 * time.Second
	soakFloor   = 6 // samples of which the lowest live heap counts: what is in work is not growth

	// The most that may grow, beyond what the scatter of the samples explains.
	mostHeapGrowth = 1 << 20 // bytes of live heap in 10 minutes
	mostLeft       = 10      // goroutines, or open files, more after the load than before
)

// TestNothingGrowsUnderLoad submits tasks at a steady rate while clients of event streams
// come and go, some without reading, and looks at /metrics: over the second half of the
// time nothing may grow, and when all have left nothing of them may be left.
func TestNothingGrowsUnderLoad(t *testing.T) {
	if *soak == 0 {
		t.Skip("make soak runs it")
	}
	dir, addr := t.TempDir(), freeaddr.Find(t)
	p, err := startServer(dir, os.Environ(), "--addr", addr, "--data", "data", "--quiet", "--concurrency", "64")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	if err := p.ready(time.Minute); err != nil {
		t.Fatal(err)
	}
	before := scrape(t, p.url)
	ctx, stop := context.WithTimeout(t.Context(), *soak)
	defer stop()
	l := &soakLoad{addr: addr}
	var loading sync.WaitGroup
	for range soakPosters {
		loading.Go(func() { l.submit(ctx) })
	}
	for i := range soakClients {
		loading.Go(func() { l.come(ctx, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	samples := takeSamples(t, ctx, p)
	loading.Wait()
	if err := l.failed.Load(); err != nil {
		t.Error("load:", *err)
	}
	done := awaitIdle(t, p, int(l.submitted.Load()))
	t.Logf("%d tasks (%.0f/s), %d streams, %d bytes read from them", l.submitted.Load(), float64(l.submitted.Load())/soak.Seconds(), l.streams.Load(), l.read.Load())
	if want := soakRate * soak.Seconds(); float64(l.submitted.Load()) < 0.9*want {
		t.Errorf("%d tasks were submitted, not %.0f: the machine has no time for this load", l.submitted.Load(), want)
	}
	judge(t, samples[len(samples)/2:])
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if done[name] > before[name]+mostLeft {
			t.Errorf("%s: %v before the load, %v after it", name, before[name], done[name])
		}
	}
	if code, err := p.stop(syscall.SIGTERM, time.Minute); err != nil || code != exitDone {
		t.Errorf("stop: exit code %d, %v:\n%s", code, err, p.stderr.String())
	}
}

// watched is what the samples are made of, and how each is shown.
var watched = []struct {
	metric, name string
	unit         float64
}{
	{"go_gc_heap_live_bytes", "live heap MiB", 1 << 20},
	{beyondCaches, "beyond caches MiB", 1 << 20},
	{"go_memstats_heap_inuse_bytes", "heap in use MiB", 1 << 20},
	{"process_resident_memory_bytes", "resident MiB", 1 << 20},
	{"go_goroutines", "goroutines", 1},
	{"process_open_fds", "open files", 1},
	{"daybook_log_ring_bytes", "ring MiB", 1 << 20},
	{"daybook_payload_cache_bytes", "payload cache MiB", 1 << 20},
	{"daybook_sse_shared_bytes", "shared messages KiB", 1 << 10},
	{"daybook_view_tasks_in_memory", "tasks in memory", 1},
	{"daybook_view_file_lag_events", "view lag events", 1},
	{"daybook_text_lag_tasks", "text lag tasks", 1},
	{"daybook_log_wal_bytes", "log WAL MiB", 1 << 20},
	{"daybook_view_file_wal_bytes", "view WAL MiB", 1 << 20},
	{"daybook_sse_clients", "streams", 1},
}

// beyondCaches is the live heap without the stores that fill up to a bound of their own.
const beyondCaches = "live heap beyond ring and payload cache"

// sample is /metrics at a moment.
type sample struct {
	at time.Duration // since the start
	of map[string]float64
}

// takeSamples reads /metrics until ctx ends, and shows some.
func takeSamples(t *testing.T, ctx context.Context, p *process) (all []sample) {
	t.Helper()
	start := time.Now()
	ticker := time.NewTicker(soakSample)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return all
		case <-ticker.C:
		}
		if p.ended() {
			t.Fatalf("the server ended (%v):\n%s", p.err, p.stderr.String())
		}
		one := sample{time.Since(start), scrape(t, p.url)}
		if ctx.Err() != nil {
			return all // the clients are leaving
		}
		one.of[beyondCaches] = one.of["go_gc_heap_live_bytes"] - one.of["daybook_log_ring_bytes"] - one.of["daybook_payload_cache_bytes"]
		all = append(all, one)
		if len(all)%6 == 0 {
			var line strings.Builder
			for _, w := range watched {
				fmt.Fprintf(&line, "  %s %.1f", w.name, all[len(all)-1].of[w.metric]/w.unit)
			}
			t.Logf("%4.0fs%s", all[len(all)-1].at.Seconds(), &line)
		}
	}
}

// judge fits a line through the samples of each metric and fails on growth.
func judge(t *testing.T, samples []sample) {
	t.Helper()
	if len(samples) < 3*soakFloor {
		t.Fatal("the soak is too short for a slope: it takes three minutes")
	}
	for _, w := range watched {
		f := fit(samples, w.metric)
		if w.metric == beyondCaches {
			f = fit(floors(samples, w.metric), w.metric)
		}
		per10 := 600 / w.unit
		t.Logf("%-20s mean %10.1f  slope %+8.2f ± %.2f in 10 minutes", w.name, f.mean/w.unit, f.slope*per10, f.error*per10)
		sure := (f.slope - 2*f.error) * 600
		grows := false
		switch w.metric {
		case beyondCaches:
			grows = sure > mostHeapGrowth
		case "go_goroutines", "process_open_fds":
			grows = sure > max(1, f.mean/100)
		}
		if grows {
			t.Errorf("%s grow by %.2f in 10 minutes", w.name, f.slope*per10)
		}
	}
}

// floors keeps of every few samples the one that is lowest.
func floors(samples []sample, metric string) (low []sample) {
	for some := range slices.Chunk(samples, soakFloor) {
		low = append(low, slices.MinFunc(some, func(a, b sample) int { return cmp.Compare(a.of[metric], b.of[metric]) }))
	}
	return low
}

// line is a fit by least squares.
type line struct {
	mean, slope float64 // slope by the second
	error       float64 // standard error of slope
}

func fit(samples []sample, metric string) (f line) {
	n := float64(len(samples))
	var middle float64
	for _, s := range samples {
		middle += s.at.Seconds() / n
		f.mean += s.of[metric] / n
	}
	var xx, xy, rest float64
	for _, s := range samples {
		x := s.at.Seconds() - middle
		xx += x * x
		xy += x * (s.of[metric] - f.mean)
	}
	f.slope = xy / xx
	for _, s := range samples {
		d := s.of[metric] - f.mean - f.slope*(s.at.Seconds()-middle)
		rest += d * d
	}
	f.error = math.Sqrt(rest / max(1, n-2) / xx)
	return f
}

// awaitIdle returns /metrics when all tasks have ended and all clients have gone.
func awaitIdle(t *testing.T, p *process, tasks int) map[string]float64 {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		m := scrape(t, p.url)
		ended := m[`daybook_tasks{queue="default",status="SUCCESS",task_type="SLEEP"}`]
		if int(ended) == tasks && m["daybook_sse_clients"] == 0 && m["daybook_attempts_running"] == 0 {
			http.DefaultClient.CloseIdleConnections()
			time.Sleep(time.Second) // the server sees that they are closed
			return scrape(t, p.url)
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute %v of %d tasks have ended, %v streams are open", ended, tasks, m["daybook_sse_clients"])
		}
	}
}

// soakLoad is who loads the server.
type soakLoad struct {
	addr                     string
	submitted, streams, read atomic.Int64
	failed                   atomic.Pointer[error] // the first one
}

// submit submits batches at the rate, and makes up for the time that it was held up.
func (l *soakLoad) submit(ctx context.Context) {
	one := `{"task_type":"SLEEP","parameters":{"result":{"text":"` + strings.Repeat("soak ", 20) + `"}},"tags":["soak"]}`
	body := []byte("[" + one + strings.Repeat(","+one, soakBatch-1) + "]")
	web := &http.Client{Transport: &http.Transport{}}
	defer web.CloseIdleConnections()
	for due := time.Now(); ctx.Err() == nil; due = due.Add(time.Second * soakBatch * soakPosters / soakRate) {
		rest(ctx, time.Until(due))
		resp, err := web.Post("http://"+l.addr+"/api/tasks/batch", "application/json", bytes.NewReader(body))
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("submit: %s", resp.Status)
			}
		}
		if err != nil {
			l.failed.CompareAndSwap(nil, &err)
			return
		}
		l.submitted.Add(soakBatch)
	}
}

// come opens streams one after the other, reads a while, or does not, and leaves.
func (l *soakLoad) come(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		path := []string{"/api/stream", "/api/log/stream", "/api/log/stream?type=task.failed"}[random.IntN(3)]
		if random.IntN(50) == 0 {
			path = "/api/log/stream?after=0" // all that was, as fast as it goes
		}
		if err := l.listen(ctx, path, random.IntN(5) == 0, time.Duration(random.Int64N(int64(8*time.Second)))); err != nil {
			l.failed.CompareAndSwap(nil, &err)
			return
		}
	}
}

func (l *soakLoad) listen(ctx context.Context, path string, stalls bool, stay time.Duration) error {
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	l.streams.Add(1)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	if stalls {
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		rest(ctx, stay)
		return nil
	}
	_ = conn.SetReadDeadline(time.Now().Add(stay))
	n, _ := io.Copy(io.Discard, conn) // it ends by the deadline
	l.read.Add(n)
	return nil
}

// rest waits, but not longer than ctx.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func TestAFitFindsTheSlopeAndItsError(t *testing.T) {
	var straight, flat []sample
	for i := range 100 {
		at := time.Duration(i) * soakSample
		straight = append(straight, sample{at, map[string]float64{"m": 7 + 3*at.Seconds()}})
		flat = append(flat, sample{at, map[string]float64{"m": 100 + float64(i%2)}})
	}
	if f := fit(straight, "m"); math.Abs(f.slope-3) > 1e-9 || f.error > 1e-9 || math.Abs(f.mean-7-3*247.5) > 1e-6 {
		t.Errorf("%+v", f)
	}
	if f := fit(flat, "m"); math.Abs(f.slope) > 2*f.error || f.error == 0 {
		t.Errorf("%+v", f)
	}
}
