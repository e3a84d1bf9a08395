package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAProblemNamesItsTypeAndInstanceBelowWhatStandsBefore(t *testing.T) {
	for name, m := range mounts() {
		t.Run(name, func(t *testing.T) {
			h, server := m.start(t)
			for _, c := range []struct{ request, kind string }{
				{"GET /api/tasks/01ARZ3NDEKTSV4RRFFQ69G5FAV?x=1", "invalid"},
				{"GET /api/tasks/nobody", "not-found"}, {"GET /no/such%20path/", "not-found"}, {"PUT /api/tasks/submit", "method-not-allowed"},
			} {
				method, path, _ := strings.Cut(c.request, " ")
				a := h.do(method, server+m.path+path, "", m.also...)
				here, _, _ := strings.Cut(path, "?")
				p := a.object(t)
				if p["type"] != m.path+"/docs#"+c.kind || p["instance"] != m.path+here {
					t.Errorf("%s: type %v, instance %v", c.request, p["type"], p["instance"])
				}
				link, _, _ := strings.Cut(p["type"].(string), "#")
				if page := h.do("GET", server+link, "", m.also...); page.status != 200 || !strings.Contains(page.body, `id="`+c.kind+`"`) {
					t.Error(link, page.status)
				}
			}
			// Before anything is taken from the path.
			a := h.do("GET", server+m.path+"/api/health?x=1", "", "Host: evil.example")
			if p := a.object(t); a.status != 403 || p["type"] != m.path+"/docs#wrong-host" || p["instance"] != m.path+"/api/health" {
				t.Error(a)
			}
		})
	}
}

func TestTheDescriptionNamesTheServerThatSentIt(t *testing.T) {
	for name, m := range mounts() {
		t.Run(name, func(t *testing.T) {
			h, server := m.start(t)
			url := m.path
			if url == "" {
				url = "/"
			}
			for _, encoding := range []string{"", "gzip"} {
				a := h.want("GET", server+m.path+"/openapi.json", "", append([]string{"Accept-Encoding: " + encoding}, m.also...)...)
				a.body = unpack(t, a)
				servers := a.object(t)["servers"].([]any)
				if len(servers) != 1 || servers[0].(map[string]any)["url"] != url {
					t.Error(encoding, servers)
				}
			}
		})
	}
}

// A proxy that takes away the base path that the server was told of.
func TestBehindAProxyThatTakesTheBasePathAwayAllIsBelowIt(t *testing.T) {
	h := build(t, nil, func(o *Options) { o.BasePath = "/dä" })
	server := httptest.NewServer(h.api)
	h.url, h.client = server.URL, server.Client()
	t.Cleanup(func() { h.api.StopStreams(); server.CloseClientConnections(); server.Close() })
	const base = "/d%C3%A4"
	for _, path := range []string{"/api/tasks/nobody", base + "/api/tasks/nobody"} {
		if p := h.do("GET", path, "").object(t); p["type"] != base+"/docs#not-found" || p["instance"] != base+"/api/tasks/nobody" {
			t.Error(path, p)
		}
	}
	a := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`)
	if to := a.header.Get("Location"); !strings.HasPrefix(to, base+"/api/tasks/") || h.do("GET", to, "").status != http.StatusOK {
		t.Error(to)
	}
}
