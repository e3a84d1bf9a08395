package bench_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/task"

	oklog "github.com/oklog/ulid/v2" // house_test.go has the plain name
)

// The benchmark of this file asks what a long history costs: go test -run '^$' -bench
// BenchmarkHistory -ended 10000000 -timeout 2h .

var (
	endedTasks = flag.Int("ended", 100_000, "tasks that have ended before BenchmarkHistory begins")
	oldViews   = flag.Bool("views", false, "let BenchmarkHistory use the view files that are there, and not make them again")
	historyDir = flag.String("history", "", "folder in which BenchmarkHistory keeps its log for the next run; empty = none")
)

// BenchmarkHistory starts the real binary on a log of many ended tasks, three events
// each, and measures start, memory, reads and writes.
func BenchmarkHistory(b *testing.B) {
	dir := *historyDir
	if dir == "" {
		dir = b.TempDir()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	ids := writeHistory(b, dir, *endedTasks)
	for _, name := range []string{"views.db", "text.db"} {
		if *oldViews {
			break
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(filepath.Join(dir, name+suffix)); err != nil && !os.IsNotExist(err) {
				b.Fatal(err)
			}
		}
	}
	began := time.Now()
	h := startHistory(b, dir)
	b.Run(map[bool]string{false: "rebuild", true: "start=first"}[*oldViews], func(b *testing.B) {
		b.ReportMetric(3*float64(*endedTasks)/h.up.Seconds(), "events/s")
		h.memory(b)
	})
	b.Run("text", func(b *testing.B) {
		n := h.waitIndexed(b)
		b.ReportMetric(float64(n)/time.Since(began.Add(h.up)).Seconds(), "tasks/s")
		h.memory(b)
	})
	h.stop(b, syscall.SIGTERM)
	b.Run("start=clean", func(b *testing.B) {
		for range b.N {
			h = startHistory(b, dir)
			h.stop(b, syscall.SIGTERM)
		}
		b.ReportMetric(float64(h.up.Nanoseconds()), "start-ns")
	})
	h = startHistory(b, dir)
	h.reads(b, ids)
	b.Run("run/conns=64", func(b *testing.B) {
		empty := startHistory(b, b.TempDir())
		defer empty.stop(b, syscall.SIGKILL)
		var long, short []float64
		for range 3 {
			long, short = append(long, h.rate(b)), append(short, empty.rate(b))
		}
		slices.Sort(long)
		slices.Sort(short)
		b.ReportMetric(long[1], "tasks/s")
		b.ReportMetric(short[1], "empty-tasks/s")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("memory", func(b *testing.B) { h.memory(b) })
	h.stop(b, syscall.SIGKILL)
	b.Run("start=killed", func(b *testing.B) {
		h = startHistory(b, dir)
		b.ReportMetric(float64(h.up.Nanoseconds()), "start-ns")
		h.stop(b, syscall.SIGTERM)
	})
}

// history is the binary on a long log.
type history struct {
	*server
	cmd *exec.Cmd
	up  time.Duration // from the start of the process to its first answer
}

func startHistory(b *testing.B, dir string) *history {
	b.Helper()
	path, err := binary()
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	h := &history{server: &server{address: listener.Addr().String()}}
	listener.Close()
	h.cmd = exec.Command(path, "serve", "--addr", h.address, "--data", dir, "--concurrency", "64", "--quiet")
	h.cmd.Stderr = os.Stderr
	began := time.Now()
	if err := h.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	h.pid = h.cmd.Process.Pid
	for {
		if resp, err := http.Get("http://" + h.address + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(began) > 30*time.Minute {
			b.Fatal("the server did not come up")
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.up = time.Since(began)
	return h
}

func (h *history) stop(b *testing.B, signal syscall.Signal) {
	b.Helper()
	if err := h.cmd.Process.Signal(signal); err != nil {
		b.Fatal(err)
	}
	_ = h.cmd.Wait() // killed, or stopped: a lasting fault shows at the next start
}

// rate posts tasks that do nothing one by one over 64 connections, has them run, and
// returns how many ended a second.
func (h *history) rate(b *testing.B) float64 {
	const n = 20_000
	post := request("/api/tasks/submit", noop)
	before := h.ended(b)
	h.load(b, 64, 2000, post)
	for h.ended(b) < before+2000 {
		time.Sleep(2 * time.Millisecond)
	}
	began := time.Now()
	h.load(b, 64, n, post)
	for h.ended(b) < before+2000+n {
		time.Sleep(2 * time.Millisecond)
	}
	return n / time.Since(began).Seconds()
}

// ended is how many tasks have succeeded.
func (h *history) ended(b *testing.B) int {
	resp, err := http.Get("http://" + h.address + "/api/tasks/?status=SUCCESS&limit=1&fields=summary")
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	n, err := strconv.Atoi(resp.Header.Get("X-Total-Count"))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// memory reports what of the process is resident, and what it was at most.
func (h *history) memory(b *testing.B) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "VmRSS:":
			b.ReportMetric(kib*1024, "resident-B")
		case "VmHWM:":
			b.ReportMetric(kib*1024, "peak-B")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// waitIndexed returns how many tasks have their texts indexed once no more are.
func (h *history) waitIndexed(b *testing.B) int {
	b.Helper()
	for {
		n, lag := int(h.metric(b, "daybook_text_tasks")), h.metric(b, "daybook_text_lag_tasks")
		if lag == 0 {
			return n
		}
		time.Sleep(time.Second)
	}
}

// metric reads a number of /metrics.
func (h *history) metric(b *testing.B, name string) float64 {
	b.Helper()
	resp, err := http.Get("http://" + h.address + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("/metrics has no %s", name)
	return 0
}

// reads asks for pages, tasks, searches and counts, at places chosen at random.
func (h *history) reads(b *testing.B, ids []oklog.ULID) {
	source := rand.New(rand.NewPCG(1, 2))
	anywhere := func() string {
		id := ids[source.IntN(len(ids))]
		return url.QueryEscape(time.UnixMilli(int64(id.Time())).UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	for _, read := range []struct {
		name string
		path func() string
	}{
		{"list", func() string { return "/api/tasks/?created_before=" + anywhere() }},
		{"list/newest", func() string { return "/api/tasks/" }},
		{"list/status", func() string { return "/api/tasks/?status=FAILED&created_before=" + anywhere() }},
		{"list/type+queue", func() string { return "/api/tasks/?task_type=SLEEP&queue=bulk&created_before=" + anywhere() }},
		{"list/tag", func() string { return fmt.Sprintf("/api/tasks/?tag=customer-%d", source.IntN(500)) }},
		{"list/tag+status", func() string { return fmt.Sprintf("/api/tasks/?tag=customer-%d&status=FAILED", source.IntN(500)) }},
		{"list/duration", func() string { return "/api/tasks/?duration_min=20&created_before=" + anywhere() }},
		{"get", func() string { return "/api/tasks/" + ids[source.IntN(len(ids))].String() }},
		{"events", func() string { return "/api/tasks/" + ids[source.IntN(len(ids))].String() + "/events" }},
		{"search/common", func() string { return "/api/tasks/?q=example" }},
		{"search/one", func() string { return fmt.Sprintf("/api/tasks/?q=order%%20%d", source.IntN(*endedTasks)) }},
		{"search/error", func() string { return "/api/tasks/?status=FAILED&q=refused%20connection" }},
		{"search/two", func() string {
			return fmt.Sprintf("/api/tasks/?q=user%d%%20shipment", source.IntN(10_000))
		}},
		{"search/none", func() string { return "/api/tasks/?q=zzyzx" }},
		{"stats", func() string { return "/api/stats" }},
	} {
		b.Run(read.name, func(b *testing.B) {
			var latencies []time.Duration
			for b.Loop() {
				path := read.path()
				began := time.Now()
				h.read(b, path)
				latencies = append(latencies, time.Since(began))
			}
			reportLatency(b, latencies)
		})
	}
}

func (h *history) read(b *testing.B, path string) {
	resp, err := http.Get("http://" + h.address + path)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s %s %v", path, resp.Status, body, err)
	}
	if resp.Header.Get("X-Search-Truncated") != "" {
		b.Errorf("%s: it was not all searched", path)
	}
}

// writeHistory writes a log of n ended tasks unless dir has one, and returns some of
// their ids.
func writeHistory(b *testing.B, dir string, n int) []oklog.ULID {
	b.Helper()
	log, err := sqlitelog.Open(b.Context(), sqlitelog.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			b.Fatal(err)
		}
	}()
	path := filepath.Join(dir, "some-ids.json")
	var ids []oklog.ULID
	if log.Head().Seq > 0 {
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &ids)
		}
		if err != nil || log.Head().Seq < 3*int64(n) {
			b.Fatalf("%s has another log: %v", dir, err)
		}
		return ids
	}
	w := &pen{b: b, log: log, random: rand.New(rand.NewPCG(3, 4)), now: task.MicrosOf(time.Now()) - task.Micros(n)*10_000}
	const batch = 500
	for first := 0; first < n; first += batch {
		ids = append(ids, w.write(first, min(batch, n-first)))
	}
	text, err := json.Marshal(ids)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	return ids
}

// pen writes tasks that submit, start and end.
type pen struct {
	b      *testing.B
	log    eventlog.Log
	random *rand.Rand
	now    task.Micros
	data   []byte
}

// write writes n tasks, numbered from first, and returns the id of one.
func (w *pen) write(first, n int) oklog.ULID {
	ids, tasks := make([]oklog.ULID, n), make([]task.Task, n)
	w.data = w.data[:0]
	var entries []eventlog.Entry
	step := func(i int, command task.Command) {
		decided, err := task.Decide(&tasks[i], command, task.Now{Wall: w.now, At: w.now})
		if err != nil {
			w.b.Fatal(err)
		}
		entry := eventlog.Entry{}
		for k := range decided {
			d := &decided[k]
			if err := task.Apply(&tasks[i], ids[i], d); err != nil {
				w.b.Fatal(err)
			}
			entry.Events = append(entry.Events, &eventlog.Event{
				At: int64(d.At), Stream: task.StreamOf(ids[i]), Version: d.Version, Type: d.Type.String(), V: d.Type.SchemaVersion(),
				Actor: "anonymous", Data: task.AppendData(nil, d.Type, &d.Data), Payload: d.Payload,
			})
		}
		entries = append(entries, entry)
	}
	kinds, queues := []string{"SLEEP", "DATA_PROCESSING", "EMAIL_SIMULATION", "IMAGE_PROCESSING"}, []string{"default", "mail", "bulk"}
	for i := range n {
		w.now += 5000
		ids[i] = w.id()
		s := task.Submit{ID: ids[i], Type: kinds[w.random.IntN(4)], Queue: queues[w.random.IntN(3)], MaxAttempts: 1, Parameters: w.parameters(first + i)}
		for range w.random.IntN(3) {
			s.Tags = append(s.Tags, fmt.Sprintf("customer-%d", w.random.IntN(500)))
		}
		slices.Sort(s.Tags)
		s.Tags = slices.Compact(s.Tags)
		step(i, s)
	}
	for i := range n {
		w.now += 100
		step(i, task.Start{Boot: ids[0]})
	}
	for i := range n {
		w.now += task.Micros(w.random.ExpFloat64() * 5000)
		switch kind := w.random.IntN(100); {
		case kind < 8:
			step(i, task.Fail{Fence: tasks[i].Fence(), Code: task.CodePermanent, Error: fmt.Sprintf("dial tcp 10.0.%d.%d:443: connection refused", w.random.IntN(256), w.random.IntN(256))})
		case kind < 10:
			step(i, task.Cancel{})
			step(i, task.Stop{Fence: tasks[i].Fence()})
		default:
			step(i, task.Succeed{Fence: tasks[i].Fence(), Result: fmt.Appendf(nil, `{"processed_rows":%d,"sha":"%s","ok":true}`, w.random.IntN(100_000), w.hex(16))})
		}
	}
	for _, r := range w.log.Append(context.Background(), entries) {
		if r.Err != nil {
			w.b.Fatal(r.Err)
		}
	}
	return ids[w.random.IntN(n)]
}

func (w *pen) id() (id oklog.ULID) {
	_ = id.SetTime(uint64(w.now / 1000)) // no time of a log is too large
	for i := 6; i < len(id); i++ {
		id[i] = byte(w.random.UintN(256))
	}
	return id
}

// parameters are 240 bytes or so.
func (w *pen) parameters(n int) []byte {
	return fmt.Appendf(nil, `{"order":"order %d","email":"user%d@example.com","subject":"Your shipment %d is on its way","reference":"%s","amount_cents":%d,"country":"%s","retries":0,"note":"%s"}`,
		n, w.random.IntN(10_000), w.random.IntN(1_000_000), w.hex(20), w.random.IntN(100_000), []string{"CH", "DE", "FR", "IT"}[w.random.IntN(4)], w.hex(12))
}

func (w *pen) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.random.UintN(256))
	}
	return hex.EncodeToString(b)
}
