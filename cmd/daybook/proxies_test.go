package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/internal/freeaddr"
)

var proxies = flag.Bool("proxies", false, "run the configurations of docs/deploy.md with nginx, Caddy and HAProxy")

// runs says how each proxy is started with what docs/deploy.md says.
var runs = map[string]struct {
	around  string // %s = the configuration
	command func(dir, config string) *exec.Cmd
}{
	"nginx": {"daemon off;\nuser root;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" +
		"client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path f;\nuwsgi_temp_path u;\nscgi_temp_path s;\n%s}\n",
		func(dir, config string) *exec.Cmd {
			return exec.Command("nginx", "-p", dir, "-c", config, "-e", "stderr")
		}},
	"caddyfile": {"{\n\tadmin off\n\tauto_https off\n}\n%s",
		func(_, config string) *exec.Cmd {
			return exec.Command("caddy", "run", "--config", config, "--adapter", "caddyfile")
		}},
	"haproxy": {"%s", func(_, config string) *exec.Cmd { return exec.Command("haproxy", "-db", "-f", config) }},
}

var snippet = regexp.MustCompile("(?s)```(nginx|caddyfile|haproxy)\n(.*?)```")

func TestProxiesShowDaybookAsTheDocumentSays(t *testing.T) {
	if !*proxies {
		return
	}
	text, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	found := snippet.FindAllStringSubmatch(string(text), -1)
	if len(found) != 6 {
		t.Fatal(len(found), "configurations, not 6")
	}
	for _, one := range found {
		base := ""
		if strings.Contains(one[2], "/daybook") {
			base = "/daybook"
		}
		t.Run(one[1]+base, func(t *testing.T) { behind(t, one[1], one[2], base) })
		switch { // the other ways that the document names
		case one[1] == "nginx" && base != "":
			t.Run("nginx without the path", func(t *testing.T) {
				behind(t, one[1], strings.ReplaceAll(one[2], ":8000;", ":8000/;"), base)
			})
		case one[1] == "nginx":
			t.Run("nginx 1.1 and Host", func(t *testing.T) {
				behind(t, one[1], strings.ReplaceAll(one[2], ":8000;", ":8000; proxy_http_version 1.1; proxy_set_header Host $host;"), base)
			})
		case one[1] == "caddyfile" && base != "":
			t.Run("caddyfile without the path", func(t *testing.T) {
				behind(t, one[1], strings.ReplaceAll(one[2], "handle /", "handle_path /"), base)
			})
		}
	}
}

// front is one Daybook behind one proxy.
type front struct {
	*testing.T
	web    *http.Client
	origin string
	url    string // with the base path
}

// behind starts both and does what a browser and a client do.
func behind(t *testing.T, kind, config, base string) {
	_, port, _ := net.SplitHostPort(freeaddr.Find(t))
	host := "tasks.example"
	if strings.Contains(config, "www.example") {
		host = "www.example"
	}
	f := &front{T: t, origin: "http://" + host + ":" + port}
	f.url = f.origin + base
	p, err := startServer(t.TempDir(), os.Environ(), "--addr", "127.0.0.1:0", "--data", "data", "--public-url", f.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	if err := p.ready(patience); err != nil {
		t.Fatal(err)
	}
	config = strings.NewReplacer("127.0.0.1:8000", strings.TrimPrefix(p.url, "http://"),
		"listen 80;", "listen 127.0.0.1:"+port+";", "bind :80", "bind 127.0.0.1:"+port, host+" {", f.origin+" {").Replace(config)
	f.start(kind, config, port)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	transport := &http.Transport{DialContext: dial}
	f.web = &http.Client{Transport: transport, Timeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	f.page()
	f.lists()
	f.stream()
	f.files()
}

// start runs the proxy until the test ends, and waits until it listens.
func (f *front) start(kind, config, port string) {
	f.Helper()
	dir := f.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, fmt.Appendf(nil, runs[kind].around, config), 0o600); err != nil {
		f.Fatal(err)
	}
	cmd := runs[kind].command(dir, path)
	var said lockedBuffer
	cmd.Dir, cmd.Stderr, cmd.Stdout = dir, &said, &said
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	f.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if f.Failed() {
			f.Log(said.String())
		}
	})
	for begin := time.Now(); ; {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			f.Fatal("the proxy ended: ", said.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(begin) > patience {
			f.Fatal("the proxy does not listen: ", said.String())
		}
	}
}

// ask sends one request as the page would.
func (f *front) ask(method, at string, body io.Reader, headers ...string) (*http.Response, []byte) {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), method, at, body)
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", f.origin)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	resp, err := f.web.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	return resp, text
}

// want is ask that must be answered 200.
func (f *front) want(method, at string, body io.Reader, headers ...string) (*http.Response, []byte) {
	f.Helper()
	resp, text := f.ask(method, at, body, headers...)
	if resp.StatusCode != http.StatusOK {
		f.Fatalf("%s %s: %s %.300s", method, at, resp.Status, text)
	}
	return resp, text
}

// resolve is where a reference in the answer leads.
func (f *front) resolve(resp *http.Response, ref string) string {
	f.Helper()
	u, err := resp.Request.URL.Parse(ref)
	if err != nil || ref == "" {
		f.Fatalf("%q: %v", ref, err)
	}
	return u.String()
}

var asset = regexp.MustCompile(`(?:src|href)="([^"]+\.(?:js|css|svg))"`)

func (f *front) page() {
	for _, at := range []string{f.url + "/", f.url, f.url + "/docs"} {
		resp, text := f.want("GET", at, nil)
		parts := asset.FindAllSubmatch(text, -1)
		if !bytes.Contains(text, []byte("Daybook")) || len(parts) < 2 {
			f.Errorf("%s: %.200s", at, text)
		}
		for _, part := range parts {
			f.want("GET", f.resolve(resp, string(part[1])), nil)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/api/stats"} {
		f.want("GET", f.url+path, nil)
	}
	if resp, text := f.ask("POST", f.url+"/api/tasks/submit", strings.NewReader(`{"task_type":"SLEEP"}`), "Origin: http://evil.example"); resp.StatusCode != 403 {
		f.Errorf("another origin: %s %s", resp.Status, text)
	}
}

func (f *front) lists() {
	for range 3 {
		resp, text := f.want("POST", f.url+"/api/tasks/submit", strings.NewReader(`{"task_type":"SLEEP"}`))
		_, again := f.want("GET", f.resolve(resp, resp.Header.Get("Location")), nil)
		if id := idOf(f.T, text); id != idOf(f.T, again) {
			f.Errorf("Location leads to %s", again)
		}
	}
	for path, least := range map[string]int{"/api/tasks/?limit=1": 3, "/api/log?limit=2": 4} {
		pages := 0
		for next := f.url + path; next != ""; pages++ {
			resp, _ := f.want("GET", next, nil)
			link, _, _ := strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
			if next = ""; link != "" {
				next = f.resolve(resp, link)
			}
		}
		if pages < least {
			f.Errorf("%s: %d pages", path, pages)
		}
	}
}

func idOf(t *testing.T, text []byte) string {
	t.Helper()
	var task struct{ ID string }
	if err := json.Unmarshal(text, &task); err != nil || task.ID == "" {
		t.Fatalf("%v in %s", err, text)
	}
	return task.ID
}

// stream wants each event while the stream is open and before the next one is made.
func (f *front) stream() {
	resp, err := f.web.Get(f.url + "/api/log/stream")
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	until := func(text string) {
		f.Helper()
		begin := time.Now()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				f.Logf("%s after %v", text, time.Since(begin))
				return
			}
		}
		f.Fatalf("no %q in the stream: %v", text, lines.Err())
	}
	until("event: start")
	for range 3 {
		_, text := f.want("POST", f.url+"/api/tasks/submit", strings.NewReader(`{"task_type":"SLEEP"}`))
		until("task:" + idOf(f.T, text))
	}
}

func (f *front) files() {
	content := bytes.Repeat([]byte("0123456789abcdef,\n"), 300<<10)                                        // 5 MB
	for _, body := range []io.Reader{bytes.NewReader(content), io.MultiReader(bytes.NewReader(content))} { // the second one in chunks
		resp, _ := f.want("POST", f.url+"/api/files?name=a.csv", body, "Content-Type: text/csv")
		if _, got := f.want("GET", f.resolve(resp, resp.Header.Get("Location")), nil); !bytes.Equal(got, content) {
			f.Errorf("%d bytes came back, not %d", len(got), len(content))
		}
	}
}
