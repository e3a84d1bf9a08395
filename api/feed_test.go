package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/api/eventstream"
	"daybook/eventlog"
)

// countedLog counts how often it is read.
type countedLog struct {
	eventlog.Log
	reads atomic.Int64
}

func (l *countedLog) Read(ctx context.Context, after int64, f eventlog.Filter, limit int) (eventlog.Page, error) {
	l.reads.Add(1)
	return l.Log.Read(ctx, after, f, limit)
}

func TestManyClientsOfTheLogCostOneReading(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		log := &countedLog{Log: h.api.Log}
		h.api.Log = log
		clients := make([]*listener, 50)
		for i := range clients {
			clients[i] = h.listen("/api/log/stream")
			clients[i].must(t)
		}
		synctest.Wait()
		for round := range 3 {
			before := log.reads.Load()
			h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
			for _, c := range clients {
				if m := c.must(t); m.id != strconv.Itoa(2+round) {
					t.Errorf("round %d: %+v", round, m)
				}
			}
			time.Sleep(time.Second)
			if n := log.reads.Load() - before; n != 1 {
				t.Errorf("round %d: the log was read %d times", round, n)
			}
		}
	})
}

// movingViews move, when armed, right after their feed has looked and seen nothing new.
type movingViews struct {
	eventstream.Views
	feed  *eventstream.Feed
	armed atomic.Bool
	move  func()
}

func (v *movingViews) Seq() int64 {
	seq := v.Views.Seq()
	if seq <= v.feed.Told() && v.armed.CompareAndSwap(true, false) {
		v.move()
	}
	return seq
}

func TestAMoveBetweenTheLookAndTheWaitWakesTheStreams(t *testing.T) {
	for path, of := range map[string]func(*API) *eventstream.Feed{
		"/api/log/stream": func(a *API) *eventstream.Feed { return a.logFeed },
		"/api/stream":     func(a *API) *eventstream.Feed { return a.screenFeed },
	} {
		bubble(t, func(h *house, _ func() net.Conn) {
			t := h.TB.(*testing.T)
			submit := func() { h.submit(`{"task_type":"ECHO","delay_seconds":3600}`) }
			moving := &movingViews{Views: h.views, feed: of(h.api), move: submit}
			moving.feed.Views = moving
			l := h.listen(path)
			l.must(t)
			synctest.Wait() // the feed waits
			moving.armed.Store(true)
			last := h.views.Seq() + 2
			begin := time.Now()
			submit() // after it the feed looks once more, and misses the second
			for m := l.must(t); !strings.HasPrefix(m.id, strconv.FormatInt(last, 10)); m = l.must(t) {
				if took := time.Since(begin); m.event == "keepalive" || took > eventstream.MaxInterval {
					t.Fatalf("%s: %+v after %v", path, m, took)
				}
			}
			if took := time.Since(begin); moving.armed.Load() || took > eventstream.MaxInterval { // not by the keep-alive
				t.Errorf("%s: after %v; missed: %v", path, took, !moving.armed.Load())
			}
		})
	}
}

func TestScreensThatCameAtDifferentMomentsGetTheSameMessage(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		first := h.listen("/api/stream")
		first.must(t)
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
		first.must(t)
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`) // its round has not come yet
		second := h.listen("/api/stream")
		second.must(t)
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
		if one, two := first.must(t), second.must(t); one != two || one.id != "4" || strings.Count(one.data, `"id"`) != 2 {
			t.Errorf("%+v\n%+v", one, two)
		}
	})
}

func TestAStreamOverHTTP2LastsAsLongAsItsRequest(t *testing.T) {
	h := open(t, nil)
	server := httptest.NewUnstartedServer(h.api)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	h.url, h.client = server.URL, server.Client()
	l, s := h.listen("/api/log/stream?after=0"), h.listen("/api/stream?after=0")
	if l.resp.ProtoMajor != 2 {
		t.Fatal(l.resp.Proto)
	}
	s.must(t)
	s.must(t)
	l.must(t)
	id := h.submit(`{"task_type":"ECHO"}`)
	h.until(id, "SUCCESS")
	for seq := 1; seq <= 4; seq++ {
		if m := l.must(t); m.id != strconv.Itoa(seq) {
			t.Errorf("at %d: %+v", seq, m)
		}
	}
	l.close()
	s.close()
	for h.clients() > 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestAClientThatGoesIsMissedAtOnce(t *testing.T) {
	bubble(t, func(h *house, dial func() net.Conn) {
		conn := dial()
		fmt.Fprintf(conn, "GET /api/log/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
		in := bufio.NewReader(conn)
		for line := ""; line != "retry: 1000\n"; {
			var err error
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = in.ReadString('\n')
		if h.clients() != 1 {
			t.Error(h.clients(), "clients")
		}
		_ = conn.Close()
		synctest.Wait()
		if h.clients() != 0 {
			t.Error("it is still there")
		}
	})
}

func TestAfterStopStreamsNothingReadsTheLog(t *testing.T) {
	h := open(t, nil)
	for range 20 {
		h.listen("/api/log/stream?after=0").must(t)
		h.listen("/api/stream?after=0").must(t)
	}
	h.api.StopStreams()
	if h.api.streams.Open() != 0 || h.api.streams.Idle() != 0 {
		t.Error(h.api.streams.Open(), "streams are open,", h.api.streams.Idle(), "are idle")
	}
}

func TestAFilteredStreamGoesPastWhatIsNotForIt(t *testing.T) {
	h := open(t, nil)
	l := h.listen("/api/log/stream?type=task.failed")
	l.must(t)
	h.want("POST", "/api/tasks/batch", "["+strings.Repeat(`{"task_type":"ECHO"},`, 400)+`{"task_type":"FAIL"}]`)
	m := l.must(t)
	for m.event == "keepalive" {
		m = l.must(t)
	}
	if !strings.Contains(m.data, `"type":"task.failed"`) {
		t.Errorf("%+v", m)
	}
}
