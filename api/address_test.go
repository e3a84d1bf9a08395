package api

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// walk submits some tasks below at, follows the Location of each and then the Links of
// the lists, as RFC 3986 resolves them.
func (h *house) walk(t *testing.T, at string, headers ...string) {
	t.Helper()
	h.url = ""
	follow := func(from, to string) string {
		base, err := url.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := base.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		return ref.String()
	}
	for _, path := range []string{"/api/tasks/submit", "/api/tasks/submit/"} {
		a := h.want("POST", at+path, `{"task_type":"ECHO","queue":"x","delay_seconds":3600}`, headers...)
		id := a.object(t)["id"]
		got := h.do("GET", follow(at+path, a.header.Get("Location")), "", headers...)
		if got.status != 200 || got.object(t)["id"] != id {
			t.Errorf("%s%s: Location %q leads to %d", at, path, a.header.Get("Location"), got.status)
		}
	}
	a := h.want("POST", at+"/api/files?name=a.csv", "a\n1\n", headers...)
	if got := h.do("GET", follow(at+"/api/files?name=a.csv", a.header.Get("Location")), "", headers...); got.body != "a\n1\n" {
		t.Errorf("%s: the Location %q of a file leads to %d", at, a.header.Get("Location"), got.status)
	}
	for _, path := range []string{"/api/tasks?limit=1", "/api/tasks/?queue=x&limit=1", "/api/log?limit=1"} {
		n := 0
		for next := at + path; next != ""; n++ {
			a := h.want("GET", next, "", headers...)
			link := a.header.Get("Link")
			if link == "" {
				break
			}
			target, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
			next = follow(next, target)
		}
		if n == 0 {
			t.Errorf("%s%s: no Link", at, path)
		}
	}
}

func strip(prefix string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return http.StripPrefix(prefix, h) }
}

// mounts are the ways in which something may stand before the paths of the server.
func mounts() map[string]mount {
	return map[string]mount{
		"nothing":           {func(*Options) {}, strip(""), "", nil},
		"StripPrefix":       {func(*Options) {}, strip("/daybook"), "/daybook", nil},
		"StripPrefix slash": {func(*Options) {}, strip("/daybook/"), "/daybook", nil},
		"two of them":       {func(*Options) {}, func(h http.Handler) http.Handler { return strip("/a")(strip("/b c")(h)) }, "/a/b%20c", nil},
		"base path":         {func(o *Options) { o.BasePath = "/daybook" }, strip(""), "/daybook", nil},
		"public URL":        {func(o *Options) { o.PublicURL = "https://tasks.example/daybook/" }, strip(""), "/daybook", []string{"Host: tasks.example"}},
		"and StripPrefix":   {func(o *Options) { o.PublicURL = "https://tasks.example/daybook" }, strip("/daybook"), "/daybook", nil},
		"a host alone":      {func(o *Options) { o.Hosts = []string{"Tasks.Example"} }, strip(""), "", []string{"Host: tasks.example:8443"}},
	}
}

type mount struct {
	set    func(*Options)
	around func(http.Handler) http.Handler
	path   string
	also   []string // headers
}

// start starts a server there.
func (m mount) start(t *testing.T) (*house, string) {
	h := build(t, nil, m.set)
	server := httptest.NewServer(m.around(h.api))
	h.client = server.Client()
	t.Cleanup(func() { h.api.StopStreams(); server.CloseClientConnections(); server.Close() })
	return h, server.URL
}

// A client that resolves what it is told, as RFC 3986 has it, finds it.
func TestLocationAndLinkAreRightWhateverStandsBefore(t *testing.T) {
	for name, c := range mounts() {
		t.Run(name, func(t *testing.T) {
			h, server := c.start(t)
			h.walk(t, server+c.path, c.also...)
			if a := h.want("GET", server+c.path+"/", "", c.also...); !strings.Contains(a.body, "Daybook") {
				t.Error(a)
			}
			if c.path == "" {
				return
			}
			h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if a := h.do("GET", server+c.path+"?a=1", "", c.also...); name != "StripPrefix slash" && (a.status != 308 || a.header.Get("Location") != c.path+"/?a=1") {
				t.Error(a)
			}
		})
	}
}

// A proxy that takes the path away and says nothing of it.
func TestBehindAProxyThatNobodyToldOfLocationAndLinkAreRelative(t *testing.T) {
	h := open(t, nil)
	to, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to) // adds X-Forwarded-For
	front := httptest.NewServer(http.StripPrefix("/daybook", proxy))
	t.Cleanup(func() { front.CloseClientConnections(); front.Close() })
	h.client = front.Client()
	h.walk(t, front.URL+"/daybook")
}

func TestWhichHostsAndOriginsAreAnswered(t *testing.T) {
	h := open(t, nil, func(o *Options) {
		o.PublicURL = "https://tasks.example"
		o.Hosts = []string{"tasks.lan:8080", "[fd00::1]"}
	})
	for host, status := range map[string]int{"tasks.example": 200, "TASKS.example.:443": 200, "tasks.lan": 200, "tasks.lan:1": 200, "[fd00::1]:9": 200,
		"localhost:1": 200, "evil.example": 403, "tasks.example.evil": 403, "xtasks.example": 403} {
		a := h.do("GET", "/api/health", "", "Host: "+host)
		if a.status != status {
			t.Error(host, a.status, a.body)
		}
		if status == 403 && !strings.Contains(a.body, "--public-url http://"+host) {
			t.Error(a.body)
		}
	}
	for origin, status := range map[string]int{"https://tasks.example": 200, "http://tasks.lan:8080": 200, "https://tasks.lan:8080": 200, "http://[fd00::1]": 200,
		"http://tasks.example": 403, "http://tasks.lan": 403, "https://evil.example": 403, "null": 403, "https://tasks.example.evil": 403} {
		for _, site := range []string{"", "cross-site"} {
			a := h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, "Origin: "+origin, "Sec-Fetch-Site: "+site) // the Host is the upstream's
			if a.status != status || status == 403 && !strings.Contains(a.body, "--public-url") {
				t.Error(origin, site, a.status, a.body)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Error(origin, a.header)
			}
		}
	}
}

func TestARequestOfHTTP10WithoutHostIsAHealthCheck(t *testing.T) {
	h := open(t, nil)
	for _, request := range []string{"OPTIONS / HTTP/1.0", "GET /healthz HTTP/1.0", "GET /readyz HTTP/1.0", "HEAD /api/health HTTP/1.0"} {
		conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s\r\n\r\n", request)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.0 20") {
			t.Errorf("%s: %q, %v", request, line, err)
		}
		_ = conn.Close()
	}
}

func TestAFrontEndElsewhereMayDoAllIfItIsNamed(t *testing.T) {
	const app = "https://app.example"
	h := open(t, nil, func(o *Options) { o.CORSOrigins = []string{"https://App.example:443", "http://localhost:5173"} })
	pre := func(origin, method string) answer {
		return h.do("OPTIONS", "/api/tasks/submit", "", "Origin: "+origin, "Access-Control-Request-Method: "+method,
			"Access-Control-Request-Headers: content-type,idempotency-key", "Sec-Fetch-Site: cross-site")
	}
	a := pre(app, "POST")
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != app || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") || !slices.Contains(a.header.Values("Vary"), "Origin") {
		t.Error(a)
	}
	a = h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, "Origin: "+app, "Sec-Fetch-Site: cross-site")
	exposed := a.header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"Link", "Location", "X-Total-Count", "X-Log-Seq", "Retry-After", "Idempotent-Replayed"} {
		if !strings.Contains(exposed, name) {
			t.Error(name, "is not exposed:", exposed)
		}
	}
	a = h.want("GET", "/api/tasks", "", "Origin: http://localhost:5173")
	if a.header.Get("Access-Control-Allow-Origin") != "http://localhost:5173" || len(a.header.Values("Vary")) < 2 {
		t.Error(a.header)
	}
	l := h.listen("/api/log/stream?after=0", "Origin: "+app)
	if l.must(t); l.resp.Header.Get("Access-Control-Allow-Origin") != app {
		t.Error(l.resp.Header)
	}
	if a := h.do("GET", "/api/tasks/nobody", "", "Origin: "+app); a.status != 404 || a.header.Get("Access-Control-Allow-Origin") != app {
		t.Error("a refusal cannot be read:", a)
	}
	for _, origin := range []string{"https://evil.example", "http://app.example", "null"} {
		if a := pre(origin, "POST"); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Error(origin, a.header)
		}
		if a := h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, "Origin: "+origin, "Sec-Fetch-Site: cross-site"); a.status != 403 {
			t.Error(origin, a)
		}
		if a := h.want("GET", "/api/tasks", "", "Origin: "+origin); a.header.Get("Access-Control-Allow-Origin") != "" || !slices.Contains(a.header.Values("Vary"), "Origin") {
			t.Error(origin, a.header)
		}
	}
}

func TestAStreamIsNeitherKeptNorChangedOnItsWay(t *testing.T) {
	h := open(t, nil)
	for _, path := range []string{"/api/stream", "/api/log/stream"} {
		l := h.listen(path)
		for _, word := range []string{"no-cache", "no-store", "no-transform"} {
			if !strings.Contains(l.resp.Header.Get("Cache-Control"), word) {
				t.Error(path, l.resp.Header)
			}
		}
		if l.resp.Header.Get("X-Accel-Buffering") != "no" {
			t.Error(path, l.resp.Header)
		}
	}
}

func TestAnAddressThatMakesNoSenseIsRefused(t *testing.T) {
	for _, o := range []Options{
		{PublicURL: "tasks.example"}, {PublicURL: "ftp://tasks.example"}, {PublicURL: "https://tasks.example/?a=1"}, {PublicURL: "https://a@tasks.example"},
		{PublicURL: "https://tasks.example/a/../b"}, {PublicURL: "https://tasks.example/a", BasePath: "/b"}, {BasePath: "daybook"}, {BasePath: "//x"},
		{Hosts: []string{"http://tasks.example"}}, {Hosts: []string{"tasks.example/x"}}, {Hosts: []string{""}},
		{CORSOrigins: []string{"*"}}, {CORSOrigins: []string{"https://*.example"}}, {CORSOrigins: []string{"app.example"}}, {CORSOrigins: []string{"https://app.example/"}},
	} {
		if _, err := newAddress(&o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
