package api

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/task"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scraped reads /metrics as Prometheus does.
func (h *house) scraped() map[string]*dto.MetricFamily {
	h.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(h.want("GET", "/metrics", "").body))
	if err != nil {
		h.Fatal(err)
	}
	return families
}

// sample is the series of a family with these labels, "name=value".
func sample(t testing.TB, of map[string]*dto.MetricFamily, family string, labels ...string) *dto.Metric {
	t.Helper()
	for _, m := range of[family].GetMetric() {
		has := map[string]bool{}
		for _, l := range m.GetLabel() {
			has[l.GetName()+"="+l.GetValue()] = true
		}
		missing := len(has) != len(labels)
		for _, l := range labels {
			missing = missing || !has[l]
		}
		if !missing {
			return m
		}
	}
	t.Fatalf("there is no %s%q", family, labels)
	return nil
}

func TestWhatHappensToTasksIsCountedByType(t *testing.T) {
	h := open(t, nil)
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	h.until(h.submit(`{"task_type":"FAIL","queue":"empty"}`), "FAILED")
	h.submit(`{"task_type":"ECHO","delay_seconds":3600,"queue":"later"}`)
	held := h.submit(`{"task_type":"HOLD","queue":"q"}`)
	h.until(held, "RUNNING")
	h.want("POST", "/api/queues/q/pause", `{}`)
	h.submit(`{"task_type":"ECHO","queue":"q"}`)
	_, token := h.leased("w")
	families := h.scraped()
	for _, one := range []struct {
		family string
		want   float64
		labels []string
	}{
		{"daybook_tasks_total", 3, []string{"type=ECHO", "status=PENDING"}},
		{"daybook_tasks_total", 1, []string{"type=ECHO", "status=SUCCESS"}},
		{"daybook_tasks_total", 0, []string{"type=ECHO", "status=FAILED"}},
		{"daybook_tasks_total", 1, []string{"type=FAIL", "status=FAILED"}},
		{"daybook_tasks_total", 1, []string{"type=HOLD", "status=RUNNING"}},
		{"daybook_queue_depth", 1, []string{"queue=later", "state=scheduled"}},
		{"daybook_queue_depth", 0, []string{"queue=empty", "state=ready"}},
		{"daybook_queue_depth", 1, []string{"queue=q", "state=running"}},
		{"daybook_queue_depth", 1, []string{"queue=q", "state=blocked"}},
		{"daybook_queue_depth", 0, []string{"queue=q", "state=ready"}},
		{"daybook_queue_paused", 1, []string{"queue=q"}},
		{"daybook_workers", 1, []string{"state=busy"}},
		{"daybook_leases", 1, nil},
		{"daybook_lease_expirations_total", 0, []string{"type=ECHO"}},
		{"daybook_view_lag_events", 0, nil},
	} {
		m := sample(t, families, one.family, one.labels...)
		if got := m.GetGauge().GetValue() + m.GetCounter().GetValue(); got != one.want {
			t.Errorf("%s%q is %v, not %v", one.family, one.labels, got, one.want)
		}
	}
	for _, one := range []struct {
		family string
		want   uint64
		labels []string
	}{
		{"daybook_task_wait_seconds", 1, []string{"type=ECHO"}},
		{"daybook_task_run_seconds", 1, []string{"type=ECHO"}},
		{"daybook_task_run_seconds", 1, []string{"type=FAIL"}},
		{"daybook_task_run_seconds", 0, []string{"type=HOLD"}},
	} {
		if got := sample(t, families, one.family, one.labels...).GetHistogram().GetSampleCount(); got != one.want {
			t.Errorf("%s%q has %d, not %d", one.family, one.labels, got, one.want)
		}
	}
	if sample(t, families, "daybook_log_append_seconds").GetHistogram().GetSampleCount() == 0 {
		t.Error("no append is measured")
	}
	sample(t, families, "daybook_schedule_lateness_seconds")
	if sample(t, families, "daybook_queue_oldest_ready_seconds", "queue=q").GetGauge().GetValue() <= 0 {
		t.Error("the ready task of q has no age")
	}
	h.want("POST", "/api/leases/"+token+"/complete", `{}`)
	h.letGo(held)
	h.until(held, "SUCCESS")
}

func TestTypesBeyondTheLimitAreCountedTogether(t *testing.T) {
	m := newMeters()
	for i := range 3 * maxMeterTypes {
		m.TaskChanged(&task.Task{Type: fmt.Sprint("t", i), Status: task.Pending}, task.None, &task.Event{Type: task.EventSubmitted})
	}
	m.TaskChanged(&task.Task{Type: otherName, Status: task.Pending}, task.None, &task.Event{Type: task.EventSubmitted})
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range families {
		byName[f.GetName()] = f
	}
	const statuses = 5
	if n := len(byName["daybook_tasks_total"].GetMetric()); n != (maxMeterTypes+1)*statuses {
		t.Error(n, "series")
	}
	if got := sample(t, byName, "daybook_tasks_total", "type=other", "status=PENDING").GetCounter().GetValue(); got != 2*maxMeterTypes+1 {
		t.Error(got, "of the others")
	}
}

func TestTheLatenessOfSchedulesIsMeasuredFromTheEvent(t *testing.T) {
	m := newMeters()
	m.StreamChanged(&eventlog.Event{Type: "schedule.fired", Data: []byte(`{"nominal":"2026-11-24T12:00:00","due":1,"late":2000000,"task":"x"}`)})
	m.StreamChanged(&eventlog.Event{Type: "schedule.fired", Data: []byte(`{"due":1,"late":5000000,"task":"x"}`)}) // by hand
	m.StreamChanged(&eventlog.Event{Type: "queue.paused"})
	var got dto.Metric
	if err := m.lateness.Write(&got); err != nil || got.GetHistogram().GetSampleCount() != 1 || got.GetHistogram().GetSampleSum() != 2 {
		t.Error(&got, err)
	}
}

func TestQueuesBeyondTheLimitAreCountedTogether(t *testing.T) {
	h := open(t, nil)
	var batch []string
	for i := range 20 { // they have no tasks, but something was decided about them
		h.want("POST", fmt.Sprintf("/api/queues/a%02d/pause", i), "")
	}
	for i := range maxMeterQueues {
		batch = append(batch, fmt.Sprintf(`{"task_type":"ECHO","delay_seconds":3600,"queue":"q%04d"}`, i))
	}
	for some := range slices.Chunk(batch, 500) {
		h.want("POST", "/api/tasks/batch", "["+strings.Join(some, ",")+"]")
	}
	families := h.scraped()
	if got := sample(t, families, "daybook_queue_depth", "queue=other", "state=scheduled").GetGauge().GetValue(); got != 20 {
		t.Error(got, "tasks of the others")
	}
	if n := len(families["daybook_queue_oldest_ready_seconds"].GetMetric()); n != maxMeterQueues+1 {
		t.Error(n, "queues")
	}
}

// TestDeployNamesOnlyMetricsThatExist reads the dashboard and the alerts.
func TestDeployNamesOnlyMetricsThatExist(t *testing.T) {
	h := open(t, nil)
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	h.want("POST", "/api/queues/q/pause", `{}`)
	known := h.scraped()
	names := regexp.MustCompile(`\b(daybook|go|process)_[a-z_]+`)
	for _, file := range []string{"../deploy/grafana/daybook.json", "../deploy/prometheus/alerts.yml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, name := range names.FindAllString(string(text), -1) {
			found++
			family := known[name]
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if base, ok := strings.CutSuffix(name, suffix); ok && family == nil {
					family = known[base]
				}
			}
			if family == nil {
				t.Errorf("%s names %s, which the server does not have", file, name)
			}
		}
		if found < 10 {
			t.Error(file, "names only", found, "metrics")
		}
	}
}
