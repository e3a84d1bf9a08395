package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"

	"github.com/google/go-cmp/cmp"
)

func TestTheLogIsReadInPagesByFilter(t *testing.T) {
	h := open(t, nil)
	first := h.submit(`{"task_type":"ECHO","parameters":{"n":1}}`)
	h.until(first, "SUCCESS")
	second := h.submit(`{"task_type":"FAIL"}`)
	h.until(second, "FAILED")
	seqs := func(a answer) (list string) {
		for _, e := range a.list(t) {
			list += fmt.Sprint(" ", e["seq"])
		}
		return list
	}
	for query, want := range map[string]string{
		"":                                    " 1 2 3 4 5 6 7",
		"?after=4":                            " 5 6 7",
		"?after=99":                           "",
		"?type=task.started":                  " 3 6",
		"?type=task.started&type=task.failed": " 3 6 7",
		"?actor=anonymous":                    " 2 5",
		"?stream=task:" + first:               " 2 3 4",
		"?stream=task:" + first + "&after=2&limit=1":                                " 3",
		"?stream=task:" + first + "&stream=task:" + second + "&type=task.submitted": " 2 5",
		"?stream=task:01ARZ3NDEKTSV4RRFFQ69G5FAV":                                   "",
		"?stream=server:x": "",
	} {
		a := h.want("GET", "/api/log"+query, "")
		if got := seqs(a); got != want {
			t.Errorf("%s: got%s, want%s", query, got, want)
		}
		if a.header.Get("X-Log-Seq") != "7" {
			t.Error(query, a.header)
		}
	}
	var got string
	path := "/api/log?limit=3"
	for path != "" {
		a := h.want("GET", path, "")
		got += seqs(a)
		path = next(a)
	}
	if got != " 1 2 3 4 5 6 7" {
		t.Error("in pages:", got)
	}
	if a := h.want("GET", "/api/log", "", "Accept: application/x-ndjson"); strings.Count(a.body, "\n") != 7 {
		t.Error("NDJSON:", a.body)
	}
}

func TestTheHistoryOfATaskIsOldestFirstWithItsPayloadsIfAskedFor(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","parameters":{"n":1}}`)
	h.until(id, "SUCCESS")
	a := h.want("GET", "/api/tasks/"+id+"/events?payload=1", "")
	want := `[{"seq":2,"at":"TIME","stream":"task:ID","version":1,"type":"task.submitted","v":5,"actor":"anonymous",` +
		`"data":{"task_type":"ECHO","queue":"default","max_attempts":3,"backoff_base":2000000,"backoff_max":600000000,"subject":"number 1"},` +
		`"payload_hash":"HASH","hash":"HASH","payload":{"n":1,"made":true}},` +
		`{"seq":3,"at":"TIME","stream":"task:ID","version":2,"type":"task.started","v":1,"actor":"system:scheduler",` +
		`"data":{"attempt":1,"boot":"ID"},"payload_hash":null,"hash":"HASH"},` +
		`{"seq":4,"at":"TIME","stream":"task:ID","version":3,"type":"task.succeeded","v":1,"actor":"system:scheduler",` +
		`"data":{"fence":2},"payload_hash":"HASH","hash":"HASH","payload":{"n":1,"made":true}}]`
	if diff := cmp.Diff(want, steady(a.body)); diff != "" {
		t.Error(diff)
	}
	if plain := h.want("GET", "/api/tasks/"+id+"/events", ""); strings.Contains(plain.body, `"payload":`) {
		t.Error("payloads that nobody asked for:", plain.body)
	}
}

func TestALongLogIsServedWhole(t *testing.T) {
	h := open(t, nil)
	for range 3 {
		h.want("POST", "/api/tasks/batch", "["+strings.Repeat(`{"task_type":"ECHO","delay_seconds":3600},`, 999)+`{"task_type":"ECHO","delay_seconds":3600}]`)
	}
	a := h.want("GET", "/api/log?format=ndjson", "")
	n := 0
	for line := range strings.Lines(a.body) {
		n++
		if !strings.HasPrefix(line, `{"seq":`+strconv.Itoa(n)+`,`) || !strings.HasSuffix(line, "}\n") {
			t.Fatal("line", n, "is", line)
		}
	}
	if n != 3001 {
		t.Error(n, "lines")
	}
	if a := h.want("GET", "/api/tasks?limit=1000", ""); len(a.list(t)) != 1000 {
		t.Error("a long list is cut")
	}
}

func TestALogWithLargePayloadsIsServedWholeAndInOrder(t *testing.T) {
	h := open(t, nil)
	const tasks = 30
	for i := range tasks {
		text := strings.Repeat(string(rune('a'+i%26)), payloadRoom/10)
		h.submit(fmt.Sprintf(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"n":%d,"text":"%s"}}`, i, text))
	}
	for _, query := range []string{"?payload=1", "?payload=1&type=task.submitted"} {
		n := 0
		for _, e := range h.want("GET", "/api/log"+query, "").list(t) {
			payload, ok := e["payload"].(map[string]any)
			if e["type"] != "task.submitted" {
				if ok {
					t.Errorf("%s: event %v has a payload", query, e["seq"])
				}
				continue
			}
			text, _ := payload["text"].(string)
			if payload["n"] != float64(n) || len(text) != payloadRoom/10 || text[0] != byte('a'+n%26) {
				t.Fatalf("%s: event %v has payload %v, %.10q", query, e["seq"], payload["n"], text)
			}
			n++
		}
		if n != tasks {
			t.Errorf("%s: %d payloads of %d", query, n, tasks)
		}
	}
}

func TestVerifyRecomputesTheLogAndThoseWhoWaitShareTheAnswer(t *testing.T) {
	log := &scanned{Log: eventlogtest.NewMemory()}
	h := open(t, log)
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	log.scans = 0
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { h.want("GET", "/api/log/verify", "") })
	}
	all.Wait()
	if log.scans < 1 || log.scans > 5 {
		t.Error(log.scans, "scans for five requests")
	}
	log.scans = 0
	want := `{"ok":true,"log_id":"` + log.ID() + `","events":4,"hash":"HASH","payloads":2,"erased":0,"files":0,"damaged_files":[],"verified_at":"TIME","detail":null}`
	if diff := cmp.Diff(steady(want), steady(h.want("GET", "/api/log/verify", "").body)); diff != "" {
		t.Error(diff)
	}
	if log.scans != 1 {
		t.Error(log.scans, "scans for one more request")
	}
	h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	log.damaged = 4
	bad := h.want("GET", "/api/log/verify", "").object(t)
	if bad["ok"] != false || bad["events"] != 3.0 || !strings.Contains(bad["detail"].(string), "seq 4") {
		t.Error(bad)
	}
	if strings.Contains(fmt.Sprint(bad), "secret") {
		t.Error("the answer tells an error of the engine:", bad)
	}
	log.damaged = 0
	if good := h.want("GET", "/api/log/verify", "").object(t); good["ok"] != true {
		t.Error("a damage is not looked at afresh:", good)
	}
}

// scanned counts scans, and finds a damage where it is told to.
type scanned struct {
	eventlog.Log
	scans   int
	damaged int64
}

func (s *scanned) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	s.scans++
	return s.Log.Scan(ctx, after, func(e *eventlog.Event) error {
		if e.Seq == s.damaged {
			return errors.Join(eventlog.ErrDamaged, errors.New("secret path"))
		}
		return fn(e)
	})
}

func TestStatsCountWhatThereIsAndHowLongItTook(t *testing.T) {
	h := open(t, nil)
	h.until(h.submit(`{"task_type":"ECHO","queue":"q"}`), "SUCCESS")
	h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	a := h.want("GET", "/api/stats", "")
	got := a.object(t)
	if diff := cmp.Diff(map[string]any{"PENDING": 1.0, "RUNNING": 0.0, "SUCCESS": 1.0, "FAILED": 0.0, "CANCELLED": 0.0}, got["totals"]); diff != "" {
		t.Error(diff)
	}
	if n := len(got["counts"].([]any)); n != 2 {
		t.Error(a.body)
	}
	windows := got["windows"].([]any)
	minute, hour := windows[0].(map[string]any), windows[2].(map[string]any) // the test may take more than a minute
	if len(windows) != 3 || minute["seconds"] != 60.0 || hour["seconds"] != 3600.0 || hour["submitted"] != 2.0 || hour["succeeded"] != 1.0 {
		t.Error(a.body)
	}
	if run := hour["run_seconds"].(map[string]any); run["count"] != 1.0 || run["p50"] == nil {
		t.Error(a.body)
	}
	if log := got["log"].(map[string]any); log["id"] != h.log.ID() || log["epoch"] != h.log.Epoch() || log["head"] != 5.0 || got["seq"] != 5.0 || a.header.Get("X-Log-Seq") != "5" {
		t.Error(a.body)
	}
	server := got["server"].(map[string]any)
	if current := server["current"].(map[string]any); current["started_at"] == nil || current["stopped_at"] != nil || len(current["boot"].(string)) != 26 || server["previous"] != nil {
		t.Error(a.body)
	}
	if state := got["state"].(map[string]any); state["slots"] != 2.0 || state["full"] != false {
		t.Error(a.body)
	}
}

// slowPayloads is a log whose payloads take 0.1 s each.
type slowPayloads struct{ eventlog.Log }

func (s *slowPayloads) Payloads(ctx context.Context, seqs []int64, fn func(int, []byte, error) error) error {
	return s.Log.Payloads(ctx, seqs, func(i int, body []byte, err error) error {
		time.Sleep(100 * time.Millisecond)
		return fn(i, body, err)
	})
}

func TestWhoFollowsLinksGetsAllHoweverLargeAPageIs(t *testing.T) {
	h := open(t, nil)
	const tasks = 1200 // a page of their events is larger than what is gathered before it is written
	text := strings.Repeat("x", 1000)
	for range tasks / 200 {
		one := `{"task_type":"ECHO","delay_seconds":3600,"tags":["a","b"],"parameters":{"text":"` + text + `"}}`
		h.want("POST", "/api/tasks/batch", "["+strings.Repeat(one+",", 199)+one+"]")
	}
	for query, want := range map[string]int{
		"/api/log?limit=1000":                               tasks + 1,
		"/api/log?payload=1":                                tasks + 1,
		"/api/log?payload=1&limit=1000":                     tasks + 1,
		"/api/log?limit=1000&type=task.submitted":           tasks,
		"/api/log?limit=600&type=task.submitted&payload=1":  tasks,
		"/api/log?limit=1000&payload=1&actor=anonymous":     tasks,
		"/api/log?limit=1000&payload=1&type=server.started": 1,
		"/api/tasks?limit=1000":                             tasks,
		"/api/tasks?limit=1000&fields=summary":              tasks,
	} {
		got, pages := 0, 0
		for path := query; path != ""; pages++ {
			a := h.want("GET", path, "")
			list := a.list(t)
			got += len(list)
			if path = next(a); path != "" && len(list) == 0 {
				t.Fatal(query, "leads to an empty page")
			}
		}
		if got != want {
			t.Errorf("%s: %d of %d on %d pages", query, got, want, pages)
		}
	}
	a := h.want("GET", "/api/log?limit=700", "", "Accept: application/x-ndjson")
	if n := strings.Count(a.body, "\n"); n != 700 || next(a) == "" {
		t.Error("NDJSON:", n, "lines and", a.header)
	}
	if a := h.want("GET", "/api/log?limit=1&after="+strconv.Itoa(tasks), ""); next(a) != "" {
		t.Error("the last page leads on:", a.header)
	}
}
