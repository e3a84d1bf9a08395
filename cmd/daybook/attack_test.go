package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// attacked is a server of its own with limits set by the shell, and plain connections to it.
type attacked struct {
	*testing.T
	*process
	addr string
}

// asShipped is the binary as users have it: without the race detector, which takes many
// times the memory.
func asShipped(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daybook")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// attack starts a server. limits are shell commands that come before it.
func attack(t *testing.T, limits string, env ...string) *attacked {
	t.Helper()
	cmd := exec.Command("sh", "-c", limits+`; exec "$0" serve --addr 127.0.0.1:0 --data data`, asShipped(t))
	p, err := startCommand(cmd, t.TempDir(), append(os.Environ(), env...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	if err := p.ready(patience); err != nil {
		t.Fatal(err)
	}
	return &attacked{t, p, strings.TrimPrefix(p.url, "http://")}
}

// send opens a connection and sends the text; nothing is read.
func (a *attacked) send(text string) net.Conn {
	a.Helper()
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, text)
	return conn
}

// status reads the status of the answer; 0 = none came.
func status(conn net.Conn) int {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReaderSize(conn, 64).ReadString('\n')
	if err != nil || len(line) < 12 {
		return 0
	}
	n, _ := strconv.Atoi(line[9:12])
	return n
}

// works fails unless the server is healthy and takes writes.
func (a *attacked) works(when string) {
	a.Helper()
	a.worksWithin(0, when)
}

// worksWithin lets a request that finds no room come again for some time, as a client does.
func (a *attacked) worksWithin(again time.Duration, when string) {
	a.Helper()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for _, c := range []struct{ method, path, kind, body string }{
		{"GET", "/healthz", "", ""}, {"GET", "/readyz", "", ""},
		{"POST", "/api/tasks/submit", "application/json", `{"task_type":"SLEEP","parameters":{"result":"` + when + `"}}`},
		{"GET", "/api/tasks?q=" + strings.Fields(when)[0], "", ""},
		{"POST", "/api/files?name=a.csv", "text/csv", "a\n" + when + "\n"},
	} {
		begin := time.Now()
		var resp *http.Response
		for {
			req, err := http.NewRequestWithContext(a.Context(), c.method, a.url+c.path, strings.NewReader(c.body))
			if err != nil {
				a.Fatal(err)
			}
			req.Header.Set("Content-Type", c.kind)
			resp, err = web.Do(req)
			if full := err != nil || resp.StatusCode == 503; full && time.Since(begin) < again {
				if err == nil {
					_ = resp.Body.Close()
				}
				continue
			}
			if err == nil {
				break
			}
			a.Fatalf("%s: %s %s: %v\n%s", when, c.method, c.path, err, a.stderr.String())
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			a.Errorf("%s: %s %s: %s %s", when, c.method, c.path, resp.Status, text)
		}
		a.Logf("%s: %s %s in %v", when, c.method, c.path, time.Since(begin))
	}
}

// resident is how much memory the server has, in bytes; 0 where nothing says so.
func (a *attacked) resident() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

func TestAServerWithFewDescriptorsStaysUseful(t *testing.T) {
	a := attack(t, "ulimit -n 64")
	a.works("before")
	taken, refused := 0, 0
	for range 100 {
		switch s := status(a.send("GET /api/log/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")); s {
		case 200:
			taken++
		case 503, 0: // 0: closed without a word, which is all that a full house can do at times
			refused++
		default:
			t.Error("a stream is answered", s)
		}
	}
	if taken == 0 || taken > 20 || refused == 0 {
		t.Error(taken, "streams were taken,", refused, "refused")
	}
	a.works("beside streams")
	for range 100 { // connections that say nothing
		a.send("")
	}
	for range 100 { // and some that stay after their answer
		a.send("GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	a.worksWithin(patience, "beside idle connections") // one that says nothing gives way after a second
	if !strings.Contains(a.stderr.String(), "ulimit -n") {
		t.Error("nothing is said of the limit:", a.stderr.String())
	}
	if code, err := a.stop(syscall.SIGTERM, patience); code != exitDone || err != nil {
		t.Error(code, err)
	}
}

func TestBodiesAndClaimsDoNotKillASmallServer(t *testing.T) {
	a := attack(t, "true", "GOMEMLIMIT=525MiB") // three quarters of 700 MiB
	one := `{"task_type":"SLEEP","parameters":{"result":"` + strings.Repeat("x", 200<<10) + `"}}`
	made, err := http.Post(a.url+"/api/tasks/batch", "application/json", strings.NewReader("["+strings.Repeat(one+",", 59)+one+"]"))
	if err != nil || made.StatusCode != 200 {
		t.Fatal(made, err)
	}
	_, _ = io.Copy(io.Discard, made.Body)
	_ = made.Body.Close()
	body := []byte(`{"task_type":"SLEEP","parameters":{"result":"` + strings.Repeat("x", 200<<10) + `"},"tags":["` + strings.Repeat(" ", 1<<20-300<<10))
	head := fmt.Sprintf("POST /api/tasks/submit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 1<<20)
	for range 859 {
		conn := a.send(head)
		go func() { _, _ = io.Copy(conn, bytes.NewReader(body)) }()
	}
	a.works("beside bodies")
	for range 1000 {
		a.send("POST /api/tasks/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777216\r\n\r\n[")
	}
	a.works("beside claims")
	for i := range 600 {
		path := []string{"/api/log?payload=1&limit=1000", "/api/log?payload=1&format=ndjson", "/api/tasks?limit=1000"}[i%3]
		a.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	a.works("beside answers that nobody takes")
	if got := a.resident(); got > 700<<20 {
		t.Errorf("%d MiB resident", got>>20)
	} else {
		t.Logf("%d MiB resident", got>>20)
	}
}
