package api

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/sqlitelog"
)

func TestAFullDiskRefusesWritesWithWhenToComeBackAndReadsGoOn(t *testing.T) {
	log := eventlogtest.NewFailing(eventlogtest.NewMemory())
	h := open(t, log)
	id := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	if a := h.want("GET", "/readyz", ""); a.body != "ready\n" {
		t.Error(a)
	}
	log.FailAppend(1, eventlogtest.BeforeWriting, eventlog.ErrFull)
	for _, a := range []answer{h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`), h.do("GET", "/readyz", "")} {
		if a.status != 503 || a.object(t)["type"] != "/docs#log-full" {
			t.Error(a)
		}
		if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 {
			t.Error("Retry-After:", a.header)
		}
	}
	h.want("GET", "/api/tasks/"+id, "")
	h.want("GET", "/healthz", "")
	if state := h.want("GET", "/api/stats", "").object(t)["state"].(map[string]any); state["full"] != true {
		t.Error(state)
	}
}

// damagedLog is a log that was found damaged.
type damagedLog struct {
	eventlog.Log
	damaged atomic.Bool
}

func (d *damagedLog) Damage() error {
	if d.damaged.Load() {
		return errors.Join(eventlog.ErrDamaged, errors.New("secret path"))
	}
	return nil
}

func TestADamagedLogRefusesWritesForGoodAndReadsGoOn(t *testing.T) {
	log := &damagedLog{Log: eventlogtest.NewMemory()}
	h := open(t, log)
	id := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	log.damaged.Store(true)
	for _, a := range []answer{h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`), h.do("DELETE", "/api/tasks/"+id, ""), h.do("GET", "/readyz", "")} {
		if a.status != 503 || a.object(t)["type"] != "/docs#log-damaged" || strings.Contains(a.body, "secret") {
			t.Error(a)
		}
	}
	h.want("GET", "/api/tasks/"+id, "")
	if state := h.want("GET", "/api/stats", "").object(t)["state"].(map[string]any); state["damaged"] != true {
		t.Error(state)
	}
}

func TestAnUnknownOutcomeIsSaidAsSuch(t *testing.T) {
	log := eventlogtest.NewFailing(eventlogtest.NewMemory())
	h := open(t, log)
	h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	log.FailAppend(1, eventlogtest.AfterWriting, errors.Join(eventlog.ErrUnknown, errors.New("secret path")))
	for _, a := range []answer{h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`), h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`),
		h.do("GET", "/readyz", "")} {
		if a.status != 503 || a.object(t)["type"] != "/docs#outcome-unknown" || a.header.Get("Retry-After") == "" || strings.Contains(a.body, "secret") {
			t.Error(a)
		}
	}
}

func TestALogOnDiskIsServedTheSameAfterARestart(t *testing.T) {
	dir := t.TempDir()
	serve := func(test func(h *house)) {
		t.Run("", func(t *testing.T) {
			log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := log.Close(); err != nil {
					t.Error(err)
				}
			})
			test(open(t, log))
		})
	}
	var id, list, events string
	serve(func(h *house) {
		id = h.submit(`{"task_type":"ECHO","parameters":{"n":12345678901234567890.50}}`)
		h.until(id, "SUCCESS")
		list = h.want("GET", "/api/tasks/", "").body
		events = h.want("GET", "/api/tasks/"+id+"/events?payload=1", "").body
		if !strings.Contains(h.want("GET", "/metrics", "").body, "daybook_log_wal_bytes ") {
			h.Error("no size of the write-ahead log")
		}
	})
	serve(func(h *house) {
		if again := h.want("GET", "/api/tasks/", "").body; again != list || !strings.Contains(list, "12345678901234567890.50") {
			h.Errorf("%s\nwas\n%s", again, list)
		}
		if again := h.want("GET", "/api/tasks/"+id+"/events?payload=1", "").body; again != events {
			h.Errorf("%s\nwas\n%s", again, events)
		}
		l := h.listen("/api/log/stream?after=0")
		for seq := 0; seq <= 4; seq++ {
			m, ok := l.next()
			if !ok || m.id != strconv.Itoa(seq) {
				h.Errorf("%+v at %d", m, seq)
			}
		}
		if v := h.want("GET", "/api/log/verify", "").object(h); v["ok"] != true || v["payloads"] != 2.0 {
			h.Error(v)
		}
	})
}
