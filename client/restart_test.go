package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"daybook/client"
)

// restarting stands before a server and cuts connections as its restart does: the answer to
// the first submit is lost although the task is there, and so are the next requests.
func restarting(t *testing.T, server *httptest.Server, lost int64) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = server.Client().Transport
	var seen atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := seen.Add(1)
		if n == 1 {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
		}
		if n > lost {
			proxy.ServeHTTP(w, r)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}))
	t.Cleanup(web.Close)
	return web, &seen
}

func TestSubmitAndWaitSurvivesARestartOfTheServer(t *testing.T) {
	server := serve(t)
	direct, err := client.New(server.URL, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	front, seen := restarting(t, server, 4)
	c, err := client.New(front.URL, front.Client())
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.SubmitAndWait(t.Context(), sleep("once"))
	if err != nil || done.Status != client.Success || string(done.ResultData) != `"once"` {
		t.Fatalf("%v: %s", err, done.Raw)
	}
	page, err := direct.ListPage(t.Context(), client.Filter{})
	if err != nil || len(page.Tasks) != 1 {
		t.Errorf("%d tasks (%v), want 1", len(page.Tasks), err)
	}
	if seen.Load() <= 4 {
		t.Errorf("only %d requests", seen.Load())
	}
}

func TestSubmitAndWaitOfAServerThatIsNotThereIsAnErrorAtOnce(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c, err := client.New(gone.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SubmitAndWait(t.Context(), sleep(nil)); err == nil {
		t.Error("no error")
	}
}
