package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/eventlog"
)

// heard is one message of a stream.
type heard struct{ id, epoch, event, data, retry string }

// listener reads a stream.
type listener struct {
	resp  *http.Response
	lines *bufio.Scanner
	stop  context.CancelFunc
}

// listen opens a stream.
func (h *house) listen(path string, headers ...string) *listener {
	h.Helper()
	ctx, stop := context.WithCancel(h.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", h.url+path, nil)
	if err != nil {
		h.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := h.client.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		h.Fatal(resp.Status, resp.Header, string(body))
	}
	l := &listener{resp: resp, lines: bufio.NewScanner(resp.Body), stop: stop}
	l.lines.Buffer(nil, 1<<20)
	h.Cleanup(l.close)
	return l
}

func (l *listener) close() {
	l.stop()
	_ = l.resp.Body.Close()
}

// next reads one whole message; false at the end.
func (l *listener) next() (m heard, ok bool) {
	for l.lines.Scan() {
		name, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch name {
		case "":
			return m, true
		case "id":
			m.id, m.epoch, _ = strings.Cut(value, "@")
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "retry":
			m.retry = value
		}
	}
	return m, false
}

func (l *listener) must(t *testing.T) heard {
	t.Helper()
	m, ok := l.next()
	if !ok {
		t.Fatal("the stream ended:", l.lines.Err())
	}
	if m.id == "" || !eventlog.IsEpoch(m.epoch) || !json.Valid([]byte(m.data)) {
		t.Fatalf("not a message: %+v", m)
	}
	return m
}

func TestAStreamSaysFirstWhereItBegins(t *testing.T) {
	h := open(t, nil)
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	for _, c := range []struct {
		path, header, id, event string
	}{
		{"/api/log/stream", "X: ", "4", ""},
		{"/api/log/stream?after=0", "X: ", "0", ""},
		{"/api/log/stream?after=1", "Last-Event-ID: 3", "3", ""},
		{"/api/log/stream/?after=99", "X: ", "4", "beyond_head"},
		{"/api/log/stream?after=2&log=01ARZ3NDEKTSV4RRFFQ69G5FAV", "X: ", "4", "other_log"},
		{"/api/log/stream?after=2&log=" + h.log.ID(), "X: ", "2", ""},
		{"/api/stream?after=2", "X: ", "2", ""},
		{"/api/log/stream", "Last-Event-ID: 3@" + h.log.Epoch(), "3", ""},
		{"/api/log/stream?stream=task:01ARZ3NDEKTSV4RRFFQ69G5FAV", "Last-Event-ID: 3@ZZZZZZ", "4", "other_log"},
		{"/api/log/stream", "Last-Event-ID: 99@ZZZZZZ", "4", "other_log"},
		{"/api/log/stream?after=1@ZZZZZZ", "Last-Event-ID: 3@" + h.log.Epoch(), "3", ""},
		{"/api/log/stream?after=1@" + h.log.Epoch(), "X: ", "1", ""},
		{"/api/log/stream?after=1@ZZZZZZ", "X: ", "4", "other_log"},
		{"/api/stream", "Last-Event-ID: 2@ZZZZZZ", "4", "other_log"},
		{"/api/stream?after=2&log=" + h.log.ID() + "@ZZZZZZ", "X: ", "4", "other_log"},
		{"/api/stream?after=2&log=" + h.log.ID() + "@" + h.log.Epoch(), "X: ", "2", ""},
		{"/api/stream", "Last-Event-ID: 1000", "4", "beyond_head"},
	} {
		l := h.listen(c.path, c.header)
		m := l.must(t)
		if m.event != "start" || m.id != c.id || m.retry != "1000" {
			t.Errorf("%s %s: %+v", c.path, c.header, m)
		}
		if !strings.HasPrefix(m.data, `{"seq":`+c.id+`,"log_id":"`+h.log.ID()+`","epoch":"`+h.log.Epoch()+`"`) {
			t.Errorf("%s: %s", c.path, m.data)
		}
		if c.event != "" {
			m = l.must(t)
			if m.event != "reset" || m.id != c.id || !strings.Contains(m.data, `"reason":"`+c.event+`"`) {
				t.Errorf("%s: %+v", c.path, m)
			}
		}
		l.close()
	}
}

func TestTheLogStreamHasEveryEventInOrderOldOnesAndNew(t *testing.T) {
	h := open(t, nil)
	first := h.submit(`{"task_type":"ECHO"}`)
	h.until(first, "SUCCESS")
	l := h.listen("/api/log/stream?after=0")
	l.must(t)
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	for seq := 1; seq <= 7; seq++ {
		m := l.must(t)
		if m.id != strconv.Itoa(seq) || !strings.HasPrefix(m.data, `{"seq":`+m.id+`,`) || m.event != "" {
			t.Fatalf("at %d: %+v", seq, m)
		}
	}
	only := h.listen("/api/log/stream?after=0&type=task.succeeded&type=task.started&stream=task:" + first)
	only.must(t)
	for _, id := range []string{"3", "4"} {
		if m := only.must(t); m.id != id {
			t.Errorf("filtered: %+v, not %s", m, id)
		}
	}
}

func TestTheScreenStreamHasRowsAsTheyAreWithCountsAndState(t *testing.T) {
	h := open(t, nil)
	l := h.listen("/api/stream?after=0")
	if m := l.must(t); !strings.Contains(m.data, `"counts":[],"waiting":{"ready":0,"scheduled":0,"backoff":0,"blocked":0,"suspended":0,"next_due":null},"state":{"running":0,"slots":2`) {
		t.Error(m)
	}
	id := h.submit(`{"task_type":"HOLD"}`)
	var got struct {
		Seq       int64
		Rows      []map[string]any
		Truncated bool
		Changed   []map[string]any `json:"counts_changed"`
		State     map[string]any
	}
	counts := map[string]any{}
	for len(got.Rows) == 0 || got.Rows[0]["progress"] != 50.0 {
		m := l.must(t)
		if err := json.Unmarshal([]byte(m.data), &got); err != nil || m.id != strconv.FormatInt(got.Seq, 10) {
			t.Fatal(err, m)
		}
		for _, c := range got.Changed {
			counts[fmt.Sprint(c["status"], c["task_type"], c["queue"])] = c["n"]
		}
	}
	row := got.Rows[0]
	if row["id"] != id || row["progress_message"] != "half way" || got.State["running"] != 1.0 || got.Truncated {
		t.Error(got)
	}
	if _, there := row["parameters"]; there {
		t.Error("a screen row has parameters")
	}
	if counts["RUNNINGHOLDdefault"] != 1.0 || counts["PENDINGHOLDdefault"] == 1.0 {
		t.Error(counts)
	}
	h.letGo(id)
}

func TestAStreamThatIsDroppedAtRandomHasNoGapAndNoRepeat(t *testing.T) {
	h := open(t, nil)
	const tasks = 300
	var last int64
	submitted := make(chan struct{})
	go func() {
		defer close(submitted)
		for i := range tasks {
			h.submit(fmt.Sprintf(`{"task_type":"ECHO","parameters":{"n":%d}}`, i))
		}
	}()
	var clients sync.WaitGroup
	end := make(chan struct{})
	for c := range 8 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(c)))
			var seen int64
			for {
				l := h.listen("/api/log/stream?after=0", "Last-Event-ID: "+strconv.FormatInt(seen, 10))
				for left := random.IntN(60); left >= 0; left-- {
					m, ok := l.next()
					if !ok {
						break
					}
					n, _ := strconv.ParseInt(m.id, 10, 64)
					if m.event == "" && n != seen+1 || m.event == "start" && n != seen {
						t.Errorf("client %d: after %d came %+v", c, seen, m)
					}
					seen = n
					if seen == 1+3*tasks {
						l.close()
						return
					}
				}
				l.close()
				select {
				case <-end:
					return
				default:
				}
			}
		})
	}
	<-submitted
	clients.Wait()
	close(end)
	if last = h.log.Head().Seq; last != 1+3*tasks {
		t.Errorf("head is %d", last)
	}
}

func TestAClientThatStopsReadingIsDroppedAndSlowsNobody(t *testing.T) {
	h := open(t, nil)
	h.api.streams.WriteTime = time.Second
	stalled, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	_ = stalled.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(stalled, "GET /api/log/stream?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := bufio.NewReaderSize(stalled, 16).ReadByte(); err != nil {
		t.Fatal(err)
	}
	l := h.listen("/api/log/stream?after=0")
	l.must(t)
	heard := make(chan int64) // the seqs of all events; it reads all the time, so it is never the slow one
	go func() {
		defer close(heard)
		for m, ok := l.next(); ok; m, ok = l.next() {
			if seq, err := strconv.ParseInt(m.id, 10, 64); err == nil && m.event == "" {
				heard <- seq
			}
		}
	}()
	defer func() {
		l.close()
		for range heard {
		}
	}()
	seen := int64(0)
	// What the kernel buffers for the stalled one must be filled; the other must hear all.
	for clients := h.clients(); clients > 1; clients = h.clients() {
		posted := make(chan answer, 1)
		go func() {
			posted <- h.do("POST", "/api/tasks/batch", "["+strings.Repeat(`{"task_type":"ECHO"},`, 999)+`{"task_type":"ECHO"}]`)
		}()
		for taken, head := false, seen; !taken || seen < head; {
			select {
			case a := <-posted:
				if a.status != 200 {
					t.Fatal(a)
				}
				taken, head = true, h.log.Head().Seq
			case seq, ok := <-heard:
				if seen++; !ok || seq != seen {
					t.Fatalf("event %d came where %d was next; the stream goes on: %v", seq, seen, ok)
				}
			}
		}
		if seen > 300_000 {
			t.Fatal("the stalled client is still there")
		}
	}
}

// clients is how many streams are open, by the server's own word.
func (h *house) clients() int {
	h.Helper()
	for line := range strings.Lines(h.want("GET", "/metrics", "").body) {
		if n, ok := strings.CutPrefix(line, "daybook_sse_clients "); ok {
			count, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				h.Fatal(err)
			}
			return count
		}
	}
	h.Fatal("no daybook_sse_clients")
	return 0
}

func TestStopStreamsEndsThemAndNewOnesAreRefused(t *testing.T) {
	h := open(t, nil)
	l, s := h.listen("/api/log/stream"), h.listen("/api/stream")
	l.must(t)
	s.must(t)
	h.api.StopStreams()
	for _, one := range []*listener{l, s} {
		for ok := true; ok; {
			_, ok = one.next()
		}
	}
	if a := h.do("GET", "/api/stream", ""); a.status != 503 {
		t.Error(a.status, a.body)
	}
}
