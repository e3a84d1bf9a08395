// Package testserver is for tests: it runs Daybook with its HTTP API in the process of the test.
package testserver

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"daybook"
	"daybook/handler"
)

// Start runs a server on an empty folder until the test ends. wrap, if not nil, returns what stands before its API; more are task types
// beside the built-in ones.
func Start(t testing.TB, wrap func(http.Handler) http.Handler, more ...handler.Handler) *httptest.Server {
	t.Helper()
	d, err := daybook.Open(t.Context(), daybook.Options{Data: t.TempDir(), Grace: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range more {
		if err := d.Register(h); err != nil {
			t.Fatal(err)
		}
	}
	serve := d.Handler()
	if wrap != nil {
		serve = wrap(serve)
	}
	web := httptest.NewServer(serve)
	running, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
		d.StopStreams()
		web.Close()
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return web
}
