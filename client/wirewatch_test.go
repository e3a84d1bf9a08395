package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestTheEndOfAContextBreaksOffAnyCallOfAConnection(t *testing.T) {
	connections := 0
	came := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that a caller has left
		if r.URL.Path == "/wait" {
			came <- struct{}{}
			<-r.Context().Done()
		}
		_, _ = w.Write([]byte(r.URL.Path))
	}))
	defer web.Close()
	c, err := New(web.URL, web.Client())
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{client: c}
	defer w.close()
	post := func(ctx context.Context, path string) error {
		before := w.conn
		data, err := w.post(ctx, time.Now().Add(time.Hour), call{method: http.MethodPost, path: path}, []byte("{}"))
		if w.conn != before && w.conn != nil {
			connections++
		}
		if err == nil && string(data) != path {
			t.Errorf("POST %s: %q", path, data)
		}
		return err
	}

	first, end := context.WithCancel(t.Context())
	for range 3 {
		if err := post(first, "/now"); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections; n != 1 {
		t.Errorf("3 calls took %d connections", n)
	}
	go func() {
		<-came
		end()
	}()
	if err := post(first, "/wait"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose context ended: %v", err)
	}
	if err := post(first, "/now"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call after the end of its context: %v", err)
	}

	second, end := context.WithCancel(t.Context())
	if err := post(second, "/now"); err != nil {
		t.Error(err)
	}
	end() // between two calls
	if err := post(t.Context(), "/now"); err != nil {
		t.Errorf("a call after one whose context has ended: %v", err)
	}
	third, end := context.WithCancel(t.Context())
	defer end()
	if err := post(third, "/now"); err != nil {
		t.Error(err)
	}
	if n := connections; n != 3 {
		t.Errorf("all took %d connections, want 3: a context that has not ended leaves the connection", n)
	}
}
