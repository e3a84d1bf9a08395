package daybook_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkPush keeps 200 pages connected while tasks that make 1,000 events a second run,
// and measures at ten of them how long after the moment of a change its row arrives.
// Each operation is one task.
func BenchmarkPush(b *testing.B) {
	const clients, measured, tasksPerSecond = 200, 10, 333
	server := startServer(b, "--concurrency", "8")
	ctx, cancel := context.WithCancel(b.Context())
	var mu sync.Mutex
	var latencies []time.Duration
	var wg, ready sync.WaitGroup
	ready.Add(clients)
	for i := range clients {
		wg.Go(func() {
			got, err := followScreen(ctx, server.address, i < measured, ready.Done)
			if err != nil && ctx.Err() == nil {
				b.Error(err)
			}
			mu.Lock()
			latencies = append(latencies, got...)
			mu.Unlock()
		})
	}
	ready.Wait()
	post := request("/api/tasks/submit", noop)
	tick := time.NewTicker(time.Second / tasksPerSecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		server.load(b, 1, 1, post)
	}
	time.Sleep(200 * time.Millisecond)
	cancel()
	wg.Wait()
	if len(latencies) == 0 {
		b.Fatal("no row arrived")
	}
	slices.Sort(latencies)
	reportLatency(b, latencies)
}

// followScreen reads /api/stream until ctx ends; with measure it returns how old each
// change was when it arrived.
func followScreen(ctx context.Context, address string, measure bool, ready func()) ([]time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/api/stream", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	ready()
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if !measure {
		_, err = io.Copy(io.Discard, resp.Body)
		return nil, err
	}
	var latencies []time.Duration
	r := bufio.NewReaderSize(resp.Body, 1<<20)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return latencies, err
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		now := time.Now()
		var message struct {
			Rows []struct {
				CompletedAt *time.Time `json:"completed_at"`
			}
		}
		if err := json.Unmarshal(data, &message); err != nil {
			return latencies, err
		}
		for _, row := range message.Rows {
			if row.CompletedAt != nil {
				latencies = append(latencies, now.Sub(*row.CompletedAt))
			}
		}
	}
}
