package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func zipped(t testing.TB, content string) string {
	t.Helper()
	var text bytes.Buffer
	w := gzip.NewWriter(&text)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestACompressedBodyIsWhatItBecomes(t *testing.T) {
	h := open(t, nil)
	const csv, one = "a,b\n1,2\n", `{"task_type":"ECHO","parameters":{"n":7},"delay_seconds":3600}`
	gz := "Content-Encoding: gzip"
	plain := h.want("POST", "/api/files?name=z.csv", csv, "Content-Type: text/csv").object(t)
	for _, coding := range []string{gz, "Content-Encoding: GZIP", "Content-Encoding: x-gzip"} {
		got := h.want("POST", "/api/files?name=z.csv", zipped(t, csv), "Content-Type: text/csv", coding).object(t)
		if got["id"] != plain["id"] || got["size"] != 8.0 {
			t.Error(coding, got)
		}
	}
	body, kind := form(t, "z.csv", []byte(csv))
	if got := h.want("POST", "/api/files", zipped(t, body), "Content-Type: "+kind, gz).object(t); got["id"] != plain["id"] {
		t.Error(got)
	}
	two := zipped(t, csv[:4]) + zipped(t, csv[4:]) // members follow each other
	if got := h.want("POST", "/api/files?name=z.csv", two, gz).object(t); got["id"] != plain["id"] {
		t.Error(got)
	}
	id := h.want("POST", "/api/tasks/submit", zipped(t, one), gz, "Idempotency-Key: k").object(t)["id"]
	again := h.want("POST", "/api/tasks/submit", one, "Content-Encoding: identity", "Idempotency-Key: k")
	if again.object(t)["id"] != id {
		t.Error("compressed it is another request:", again.body)
	}
	if n := len(h.want("POST", "/api/tasks/batch", zipped(t, "["+one+","+one+"]"), gz).list(t)); n != 2 {
		t.Error(n)
	}
	if n := len(h.want("POST", "/api/tasks/batch", zipped(t, one+"\n"+one), gz, "Content-Type: application/x-ndjson").list(t)); n != 2 {
		t.Error(n)
	}
	if a := h.do("DELETE", "/api/tasks/"+id.(string), zipped(t, "{}"), gz); a.status != 200 {
		t.Error(a)
	}
}

func TestACompressedBodyThatIsDamagedOrTooLargeIsRefused(t *testing.T) {
	h := open(t, nil, func(o *Options) { o.MaxFile = 128 << 20 })
	whole := zipped(t, `{"task_type":"ECHO","parameters":{"text":"`+strings.Repeat("abc", 100)+`"}}`)
	empty := strings.Repeat(zipped(t, ""), 60_000) // more than a submit may have, and becomes nothing
	flipped := []byte(whole)
	flipped[len(flipped)-6] ^= 1
	for name, c := range map[string]struct {
		path, body, coding string
		status             int
	}{
		"truncated":              {"/api/tasks/submit", whole[:len(whole)-3], "gzip", 400},
		"cut in its header":      {"/api/tasks/submit", whole[:5], "gzip", 400},
		"trailing garbage":       {"/api/tasks/submit", whole + "x", "gzip", 400},
		"a wrong checksum":       {"/api/tasks/submit", string(flipped), "gzip", 400},
		"not gzip":               {"/api/tasks/submit", `{"task_type":"ECHO"}`, "gzip", 400},
		"file truncated":         {"/api/files?name=x", whole[:len(whole)-3], "gzip", 400},
		"file and garbage":       {"/api/files?name=x", whole + "garbage", "gzip", 400},
		"submit too large":       {"/api/tasks/submit", zipped(t, strings.Repeat(" ", maxSubmit+1)), "gzip", 413},
		"batch too large":        {"/api/tasks/batch", zipped(t, strings.Repeat(" ", maxBatch+1)), "gzip", 413},
		"members that are empty": {"/api/tasks/submit", empty, "gzip", 413},
		"a bomb":                 {"/api/files?name=x", zipped(t, strings.Repeat("\x00", 80<<20)), "gzip", 413},
		"brotli":                 {"/api/tasks/submit", "x", "br", 415},
		"deflate":                {"/api/files?name=x", "x", "deflate", 415},
		"zstd":                   {"/api/tasks/batch", "x", "zstd", 415},
		"twice":                  {"/api/tasks/submit", zipped(t, whole), "gzip, gzip", 415},
	} {
		a := h.do("POST", c.path, c.body, "Content-Encoding: "+c.coding)
		if a.status != c.status || (c.status == 415) != (a.header.Get("Accept-Encoding") == "gzip") {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
	}
	if total := h.want("GET", "/api/tasks/", "").header.Get("X-Total-Count"); total != "0" {
		t.Error(total, "tasks")
	}
	small := open(t, nil) // files of at most 1 MiB
	if a := small.do("POST", "/api/files?name=x", zipped(t, strings.Repeat("x", 1<<20+1)), "Content-Encoding: gzip"); a.status != 413 {
		t.Error(a)
	}
}

// Claims of length and bodies that do not end hold little memory, and more than their
// budget allows is refused; small submits go on beside them.
func TestBodiesInFlightHaveABudget(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		h.api.bodies.most = 8 << 20
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		claims := make([]net.Conn, 200)
		for i := range claims {
			claims[i] = dial()
			defer claims[i].Close()
			fmt.Fprintf(claims[i], "POST /api/tasks/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n[", maxBatch)
		}
		synctest.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
			h.Errorf("200 claims hold %d KiB", grown>>10)
		}
		refused := 0
		part := bytes.Repeat([]byte(" "), 1<<20)
		for _, conn := range claims[:20] { // each brings a mebibyte and no more
			answered := make(chan int, 1)
			go func() {
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err == nil {
					answered <- resp.StatusCode
				}
				close(answered)
				_, _ = io.Copy(io.Discard, conn)
			}()
			_, _ = conn.Write(part)
			synctest.Wait()
			select {
			case status := <-answered:
				if refused++; status != 503 {
					h.Error(status)
				}
			default:
			}
		}
		if refused < 15 || refused == 20 {
			h.Error(refused, "of 20 were refused")
		}
		h.submit(`{"task_type":"ECHO"}`)
		if held := h.api.bodies.used.Load(); held > h.api.bodies.most {
			h.Error(held, "bytes held")
		}
		for _, conn := range claims {
			_ = conn.Close()
		}
		time.Sleep(time.Second) // net/http closes a connection half a second later
		synctest.Wait()
		if held := h.api.bodies.used.Load(); held != 0 {
			h.Error(held, "bytes held when all are gone")
		}
	})
}
