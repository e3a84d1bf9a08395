package api

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A stream goes on at a node of a cluster from a position that another one has reached: it waits until this one is there. A
// node that stays behind says so, and the stream is not reset.
func TestAStreamWaitsForANodeThatIsBehind(t *testing.T) {
	for _, path := range []string{"/api/log/stream", "/api/stream"} {
		bubble(t, func(h *house, _ func() net.Conn) {
			t := h.TB.(*testing.T)
			h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
			begun := make(chan *listener)
			go func() { begun <- h.listen(path + "?after=7@" + h.log.Epoch()) }()
			synctest.Wait()
			h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
			l := <-begun
			if m := l.must(t); m.event != "start" || m.id != "7" {
				t.Errorf("%s: %+v", path, m)
			}
			l.close()
			before := time.Now()
			a := h.do("GET", path+"?after=9999@"+h.log.Epoch(), "", "Accept: text/event-stream")
			if a.status != http.StatusServiceUnavailable || a.object(t)["type"] != "/docs#behind" || time.Since(before) != behindPatience {
				t.Errorf("%s: %d %s after %s", path, a.status, a.body, time.Since(before))
			}
			l = h.listen(path + "?after=9999") // it is not known to be of this log
			l.must(t)
			if m := l.must(t); m.event != "reset" {
				t.Errorf("%s: %+v", path, m)
			}
			l.close()
		}, func(o *Options) { o.Cluster = func(context.Context) any { return nil } })
	}
}

// A node that has lacked events for long does not say that a task does not exist: another node may have shown it.
func TestANodeThatIsBehindDoesNotDenyATask(t *testing.T) {
	for lag, want := range map[float64]int{0: http.StatusNotFound, 0.5: http.StatusNotFound, 5: http.StatusServiceUnavailable} {
		bubble(t, func(h *house, _ func() net.Conn) {
			t := h.TB.(*testing.T)
			for _, path := range []string{"", "/events", "/steps"} {
				if a := h.do("GET", "/api/tasks/01M8PFP494AWD1DRDVB473XGVF"+path, ""); a.status != want {
					t.Errorf("%g s behind: %s: %d %s", lag, path, a.status, a.body)
				}
			}
			if a := h.do("GET", "/api/tasks/no-id", ""); a.status != http.StatusNotFound {
				t.Errorf("what is no id: %d %s", a.status, a.body)
			}
		}, func(o *Options) { o.ClusterNumbers = func() ClusterNumbers { return ClusterNumbers{Lag: lag} } })
	}
}
