package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/files"
)

func TestAnswersThatNobodyTakesHaveABudget(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		h.api.answers.most = 6 << 20
		large := `{"task_type":"ECHO","parameters":{"text":"` + strings.Repeat("x", 200<<10) + `"}}`
		id := h.submit(large)
		h.until(id, "SUCCESS")
		for range 9 {
			h.submit(large)
		}
		for _, path := range []string{"/api/tasks/" + id, "/api/log?payload=1", "/api/log?format=ndjson&payload=1", "/api/tasks?limit=1000"} {
			refused := 0
			var conns []net.Conn
			for range 20 { // nobody reads more than the first line
				conn := dial()
				conns = append(conns, conn)
				fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
				line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
				if err != nil {
					h.Fatal(err)
				}
				if strings.Contains(line, " 503 ") {
					refused++
				}
			}
			if refused == 0 || refused == 20 {
				h.Errorf("%s: %d of 20 were refused", path, refused)
			}
			if held := h.api.answers.used.Load(); held > h.api.answers.most {
				h.Error(held, "bytes held")
			}
			if a := h.do("GET", path, ""); a.status != 503 || a.header.Get("Retry-After") == "" || a.object(h)["type"] != "/docs#busy" || a.header.Get("Link") != "" {
				h.Error(path, a.status, a.header, a.body)
			}
			h.submit(large) // what has happened is told in any case
			for _, conn := range conns {
				_ = conn.Close()
			}
			time.Sleep(time.Second)
			synctest.Wait()
			h.want("GET", path, "")
		}
		if held := h.api.answers.used.Load(); held != 0 {
			h.Error(held, "bytes held when all are gone")
		}
	})
}

func TestSearchesWaitForEachOtherAndNotForLong(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		for range cap(h.api.searches) {
			h.api.searches <- struct{}{}
		}
		begin := time.Now()
		a := h.do("GET", "/api/tasks?q=word", "")
		if a.status != 503 || a.header.Get("Retry-After") == "" || time.Since(begin) != searchPatience {
			h.Error(a, time.Since(begin))
		}
		h.submit(`{"task_type":"ECHO"}`)
		h.want("GET", "/api/tasks", "")
		time.AfterFunc(searchPatience/2, func() { <-h.api.searches })
		h.want("GET", "/api/tasks?q=word", "")
		h.want("GET", "/api/tasks?q=word", "")
	})
}

func TestMoreStreamsThanTheServerKeepsAreRefused(t *testing.T) {
	h := open(t, nil, func(o *Options) { o.MaxStreams = 3 })
	var open []*listener
	for _, path := range []string{"/api/stream", "/api/log/stream", "/api/stream"} {
		l := h.listen(path)
		l.must(t)
		open = append(open, l)
	}
	for _, path := range []string{"/api/stream", "/api/log/stream"} {
		if a := h.do("GET", path, ""); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Error(path, a)
		}
	}
	h.submit(`{"task_type":"ECHO"}`)
	open[0].close()
	for n := h.api.streams.Open(); n > 2; n = h.api.streams.Open() {
		h.want("GET", "/api/health", "")
	}
	h.listen("/api/log/stream").must(t)
}

// narrowLog is a log whose disk may have no room for more than the results of tasks.
type narrowLog struct {
	eventlog.Log
	full  atomic.Bool
	asked chan struct{} // gets a value after HasRoom has looked, if it has room
}

func (l *narrowLog) HasRoom() bool {
	room := !l.full.Load()
	select {
	case l.asked <- struct{}{}:
	default:
	}
	return room
}

func TestAnUploadLeavesTheRoomForResultsAlone(t *testing.T) {
	narrow := &narrowLog{asked: make(chan struct{}, 1)}
	h := open(t, nil, func(o *Options) {
		o.MaxFile = 64 << 20
		narrow.Log, o.Log = o.Log, narrow
	})
	refused := func(when string, resp *http.Response) {
		t.Helper()
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(text), "/docs#disk-full") {
			t.Error(when, resp.Status, string(text))
		}
	}
	body, kind := form(t, "x.csv", []byte("a,b\n"))
	for _, as := range []string{"application/octet-stream", kind} {
		narrow.full.Store(true)
		resp, err := h.client.Post(h.url+"/api/files", as, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		refused("at its begin, "+as, resp)
		narrow.full.Store(false)
		prefix, _, _ := strings.Cut(body, "a,b\n")
		reader, writer := io.Pipe()
		go func() {
			_, _ = io.WriteString(writer, prefix)
			_, _ = writer.Write(make([]byte, 4<<20))
			narrow.full.Store(true)
			_, err := writer.Write(make([]byte, 32<<20))
			writer.CloseWithError(errors.Join(err, io.ErrUnexpectedEOF))
		}()
		resp, err = h.client.Post(h.url+"/api/files", as, reader)
		if err != nil {
			t.Fatal(err)
		}
		refused("on its way, "+as, resp)
	}
	// What an upload found free when it began may be gone by the time its bytes come.
	narrow.full.Store(false)
	<-narrow.asked // by the last upload
	reader, writer := io.Pipe()
	go func() {
		<-narrow.asked
		narrow.full.Store(true)
		_, err := io.WriteString(writer, "a,b\n")
		writer.CloseWithError(err)
	}()
	resp, err := h.client.Post(h.url+"/api/files", "text/csv", reader)
	if err != nil {
		t.Fatal(err)
	}
	refused("a small one that waited", resp)
	// What a task makes may use the reserve.
	if _, err := h.api.Files.Put(t.Context(), "made.csv", "text/csv", strings.NewReader("a\n"), 100); err != nil || errors.Is(err, files.ErrFull) {
		t.Error(err)
	}
}
