package api

import (
	"crypto/rand"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"daybook/eventlog/sqlitelog"
)

// metric is the sum of one metric over its labels, by the server's own word.
func (h *house) metric(name string) float64 {
	h.Helper()
	var sum float64
	found := false
	for line := range strings.Lines(h.want("GET", "/metrics", "").body) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:]), 64)
			if err != nil {
				h.Fatal(err)
			}
			sum, found = sum+n, true
		}
	}
	if !found {
		h.Fatal("there is no ", name)
	}
	return sum
}

func TestEveryStoreHasAMetricThatMoves(t *testing.T) {
	log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: filepath.Join(t.TempDir(), "data"), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	h := open(t, log)
	moving := []string{
		"daybook_tasks", "daybook_log_head_seq", "daybook_view_seq", "daybook_log_wal_bytes", "daybook_log_bytes",
		"daybook_log_ring_events", "daybook_log_ring_bytes", "daybook_payload_cache_bytes", "daybook_payload_cache_entries",
		"daybook_view_tasks_in_memory", "daybook_sse_clients", "daybook_sse_waiting", "daybook_sse_shared_bytes",
		"daybook_attempts_running",
	}
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	before := map[string]float64{}
	for _, name := range moving {
		before[name] = h.metric(name)
	}
	l, s := h.listen("/api/log/stream"), h.listen("/api/stream")
	l.must(t)
	s.must(t)
	for range 20 {
		id := h.submit(`{"task_type":"ECHO","parameters":{"text":"` + strings.Repeat("x", 1000) + `"}}`)
		h.until(id, "SUCCESS")
	}
	held := h.submit(`{"task_type":"HOLD"}`)
	h.until(held, "RUNNING")
	l.must(t)
	s.must(t)
	for h.metric("daybook_sse_waiting") != 2 { // each asking takes its time
	}
	for _, name := range moving {
		if after := h.metric(name); after <= before[name] {
			t.Errorf("%s went from %v to %v", name, before[name], after)
		}
	}
	for _, name := range []string{
		"daybook_commands_waiting", "daybook_slots", "daybook_scheduler_state", "daybook_info", "daybook_view_file_lag_events",
		"daybook_view_file_bytes", "daybook_view_file_wal_bytes", "daybook_text_tasks", "daybook_text_lag_tasks",
		"daybook_text_bytes", "go_goroutines", "go_gc_heap_live_bytes", "process_open_fds", "process_resident_memory_bytes",
	} {
		h.metric(name)
	}
	h.letGo(held)
	h.until(held, "SUCCESS")
}

func TestEveryMetricOfOursHasAHelpText(t *testing.T) {
	h := open(t, nil)
	help := map[string]bool{}
	for line := range strings.Lines(h.want("GET", "/metrics", "").body) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 4)
		if len(fields) == 4 && fields[1] == "HELP" && strings.HasSuffix(fields[3], ".") {
			help[fields[2]] = true
		}
		if len(fields) == 4 && fields[1] == "TYPE" && strings.HasPrefix(fields[2], "daybook_") && !help[fields[2]] {
			t.Error(fields[2], "has no help text")
		}
	}
}

// series lists the series of /metrics that requests may add.
func (h *house) series() (list []string) {
	h.Helper()
	for line := range strings.Lines(h.want("GET", "/metrics", "").body) {
		if strings.HasPrefix(line, "daybook_http_") {
			list = append(list, line[:strings.LastIndexByte(strings.TrimSpace(line), ' ')])
		}
	}
	return list
}

func TestNoRequestAddsASeries(t *testing.T) {
	h := open(t, nil)
	before := h.series()
	if routes := len(h.api.paths()); len(before) == 0 || len(before) > (routes+1)*4*16 { // classes of status; buckets, sum and count
		t.Error(len(before), "series of", routes, "routes")
	}
	index := h.want("GET", "/", "").body
	for _, at := range regexp.MustCompile(`(?:href|src)="([^"#]+)"`).FindAllStringSubmatch(index, -1) {
		h.do("GET", "/"+at[1], "")
	}
	for i := range 1000 {
		part := rand.Text()
		path := []string{"/" + part, "/api/" + part, "/api/tasks/" + part, "/api/tasks/" + part + "/events", "/api/files/" + part,
			"/static/" + part + "/" + part + ".js", "/docs/" + part, "/?" + part, "/%2e%2e/" + part, "/api/tasks/" + part + "/" + part + "/"}[i%10]
		method := []string{"GET", "POST", "DELETE", "PATCH", part}[i%5]
		if a := h.do(method, path, ""); a.status >= 500 {
			t.Error(method, path, a)
		}
	}
	for _, path := range h.api.paths() {
		for _, method := range []string{"HEAD", "PUT", "OPTIONS"} {
			h.do(method, strings.NewReplacer("{id}", "x", "{id:.+}", "x").Replace(path), "")
		}
	}
	if after := h.series(); !slices.Equal(before, after) {
		t.Errorf("%d series became %d", len(before), len(after))
	}
}
