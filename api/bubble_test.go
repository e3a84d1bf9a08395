package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/api/eventstream"
)

func TestASilentStreamIsKeptAliveEvery15SecondsWithTheSeqItScanned(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		t := h.TB.(*testing.T)
		l := h.listen("/api/log/stream?type=task.failed")
		s := h.listen("/api/stream")
		l.must(t)
		s.must(t)
		h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS") // of no interest to l
		begin := time.Now()
		m := l.must(t)
		if m.event != "keepalive" || m.id != "4" || m.data != `{"seq":4}` {
			t.Errorf("%+v", m)
		}
		if since := time.Since(begin); since != eventstream.KeepAlive {
			t.Error("after", since)
		}
		for m.event != "keepalive" {
			m = s.must(t)
		}
		begin = time.Now()
		l.must(t)
		if since := time.Since(begin); since != eventstream.KeepAlive {
			t.Error("the second one after", since)
		}
	})
}

func TestAClientThatTakesNothingIsDroppedAfter3Seconds(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		t := h.TB.(*testing.T)
		stalled := dial()
		defer stalled.Close()
		fmt.Fprintf(stalled, "GET /api/log/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
		in := bufio.NewReader(stalled)
		for line := ""; !strings.HasPrefix(line, "data: "); {
			var err error
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = in.ReadString('\n') // what is buffered here; from now on nothing is taken
		l := h.listen("/api/log/stream")
		l.must(t)
		synctest.Wait()
		if n := h.clients(); n != 2 {
			t.Fatal(n, "clients")
		}
		h.submit(`{"task_type":"ECHO"}`)
		begin := time.Now()
		for seq := 2; seq <= 4; seq++ {
			if m := l.must(t); m.id != strconv.Itoa(seq) {
				t.Errorf("%+v", m)
			}
		}
		if took := time.Since(begin); took > logInterval {
			t.Error("the other client waited", took)
		}
		time.Sleep(time.Until(begin.Add(h.api.streams.WriteTime - 1)))
		synctest.Wait()
		if n := h.clients(); n != 2 {
			t.Error("dropped too early:", n, "clients")
		}
		time.Sleep(2 * logInterval)
		synctest.Wait()
		if n := h.clients(); n != 1 {
			t.Error("not dropped:", n, "clients")
		}
	})
}

func TestTheFirstChangeGoesAtOnceAndTheNextOnesTogether(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		t := h.TB.(*testing.T)
		s := h.listen("/api/stream")
		s.must(t)
		time.Sleep(time.Second)
		begin := time.Now()
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
		if s.must(t); time.Since(begin) != 0 {
			t.Error("the first change came after", time.Since(begin))
		}
		for range 10 {
			h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
		}
		m := s.must(t)
		if since := time.Since(begin); since != screenInterval || strings.Count(m.data, `"id"`) != 10 {
			t.Error("the next ten came after", since, "in", m.data)
		}
	})
}

func TestScreensAtTheSameSeqShareOneMessage(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
		one, err := h.api.screens.since(h.api, 0, 0)
		if err != nil {
			h.Fatal(err)
		}
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
		two, _ := h.api.screens.since(h.api, 0, 0)
		if one != two {
			h.Error("made twice")
		}
		time.Sleep(screenFresh)
		if three, _ := h.api.screens.since(h.api, 0, 0); three == two || three.out.UpTo != 3 {
			h.Error("an old one is shared")
		}
	})
}

func TestMoreChangesThanAMessageHoldsAreTruncated(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/tasks/batch", "["+strings.Repeat(`{"task_type":"ECHO","delay_seconds":3600},`, 300)+`{"task_type":"ECHO"}]`)
	s := h.listen("/api/stream?after=0")
	s.must(t)
	if m := s.must(t); !strings.Contains(m.data, `"truncated":true`) || strings.Count(m.data, `"id"`) > screenRows {
		t.Error(m)
	}
}

func TestABodyThatDoesNotComeIsGivenUp(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		for _, path := range []string{"/api/tasks/submit", "/api/files"} {
			conn := dial()
			begin := time.Now()
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{", path)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				h.Fatal(err)
			}
			if resp.StatusCode != 408 || time.Since(begin) > patience {
				h.Error(path, resp.Status, "after", time.Since(begin))
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = conn.Close()
		}
	})
}

func TestASlowBodyThatFlowsIsTaken(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		const times, each = 20, 26 << 10 // every 25 s: a little more than the least rate
		batch := []byte("[" + strings.Repeat(`{"task_type":"ECHO","delay_seconds":3600},`, 999) + `{"task_type":"ECHO","delay_seconds":3600}`)
		batch = append(batch, bytes.Repeat([]byte(" "), times*each-len(batch)-1)...)
		for path, content := range map[string][]byte{"/api/files": make([]byte, times*each), "/api/tasks/batch": append(batch, ']')} {
			conn := dial()
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", path, times*each)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for part := range slices.Chunk(content, each) {
					_, _ = conn.Write(part)
					time.Sleep(25 * time.Second)
				}
			}()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || resp.StatusCode != 200 {
				h.Error(path, err, resp)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			<-sent
			_ = conn.Close()
		}
	})
}

func TestABodyThatTricklesIsGivenUp(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		for _, path := range []string{"/api/files", "/api/tasks/submit", "/api/tasks/batch"} {
			for _, coding := range []string{"identity", "gzip"} {
				conn := dial()
				begin := time.Now()
				fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: %s\r\nContent-Length: 1000000\r\n\r\n", path, coding)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					head := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff} // of gzip, so that it goes on waiting
					for i := 0; ; i++ {
						if _, err := conn.Write([]byte{append(head, bytes.Repeat([]byte(" "), 100)...)[i%110]}); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					h.Fatal(err)
				}
				if took := time.Since(begin); resp.StatusCode != 408 && coding == "identity" || took > patience+2*time.Second {
					h.Error(path, coding, resp.Status, "after", took)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = conn.Close()
				<-ended
			}
		}
	})
}

func TestAWaitOutlivesTheServersReadTimeout(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		id := h.submit(`{"task_type":"HOLD"}`)
		begin := time.Now()
		go func() {
			time.Sleep(40 * time.Second)
			h.letGo(id)
		}()
		a := h.want("GET", "/api/tasks/"+id, "", "Prefer: wait=59")
		if a.object(h)["status"] != "SUCCESS" || time.Since(begin) != 40*time.Second {
			h.Error(time.Since(begin), a.body)
		}
		begin = time.Now()
		a = h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","delay_seconds":3600}`, "Prefer: wait=5")
		if a.object(h)["status"] != "PENDING" || time.Since(begin) != 5*time.Second {
			h.Error(time.Since(begin), a.body)
		}
	})
}

func TestASearchStopsAfterASecondAndGoesOnOnTheNextPage(t *testing.T) {
	log := &slowPayloads{}
	bubble(t, func(h *house, _ func() net.Conn) {
		log.Log = h.api.Log
		h.api.Log = log
		for i := range 30 {
			h.submit(fmt.Sprintf(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"n":%d}}`, i+100))
		}
		var pages, found int
		for path := "/api/tasks?q=n%22%3A100"; path != ""; pages++ {
			begin := time.Now()
			a := h.want("GET", path, "")
			if took := time.Since(begin); took > time.Second+100*time.Millisecond {
				h.Error("a page took", took)
			}
			found += len(a.list(h))
			path = next(a)
			if (path != "") != (a.header.Get("X-Search-Truncated") == "true") {
				h.Error(a.header)
			}
		}
		if pages != 3 || found != 1 {
			h.Error(pages, "pages,", found, "found")
		}
	})
}

func TestAClientThatPoursBytesIntoItsStreamIsCutOff(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		fmt.Fprintf(conn, "GET /api/log/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		poured := 0
		for chunk := make([]byte, 1<<10); poured < 1<<20; {
			n, err := conn.Write(chunk)
			poured += n
			if err != nil {
				break
			}
		}
		if poured > 64<<10 { // what the server had read ahead with the request counts too
			h.Error("it took", poured, "bytes")
		}
		synctest.Wait()
		if n := h.clients(); n != 0 {
			h.Error(n, "clients")
		}
	})
}
