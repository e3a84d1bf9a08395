package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestATraceMadeOfTheLogIsTheOneThatWasExported compares what a collector gets with what "daybook trace" prints.
func TestATraceMadeOfTheLogIsTheOneThatWasExported(t *testing.T) {
	var mu sync.Mutex
	exported := map[string]string{} // by the id of the span
	read := func(text []byte) map[string]string {
		var body struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []json.RawMessage }
			}
		}
		if err := json.Unmarshal(text, &body); err != nil {
			t.Errorf("%v in %s", err, text)
			return nil
		}
		spans := map[string]string{}
		for _, raw := range body.ResourceSpans[0].ScopeSpans[0].Spans {
			var span struct{ SpanID string }
			_ = json.Unmarshal(raw, &span)
			spans[span.SpanID] = string(raw)
		}
		return spans
	}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		mu.Lock()
		defer mu.Unlock()
		for id, span := range read(body.Bytes()) {
			exported[id] = span
		}
	}))
	defer collector.Close()
	dir := t.TempDir()
	start := func(more ...string) *process {
		return startReady(t, dir, append([]string{"--addr", "127.0.0.1:0", "--data", "data", "--quiet"}, more...)...)
	}
	server := start("--otlp-endpoint", collector.URL)
	command := func(args ...string) string {
		cmd := exec.Command("daybook", args...)
		cmd.Env = append(os.Environ(), "DAYBOOK_SERVER="+server.url)
		out, _ := cmd.Output() // the one that fails is meant to
		return strings.TrimSpace(string(out))
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	submit := func(body string) string {
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.url+"/api/tasks/submit", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", parent)
		r.Header.Set("Prefer", "wait=30")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var task struct{ ID, Traceparent, Status string }
		if err := json.NewDecoder(resp.Body).Decode(&task); err != nil || task.Traceparent != parent {
			t.Error(task, err)
		}
		return task.ID
	}
	ids := []string{
		submit(`{"task_type":"SLEEP"}`),
		submit(`{"task_type":"SLEEP","parameters":{"fail_rate":1},"max_attempts":2,"backoff":{"kind":"constant","base_seconds":0,"max_seconds":0}}`),
		command("submit", "SLEEP", "-p", "seconds=0"),
	}
	command("submit", "SLEEP", "-p", "seconds=0", "--wait")
	if code, err := server.stop(syscall.SIGTERM, patience); code != 0 || err != nil { // which sends what is left
		t.Fatal(code, err)
	}
	server = start()
	for i, id := range ids {
		want := []int{2, 3, 2}[i]
		spans := read([]byte(command("trace", id)))
		mu.Lock()
		for span, text := range spans {
			if exported[span] != text {
				t.Errorf("task %d: exported\n%s\nfrom the log\n%s", i, exported[span], text)
			}
			if strings.Contains(text, parent[3:35]) != (i < 2) {
				t.Error("the trace is not that of the submit: ", text)
			}
		}
		mu.Unlock()
		if len(spans) != want {
			t.Errorf("task %d has %d spans, not %d", i, len(spans), want)
		}
	}
}
