package api

import (
	"strings"
	"testing"
)

func TestAnAlertThatCannotBeIsRefused(t *testing.T) {
	h := open(t, nil)
	for body, pointer := range map[string]string{
		`{"when":"queue_depth","above":1}`:                                  "/name",
		`{"name":"..","when":"queue_depth","above":1}`:                      "/name",
		`{"name":"a","above":1}`:                                            "/when",
		`{"name":"a","when":"temperature","above":1}`:                       "/when",
		`{"name":"a","when":"queue_depth"}`:                                 "/above",
		`{"name":"a","when":"queue_depth","above":-1}`:                      "/above",
		`{"name":"a","when":"failure_rate","above":1}`:                      "/above",
		`{"name":"a","when":"failure_rate","above":0.5,"queue":"q"}`:        "/queue",
		`{"name":"a","when":"queue_depth","above":1,"task_type":"T"}`:       "/task_type",
		`{"name":"a","when":"queue_depth","above":1,"window_seconds":60}`:   "/window_seconds",
		`{"name":"a","when":"queue_depth","above":1,"queue":"no such"}`:     "/queue",
		`{"name":"a","when":"failure_rate","above":0.5,"window_seconds":1}`: "/window_seconds",
		`{"name":"a","when":"failure_rate","above":0.5,"least_tasks":0}`:    "/least_tasks",
		`{"name":"a","when":"queue_depth","above":1,"for_seconds":1e9}`:     "/for_seconds",
		`{"name":"a","when":"queue_depth","above":1,"condition":"x"}`:       "/condition",
	} {
		if a := h.do("POST", "/api/alerts", body); a.status != 400 || !strings.Contains(a.body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, pointer)
		}
	}
	if list := h.want("GET", "/api/alerts", "").body; list != "[]" {
		t.Error(list)
	}
}

func TestAnAlertShowsWhatItMeasuresNow(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/queues/q/pause", "{}")
	h.submit(`{"task_type":"ECHO","queue":"q"}`)
	h.submit(`{"task_type":"ECHO","queue":"other","delay_seconds":3600}`)
	h.want("POST", "/api/alerts", `{"name":"one","when":"queue_depth","above":10,"queue":"q"}`)
	h.want("POST", "/api/alerts", `{"name":"all","when":"queue_depth","above":10}`)
	h.want("POST", "/api/alerts", `{"name":"rate","when":"failure_rate","above":0.1,"least_tasks":1}`)
	h.until(h.submit(`{"task_type":"FAIL"}`), "FAILED")
	list := h.want("GET", "/api/alerts", "").list(t)
	for i, want := range []struct {
		name  string
		value float64
	}{{"all", 2}, {"one", 1}, {"rate", 1}} {
		if list[i]["name"] != want.name || list[i]["value"] != want.value || list[i]["firing"] != false {
			t.Errorf("%v, want %v", list[i], want)
		}
	}
}
