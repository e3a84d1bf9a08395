package api

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPendingTasksAreCountedAndListedByWhatTheyWaitFor(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/queues/mail/pause", "")
	later := h.submit(`{"task_type":"ECHO","delay_seconds":7200}`)
	blocked := h.submit(`{"task_type":"ECHO","queue":"mail"}`)
	soon := h.submit(`{"task_type":"ECHO","delay_seconds":3600,"queue":"mail"}`)
	ready := h.submit(`{"task_type":"ECHO","queue":"mail","delay_seconds":0.001}`) // blocked too, once it is due
	holds := h.submit(`{"task_type":"HOLD","unique":{"key":"k","on_conflict":"replace"}}`)
	h.until(holds, "RUNNING")
	behind := h.submit(`{"task_type":"HOLD","unique":{"key":"k","on_conflict":"replace"}}`)
	for len(ids(t, h.want("GET", "/api/tasks/?waiting=blocked", ""))) < 3 {
		time.Sleep(time.Millisecond) // until the third is due
	}
	for query, want := range map[string][]string{
		"waiting=blocked":                       {behind, ready, blocked},
		"waiting=blocked&queue=mail":            {ready, blocked},
		"waiting=scheduled":                     {soon, later}, // the next first
		"waiting=scheduled&waiting=backoff":     {soon, later},
		"waiting=scheduled&waiting=blocked":     {behind, ready, soon, blocked, later}, // newest first
		"waiting=scheduled&status=PENDING":      {soon, later},
		"waiting=scheduled&status=RUNNING":      nil,
		"waiting=ready":                         nil,
		"waiting=backoff&limit=0":               nil,
		"waiting=scheduled&task_type=ECHO":      {soon, later},
		"waiting=scheduled&limit=0&format=json": {soon, later},
	} {
		a := h.want("GET", "/api/tasks/?"+query, "")
		if got := ids(t, a); !slices.Equal(got, want) || a.header.Get("X-Total-Count") != itoa(int64(len(want))) {
			t.Errorf("%s: got %v of %s, want %v", query, got, a.header.Get("X-Total-Count"), want)
		}
	}
	first := h.want("GET", "/api/tasks/?waiting=scheduled&limit=1", "")
	second := h.want("GET", next(first), "")
	if got := append(ids(t, first), ids(t, second)...); !slices.Equal(got, []string{soon, later}) || next(second) != "" {
		t.Errorf("in pages: %v, then %q", got, next(second))
	}
	if a := h.do("GET", "/api/tasks/?waiting=soon", ""); a.status != 400 || !strings.Contains(a.body, "ready, scheduled, backoff, blocked or suspended") {
		t.Errorf("%d %s", a.status, a.body)
	}
	stats := h.want("GET", "/api/stats", "").object(t)
	waiting := stats["waiting"].(map[string]any)
	due := h.want("GET", "/api/tasks/"+soon, "").object(t)["run_at"]
	if waiting["scheduled"] != 2.0 || waiting["blocked"] != 3.0 || waiting["ready"] != 0.0 || waiting["backoff"] != 0.0 || waiting["next_due"] != due {
		t.Errorf("%v; the next is due at %v", waiting, due)
	}
	if n := len(stats["waiting_counts"].([]any)); n != 4 { // blocked and scheduled, each of ECHO in mail, and one more
		t.Errorf("%d: %v", n, stats["waiting_counts"])
	}
}

func TestABackfillSubmitsEachTimeOnceWhateverTheScheduleIsCalledAgain(t *testing.T) {
	h := open(t, nil)
	const daily = `{"name":"daily","cron":"0 3 * * *","task":{"task_type":"ECHO"}}`
	h.want("POST", "/api/schedules", daily)
	const path = "/api/schedules/daily/backfill"
	counts := func(a answer) [3]any {
		t.Helper()
		one := a.object(t)
		return [3]any{one["submitted"], one["left_out"], len(one["times"].([]any))}
	}
	if got := counts(h.want("POST", path, `{"from":"2026-01-01T00:00:00Z","to":"2026-01-11T00:00:00Z","dry_run":true}`)); got != [3]any{0.0, 0.0, 10} {
		t.Error("in a dry run:", got)
	}
	if got := counts(h.want("POST", path, `{"from":"2026-01-01T00:00:00Z","to":"2026-01-03T03:00:00Z"}`)); got != [3]any{2.0, 0.0, 2} {
		t.Error("up to a time, without it:", got)
	}
	h.want("DELETE", "/api/schedules/daily", "")
	h.want("POST", "/api/schedules", daily)
	if got := counts(h.want("POST", path, `{"from":"2026-01-01T00:00:00Z","to":"2026-11-01T00:00:00Z"}`)); got != [3]any{302.0, 2.0, 302} {
		t.Error("in parts, after what has fired:", got)
	}
	if got := counts(h.want("POST", path, `{"from":"2026-01-01T00:00:00Z","to":"2026-11-01T00:00:00Z"}`)); got != [3]any{0.0, 304.0, 0} {
		t.Error("again:", got)
	}
	if total := h.want("GET", "/api/tasks/?task_type=ECHO&limit=1", "").header.Get("X-Total-Count"); total != "304" {
		t.Error(total, "tasks")
	}
	for body, want := range map[string]string{
		`{"from":"2026-01-01T00:00:00Z","to":"2999-01-01T00:00:00Z"}`:            "must not be in the future",
		`{"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}`:            "must be before to",
		`{"to":"2026-01-01T00:00:00Z"}`:                                          "is required",
		`{"from":"1970-01-01T00:00:01Z","to":"2026-01-01T00:00:00Z"}`:            "take a shorter range",
		`{"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","dry":true}`: "dry",
	} {
		if a := h.do("POST", path, body); a.status != 400 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := h.do("POST", "/api/schedules/none/backfill", `{"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`); a.status != 404 {
		t.Error(a.status, a.body)
	}
}
