package bench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPush keeps streams open while tasks that make 1,000 events a second run, some of
// them stalled: their client stops reading. The tasks are posted ten at a time, which is one
// operation. It measures how old a
// change is when it arrives, at ten of the clients, and how many cores server and clients
// take together. It fails if a client that reads misses an event, or a screen its last state.
func BenchmarkPush(b *testing.B) {
	for _, stream := range []string{"screen", "log"} {
		for _, c := range []struct{ clients, stalled int }{{10, 0}, {200, 0}, {1000, 50}} {
			b.Run(fmt.Sprintf("stream=%s/clients=%d/stalled=%d", stream, c.clients, c.stalled), func(b *testing.B) {
				benchmarkPush(b, map[string]string{"screen": "/api/stream", "log": "/api/log/stream"}[stream], c.clients, c.stalled)
			})
		}
	}
}

// pushed is how many tasks are posted at a time.
const pushed = 10

func benchmarkPush(b *testing.B, path string, clients, stalled int) {
	const measured, gap = 10, pushed * 3 * time.Millisecond // a task makes three events
	needFiles(b, clients)
	server := startServer(b, "--concurrency", "8")
	post := newPoster(b, server.address, request("/api/tasks/batch", "["+noop+strings.Repeat(","+noop, pushed-1)+"]"))
	all := make([]*audience, clients)
	for i := range all {
		all[i] = openStream(b, server.address, path)
		all[i].screen = path == "/api/stream"
		all[i].measured = i < measured
		if i >= clients-stalled {
			all[i].stall(b)
		}
	}
	var reading sync.WaitGroup
	for _, one := range all[:clients-stalled] {
		reading.Go(one.read)
	}
	const warm = 10
	for range warm {
		post.send(b)
	}
	start, busy := time.Now(), processorTime(b, server)
	due, answers := start, []time.Duration(nil)
	for b.Loop() {
		due = due.Add(gap)
		time.Sleep(time.Until(due))
		sent := time.Now()
		post.send(b)
		answers = append(answers, time.Since(sent))
	}
	elapsed, busy := time.Since(start), processorTime(b, server)-busy
	b.ReportMetric(busy/elapsed.Seconds(), "cores")
	b.ReportMetric(3*pushed*float64(b.N)/elapsed.Seconds(), "events/s")
	slices.Sort(answers)
	b.ReportMetric(float64(answers[len(answers)*99/100].Nanoseconds()), "submit-p99-ns")
	server.waitSucceeded(b, (b.N+warm)*pushed)
	head := int64(server.metric(b, "daybook_log_head_seq"))
	time.Sleep(time.Second) // what is on its way arrives
	for _, one := range all {
		_ = one.conn.Close()
	}
	reading.Wait()
	report(b, all[:clients-stalled], head, (b.N+warm)*pushed)
}

// report prints the ages and fails if something was lost.
func report(b *testing.B, all []*audience, head int64, tasks int) {
	b.Helper()
	var ages []time.Duration
	lost := 0
	for i, one := range all {
		if one.lost > 0 || one.last != head {
			lost++
			b.Errorf("client %d: %d gaps, ends at %d, not at %d", i, one.lost, one.last, head)
		}
		if one.measured && len(one.ages) < tasks {
			lost++
			b.Errorf("client %d heard of %d ends of tasks, not of %d", i, len(one.ages), tasks)
		}
		ages = append(ages, one.ages...)
	}
	b.ReportMetric(float64(lost), "lost")
	if len(ages) > 0 {
		reportLatency(b, ages)
	}
}

// BenchmarkIdleClients opens 10,000 streams on which nothing happens and measures what each
// costs the server: growth of its resident memory, and of heap and stacks in use. One
// operation is one client.
func BenchmarkIdleClients(b *testing.B) {
	for _, path := range []string{"/api/stream", "/api/log/stream"} {
		b.Run("path="+path[len("/api/"):], func(b *testing.B) { benchmarkIdleClients(b, path, 10_000) })
	}
}

func benchmarkIdleClients(b *testing.B, path string, clients int) {
	needFiles(b, clients)
	server := startServer(b)
	warm := make([]*audience, 100)
	for i := range warm {
		warm[i] = openStream(b, server.address, path)
	}
	for _, one := range warm {
		_ = one.conn.Close()
	}
	time.Sleep(200 * time.Millisecond)
	b.ResetTimer()
	for b.Loop() {
		resident, used, goroutines := server.memory(b)
		all := make([]*audience, clients)
		for i := range all {
			all[i] = openStream(b, server.address, path)
		}
		time.Sleep(2 * time.Second)
		resident2, used2, goroutines2 := server.memory(b)
		b.ReportMetric((resident2-resident)/float64(clients), "RSS-B/client")
		b.ReportMetric((used2-used)/float64(clients), "heap+stack-B/client")
		b.ReportMetric((goroutines2-goroutines)/float64(clients), "goroutines/client")
		if open := server.metric(b, "daybook_sse_clients"); int(open) != clients {
			b.Errorf("%v streams are open, not %d", open, clients)
		}
		for _, one := range all {
			_ = one.conn.Close()
		}
	}
}

// audience is the client of one stream. It reads with a small buffer and parses no more
// than it must: the clients run beside the server and their time counts.
type audience struct {
	conn     net.Conn
	measured bool // parse what arrives and note how old it is
	screen   bool // ids may jump

	last int64 // id of the latest message
	lost int   // how often an id was not the one after the last
	ages []time.Duration

	line  []byte // of what has come of the current line, its beginning; all of it if measured
	id    int64  // of the current message
	named bool   // it is open, reset or keepalive
}

// openStream returns when the first message has come.
func openStream(b *testing.B, address, path string) *audience {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	one := &audience{conn: conn}
	buf := make([]byte, 2048)
	for first := true; one.last == 0 || one.id != 0; first = false {
		n, err := conn.Read(buf)
		if err != nil || first && !bytes.HasPrefix(buf, []byte("HTTP/1.1 200")) {
			b.Fatalf("%s: %v: %s", path, err, buf[:n])
		}
		one.take(buf[:n])
	}
	return one
}

// stall leaves it to the server to find out that nobody reads.
func (a *audience) stall(b *testing.B) {
	b.Helper()
	if err := a.conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		b.Fatal(err)
	}
}

// inputs are shared by all clients: one has a buffer only while it has something to read.
var inputs = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// read reads until the connection ends. It waits as soon as there is less than it could take:
// that saves the call that would find nothing.
func (a *audience) read() {
	raw, err := a.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		a.lost++
		return
	}
	for open := true; open; {
		err := raw.Read(func(fd uintptr) bool {
			buf := inputs.Get().(*[64 << 10]byte)
			defer inputs.Put(buf)
			n, err := syscall.Read(int(fd), buf[:])
			if n > 0 {
				a.take(buf[:n])
			}
			open = n > 0 || err == syscall.EAGAIN || err == syscall.EINTR
			return !open || n == len(buf) || err == syscall.EINTR
		})
		open = open && err == nil
	}
}

// take goes through what has come, line by line.
func (a *audience) take(b []byte) {
	const enough = 64 // bytes of a line that tell what it is
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part = b[:end]
		}
		if len(a.line) > 0 || end < 0 {
			if !a.measured {
				part = part[:min(len(part), max(0, enough-len(a.line)))]
			}
			a.line = append(a.line, part...)
			part = a.line
		}
		if end < 0 {
			return
		}
		a.field(part)
		a.line = a.line[:0]
		b = b[end+1:]
	}
}

var (
	fieldID, fieldEvent, fieldData = []byte("id: "), []byte("event: "), []byte("data: ")
	memberAt, memberCompleted      = []byte(`,"at":"`), []byte(`"completed_at":"`)
	endOfTask                      = []byte(`"type":"task.succeeded"`)
)

// field takes one line of a message.
func (a *audience) field(line []byte) {
	switch {
	case len(line) == 0:
		if a.id > 0 && !a.named && (a.screen && a.id <= a.last || !a.screen && a.id != a.last+1) {
			a.lost++
		}
		if a.id > 0 {
			a.last = a.id
		}
		a.id, a.named = 0, false
	case bytes.HasPrefix(line, fieldID):
		a.id = 0
		for _, c := range line[len(fieldID):] {
			if c == '@' { // then the epoch
				break
			}
			a.id = 10*a.id + int64(c-'0')
		}
	case bytes.HasPrefix(line, fieldEvent):
		a.named = true
	case a.measured && bytes.HasPrefix(line, fieldData):
		a.date(line)
	}
}

// date notes how old the ends of tasks in a message are.
func (a *audience) date(line []byte) {
	now := time.Now()
	before := memberCompleted
	if !a.screen {
		if before = memberAt; !bytes.Contains(line, endOfTask) {
			return
		}
	}
	for {
		_, rest, found := bytes.Cut(line, before)
		if !found {
			return
		}
		if at, err := time.Parse(time.RFC3339, string(rest[:len("2026-11-24T12:00:00.000000Z")])); err == nil {
			a.ages = append(a.ages, now.Sub(at))
		}
		line = rest
	}
}

// poster sends one request again and again over one connection.
type poster struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func newPoster(b *testing.B, address string, request []byte) *poster {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &poster{conn: conn, r: bufio.NewReader(conn), request: request}
}

func (p *poster) send(b *testing.B) {
	b.Helper()
	if _, err := p.conn.Write(p.request); err != nil {
		b.Fatal(err)
	}
	if err := skipResponse(p.r); err != nil {
		b.Fatal(err)
	}
}

// needFiles skips when the machine does not allow a process that many open files.
func needFiles(b *testing.B, clients int) {
	b.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(clients)+500 {
		b.Skipf("%d clients need more open files than the %d of ulimit -Hn (%v)", clients, limit.Max, err)
	}
}

// processorTime is what the server and this process have used, in seconds.
func processorTime(b *testing.B, s *server) float64 {
	b.Helper()
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	return time.Duration(own.Utime.Nano()+own.Stime.Nano()).Seconds() + s.metric(b, "process_cpu_seconds_total")
}

// memory is what the server holds now, in bytes: resident, and heap and stacks in use.
func (s *server) memory(b *testing.B) (resident, used, goroutines float64) {
	b.Helper()
	m := s.metrics(b)
	return m["process_resident_memory_bytes"], m["go_memstats_heap_alloc_bytes"] + m["go_memstats_stack_inuse_bytes"], m["go_goroutines"]
}

func (s *server) metric(b *testing.B, name string) float64 {
	b.Helper()
	n, ok := s.metrics(b)[name]
	if !ok {
		b.Fatalf("/metrics has no %s", name)
	}
	return n
}

// metrics reads /metrics by name and labels.
func (s *server) metrics(b *testing.B) map[string]float64 {
	b.Helper()
	resp, err := http.Get("http://" + s.address + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		if n, err := strconv.ParseFloat(string(value), 64); err == nil && name[0] != '#' {
			all[string(name)] = n
		}
	}
	return all
}
