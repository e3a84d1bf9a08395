package daybook_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook"
	"daybook/eventlog"
	"daybook/task"
)

// A server whose folder is taken away while it runs keeps nothing more, says so to everybody, and
// lets be read what it has.
func TestAServerWhoseFolderIsTakenAwayRefusesWrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	submit := task.Submit{Type: "SLEEP", Parameters: []byte(`{"seconds":0}`)}
	if _, err := d.Submit(ctx, submit); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string) (int, string) {
		r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/octet-stream")
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if code, body := ask("GET", "/readyz", ""); code != http.StatusOK {
		t.Errorf("before: %d %s", code, body)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if code, body := ask("GET", "/readyz", ""); code != http.StatusServiceUnavailable || !strings.Contains(body, "data-moved") {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, body := ask("POST", "/api/files", "hello"); code != http.StatusServiceUnavailable || !strings.Contains(body, "data-moved") {
		t.Errorf("upload: %d %s", code, body)
	}
	if code, body := ask("GET", "/api/tasks/", ""); code != http.StatusOK || !strings.Contains(body, "SLEEP") {
		t.Errorf("list: %d %s", code, body)
	}
	if _, err := d.Submit(ctx, submit); !errors.Is(err, eventlog.ErrMoved) && !errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("submit: %v", err)
	}
	if _, err := d.Submit(ctx, submit); !errors.Is(err, eventlog.ErrMoved) {
		t.Errorf("the next submit: %v", err)
	}
	select {
	case err := <-over:
		t.Errorf("the queue ended by itself: %v", err)
	default:
	}
	stop()
	if err := <-over; err != nil && !errors.Is(err, eventlog.ErrMoved) {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
