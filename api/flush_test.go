package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Wrappers as middlewares have them.
type (
	plainWrapper    struct{ http.ResponseWriter }
	unwrapper       struct{ http.ResponseWriter }
	flushingWrapper struct{ http.ResponseWriter }
	silentWrapper   struct{ http.ResponseWriter } // flushes if what it wraps can, and says nothing if not
)

func (w unwrapper) Unwrap() http.ResponseWriter     { return w.ResponseWriter }
func (w silentWrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w flushingWrapper) FlushError() error {
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w silentWrapper) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func TestAStreamThatCannotBeFlushedIsRefusedAndSaysWhy(t *testing.T) {
	wrap := func(f func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(f(w), r) })
		}
	}
	plain := func(w http.ResponseWriter) http.ResponseWriter { return plainWrapper{w} }
	for name, c := range map[string]struct {
		around  func(http.Handler) http.Handler
		streams bool
	}{
		"nothing around":           {func(h http.Handler) http.Handler { return h }, true},
		"http.TimeoutHandler":      {func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Hour, "") }, false},
		"no method":                {wrap(plain), false},
		"Unwrap":                   {wrap(func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{w} }), true},
		"Flush":                    {wrap(func(w http.ResponseWriter) http.ResponseWriter { return flushingWrapper{w} }), true},
		"Unwrap around no method":  {wrap(func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{plain(w)} }), false},
		"both around no method":    {wrap(func(w http.ResponseWriter) http.ResponseWriter { return silentWrapper{plain(w)} }), false},
		"both around Unwrap":       {wrap(func(w http.ResponseWriter) http.ResponseWriter { return silentWrapper{unwrapper{w}} }), true},
		"no method around another": {wrap(func(w http.ResponseWriter) http.ResponseWriter { return plain(unwrapper{w}) }), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := build(t, nil)
			server := httptest.NewServer(c.around(h.api))
			h.url, h.client = server.URL, server.Client()
			t.Cleanup(func() { h.api.StopStreams(); server.CloseClientConnections(); server.Close() })
			for _, path := range []string{"/api/stream", "/api/log/stream?after=0"} {
				for _, method := range []string{"GET", "HEAD"} {
					r, err := http.NewRequestWithContext(t.Context(), method, h.url+path, nil)
					if err != nil {
						t.Fatal(err)
					}
					resp, err := h.client.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					if c.streams {
						first := make([]byte, 1)
						if _, err := io.ReadFull(resp.Body, first); resp.StatusCode != 200 || method == "GET" && err != nil {
							t.Error(method, path, resp.StatusCode, err)
						}
					} else {
						body, err := io.ReadAll(resp.Body)
						if err != nil || resp.StatusCode != 500 || resp.Header.Get("Content-Type") != "application/problem+json" ||
							method == "GET" && (!strings.Contains(string(body), "/docs#streaming-unsupported") || !strings.Contains(string(body), "Unwrap")) {
							t.Error(method, path, resp.StatusCode, resp.Header, string(body), err)
						}
					}
					_ = resp.Body.Close()
				}
			}
			// Everything else works.
			h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
			h.want("GET", "/api/log?limit=1000", "")
		})
	}
}
