package api

import (
	"encoding/json"
	"sync"

	"daybook/eventlog"
	"daybook/schedule"
	"daybook/task"

	"github.com/prometheus/client_golang/prometheus"
)

// meters count what happens to tasks from the start of the server on. They are told of each event, so
// that a scrape costs the same however many tasks there are.
type meters struct {
	mu     sync.Mutex
	byType map[string]*typeMeter // guarded by mu
	list   []*typeMeter          // guarded by mu; in the order in which the types were seen

	lateness prometheus.Histogram
}

// maxMeterTypes is how many task types are counted by themselves; the others are counted together.
const maxMeterTypes = 1000

// otherName is the label of what is counted together.
const otherName = "other"

// typeMeter counts the tasks of a type.
type typeMeter struct {
	name    string
	entered [task.Cancelled + 1]int64 // by status: times that a task came into it; guarded by meters.mu
	expired int64                     // leases and attempts whose worker or process was lost; guarded by meters.mu
	wait    spans                     // due to start; guarded by meters.mu
	run     spans                     // start to end of an attempt; guarded by meters.mu
}

// spanBounds are the upper bounds of the buckets of spans, in seconds.
var spanBounds = [...]float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600}

// spans is a histogram.
type spans struct {
	n   [len(spanBounds) + 1]uint64
	sum task.Micros
}

func (s *spans) add(span task.Micros) {
	span = max(span, 0)
	bucket, seconds := 0, span.Duration().Seconds()
	for bucket < len(spanBounds) && seconds > spanBounds[bucket] {
		bucket++
	}
	s.n[bucket]++
	s.sum += span
}

// metric is the histogram as Prometheus has it.
func (s *spans) metric(d *prometheus.Desc, label string) prometheus.Metric {
	up, count := make(map[float64]uint64, len(spanBounds)), uint64(0)
	for i, n := range s.n {
		count += n
		if i < len(spanBounds) {
			up[spanBounds[i]] = count
		}
	}
	return prometheus.MustNewConstHistogram(d, count, s.sum.Duration().Seconds(), up, label)
}

func newMeters() *meters {
	return &meters{byType: make(map[string]*typeMeter), lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "daybook_schedule_lateness_seconds", Help: "How long after their time runs of schedules fired.",
		Buckets: []float64{.01, .05, .1, .5, 1, 5, 30, 60, 300, 3600, 24 * 3600},
	})}
}

// TaskChanged implements projection.Observer.
func (m *meters) TaskChanged(t *task.Task, before task.Status, e *task.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := m.of(t.Type)
	if t.Status != before {
		of.entered[t.Status]++
	}
	switch e.Type {
	case task.EventStarted:
		of.wait.add(e.At - t.ReadyAt)
	case task.EventSucceeded, task.EventAttemptFailed, task.EventFailed, task.EventCancelled, task.EventEnding:
		if before == task.Running {
			of.run.add(e.At - t.StartedAt)
		}
	case task.EventLeaseExpired:
		of.expired++
	}
}

// of returns the meter of a type. mu must be held.
func (m *meters) of(name string) *typeMeter {
	if of := m.byType[name]; of != nil {
		return of
	}
	if len(m.list) >= maxMeterTypes {
		name = otherName
		if of := m.byType[name]; of != nil {
			return of
		}
	}
	of := &typeMeter{name: name}
	m.byType[name] = of
	m.list = append(m.list, of)
	return of
}

// StreamChanged implements projection.Observer.
func (m *meters) StreamChanged(e *eventlog.Event) {
	if e.Type != "schedule.fired" {
		return
	}
	var fired schedule.Fired
	if json.Unmarshal(e.Data, &fired) == nil && fired.Nominal != "" {
		m.lateness.Observe(task.Micros(fired.Late).Duration().Seconds())
	}
}

var (
	totalDesc   = prometheus.NewDesc("daybook_tasks_total", "Times that tasks came into a status, by task type, since the start: PENDING when they were submitted or are to be tried again.", []string{"type", "status"}, nil)
	expiredDesc = prometheus.NewDesc("daybook_lease_expirations_total", "Attempts that ended because their worker or process was lost, by task type, since the start.", []string{"type"}, nil)
	waitDesc    = prometheus.NewDesc("daybook_task_wait_seconds", "From when tasks were due to the start of the attempt, by task type.", []string{"type"}, nil)
	runDesc     = prometheus.NewDesc("daybook_task_run_seconds", "From start to end of attempts, by task type.", []string{"type"}, nil)
)

// Describe implements prometheus.Collector.
func (m *meters) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{totalDesc, expiredDesc, waitDesc, runDesc} {
		out <- d
	}
	m.lateness.Describe(out)
}

// Collect implements prometheus.Collector.
func (m *meters) Collect(out chan<- prometheus.Metric) {
	m.lateness.Collect(out)
	m.mu.Lock()
	now := make([]typeMeter, len(m.list))
	for i, of := range m.list {
		now[i] = *of
	}
	m.mu.Unlock()
	for i := range now {
		of := &now[i]
		for status := task.Pending; status <= task.Cancelled; status++ {
			out <- prometheus.MustNewConstMetric(totalDesc, prometheus.CounterValue, float64(of.entered[status]), of.name, status.String())
		}
		out <- prometheus.MustNewConstMetric(expiredDesc, prometheus.CounterValue, float64(of.expired), of.name)
		out <- of.wait.metric(waitDesc, of.name)
		out <- of.run.metric(runDesc, of.name)
	}
}
