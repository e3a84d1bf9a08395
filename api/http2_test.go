package api

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serve2 serves the handler over HTTP/2 without TLS, on pipes, and returns a client.
func serve2(t *testing.T, handler http.Handler) *http.Client {
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, Protocols: &protocols}
	served := make(chan error, 1)
	go func() { served <- server.Serve(pipes) }()
	transport := &http.Transport{Protocols: &protocols,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return pipes.dial(), nil }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return &http.Client{Transport: transport}
}

// bubble2 is bubble over HTTP/2.
func bubble2(t *testing.T, test func(h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, nil)
		h.url, h.client = "http://localhost", serve2(t, h.api)
		t.Cleanup(h.api.StopStreams)
		synctest.Wait() // what the start writes down is in the log
		test(h)
	})
}

func TestAnIdleStreamOverHTTP2GoesOn(t *testing.T) {
	bubble2(t, func(h *house) {
		for _, path := range []string{"/api/log/stream?type=task.failed", "/api/stream"} {
			l := h.listen(path)
			if l.resp.ProtoMajor != 2 {
				h.Fatal(l.resp.Proto)
			}
			for m := l.must(t); m.event != "keepalive"; { // 15 s of silence, longer than a write may take
				m = l.must(t)
			}
			if m := l.must(t); m.event != "keepalive" {
				h.Errorf("%+v", m)
			}
			l.close()
		}
	})
}

func TestALongAnswerOverHTTP2MayPauseBetweenWrites(t *testing.T) {
	bubble2(t, func(h *house) {
		part := strings.Repeat("x", 100<<10)
		slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			p := &reply{ResponseWriter: w}
			l := p.long("text/plain")
			defer l.close()
			for range 3 {
				l.b = append(l.b, part...)
				_ = l.flush()
				time.Sleep(2 * patience)
			}
			_ = l.end()
		})
		h.client = serve2(h.TB.(*testing.T), slow)
		if a := h.want("GET", "/", ""); len(a.body) != 3*len(part) {
			h.Error(len(a.body), "bytes")
		}
	})
}

func TestStreamsWorkOverTLSAndHTTP2(t *testing.T) {
	h := build(t, nil)
	server := httptest.NewUnstartedServer(h.api)
	server.EnableHTTP2 = true
	server.StartTLS()
	h.url, h.client = server.URL, server.Client()
	h.client.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS12
	t.Cleanup(func() {
		h.api.StopStreams()
		server.CloseClientConnections()
		server.Close()
	})
	l := h.listen("/api/log/stream?after=0")
	if m := l.must(t); l.resp.ProtoMajor != 2 || m.id != "0" {
		t.Error(l.resp.Proto, m)
	}
	h.submit(`{"task_type":"ECHO"}`)
	for _, id := range []string{"1", "2", "3", "4"} {
		if m := l.must(t); m.id != id {
			t.Errorf("%+v, not %s", m, id)
		}
	}
}
