package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"daybook/eventlog"
	"daybook/eventlog/payloadcache"
	"daybook/eventlog/sqlitelog"
	"daybook/task"
)

const benchBody = `{"task_type":"ECHO","parameters":{"rows":1000,"seed":42,"name":"a report","nested":{"a":[1,2,3]}},"queue":"default","priority":5}`

func BenchmarkDecodeSubmit(b *testing.B) {
	h := openBench(b, false)
	b.ReportAllocs()
	b.SetBytes(int64(len(benchBody)))
	r := &http.Request{Header: http.Header{}, ContentLength: int64(len(benchBody))}
	reader := bytes.NewReader(nil)
	body := io.NopCloser(iotest.DataErrReader(reader)) // as net/http does
	p := &reply{}
	for b.Loop() {
		reader.Reset([]byte(benchBody))
		r.Body = body
		var s task.Submit
		if err := h.api.readSubmit(p, r, "", &s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeRow(b *testing.B) {
	t := task.Task{Type: "ECHO", Queue: "default", Status: task.Pending, CreatedAt: 1_700_000_000_000_001, MaxAttempts: 3,
		Priority: 5, Version: 1, LastSeq: 123456}
	one := row{task: &t, parameters: []byte(`{"rows":1000,"seed":42,"name":"a report","nested":{"a":[1,2,3]}}`)}
	b.ReportAllocs()
	buffer := make([]byte, 0, 4096)
	for b.Loop() {
		buffer = appendRow(buffer[:0], &one, whole)
	}
	b.SetBytes(int64(len(buffer)))
}

// BenchmarkRows makes a list of 100 rows, each with parameters and a result that are not
// in the cache: of neighbours, and of tasks at random places of the log.
func BenchmarkRows(b *testing.B) {
	const n, total = 100, 300_000
	h := openBench(b, false)
	log := payloadLog(b, total)
	for _, k := range []struct {
		name string
		step int64
	}{{"neighbours", 3}, {"random", 131_071}} {
		b.Run(k.name, func(b *testing.B) {
			tasks := make([]task.Task, n)
			seq := int64(0)
			buffer := make([]byte, 0, 1<<17)
			b.ReportAllocs()
			for b.Loop() {
				h.api.Payloads = payloadcache.New(log, 1<<20)
				for i := range tasks {
					seq = (seq + k.step) % (total - 2)
					tasks[i] = task.Task{Type: "ECHO", Status: task.Success, SubmitSeq: seq + 1, ResultSeq: seq + 3}
				}
				buffer = buffer[:0]
				for one, err := range h.api.rows(b.Context(), tasks, listed) {
					if err != nil {
						b.Fatal(err)
					}
					buffer = appendRow(buffer, one, listed)
				}
			}
		})
	}
}

// payloadLog is a log on disk of n events, each with a payload of 240 bytes.
func payloadLog(b *testing.B, n int) eventlog.Log {
	b.Helper()
	log, err := sqlitelog.Open(b.Context(), sqlitelog.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	payload := fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), 238))
	for first := 1; first <= n; first += 10_000 {
		events := make([]*eventlog.Event, 10_000)
		for i := range events {
			events[i] = &eventlog.Event{Stream: "task:a", Version: int64(first + i), Type: "task.submitted", V: 1, Actor: "a",
				Data: []byte("{}"), Payload: payload}
		}
		if r := log.Append(b.Context(), []eventlog.Entry{{Events: events}})[0]; r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	return log
}

// discard is a ResponseWriter that keeps nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkRoute measures what every request pays: guards, router, metrics, an answer.
func BenchmarkRoute(b *testing.B) {
	h := openBench(b, false)
	for _, path := range []string{"/api/tasks/submit", "/api/tasks/", "/api/health"} {
		b.Run(path, func(b *testing.B) {
			r := &http.Request{Method: "OPTIONS", Host: "127.0.0.1:8000", URL: &url.URL{Path: path}, Header: http.Header{}}
			d := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(d.header)
				h.api.ServeHTTP(d, r)
			}
			if d.status != 204 {
				b.Fatal(d.status)
			}
		})
	}
}

func openBench(b *testing.B, onDisk bool) *house {
	b.Helper()
	if !onDisk {
		return open(b, nil)
	}
	log, err := sqlitelog.Open(b.Context(), sqlitelog.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	return open(b, log)
}

// BenchmarkServeSubmit is one submit after another, to the log and back, without a network.
func BenchmarkServeSubmit(b *testing.B) {
	h := openBench(b, false)
	r := &http.Request{Method: "POST", Host: "127.0.0.1:8000", URL: &url.URL{Path: "/api/tasks/submit"},
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(benchDelayed))}
	d := &discard{header: http.Header{}}
	reader := bytes.NewReader(nil)
	body := io.NopCloser(reader)
	b.ReportAllocs()
	for b.Loop() {
		clear(d.header)
		reader.Reset([]byte(benchDelayed))
		r.Body = body
		h.api.ServeHTTP(d, r)
	}
}

// benchDelayed is a submit that does not run while the benchmark does.
const benchDelayed = `{"task_type":"ECHO","parameters":{"rows":1000,"seed":42,"name":"a report","nested":{"a":[1,2,3]}},"delay_seconds":3600}`

// BenchmarkSubmitOverHTTP is submits over kept-alive connections to a log on disk, each
// acknowledged after its sync; the load comes from the same process.
func BenchmarkSubmitOverHTTP(b *testing.B) {
	for _, connections := range []int{1, 64} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			h := openBench(b, true)
			load(b, h, connections, "/api/tasks/submit", benchDelayed, 1)
		})
	}
}

// BenchmarkBatchOverHTTP is batches of 100.
func BenchmarkBatchOverHTTP(b *testing.B) {
	h := openBench(b, true)
	batch := "[" + string(bytes.Repeat([]byte(benchDelayed+","), 99)) + benchDelayed + "]"
	load(b, h, 16, "/api/tasks/batch", batch, 100)
}

// BenchmarkTasksOverHTTP is tasks that run while others are submitted.
func BenchmarkTasksOverHTTP(b *testing.B) {
	h := openBench(b, true)
	load(b, h, 64, "/api/tasks/submit", benchBody, 1)
}

func load(b *testing.B, h *house, connections int, path, body string, each int) {
	b.Helper()
	request := []byte("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for range connections {
		all.Go(func() {
			conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 64<<10)
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(request); err != nil {
					b.Error(err)
					return
				}
				if err := skipAnswer(in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "tasks/s")
}

// skipAnswer reads one answer that has a Content-Length, and wants a 200.
func skipAnswer(in *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answered %q", line)
		}
		if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(n)))
		}
		if len(line) <= 2 {
			break
		}
	}
	_, err := in.Discard(length)
	return err
}
