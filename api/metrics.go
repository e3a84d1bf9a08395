package api

import (
	"net/http"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the numbers of /metrics, in a separate registry.
type metrics struct {
	api       *API
	durations *prometheus.HistogramVec
	unknown   *route // for requests that match no path
	handler   http.Handler
}

var (
	tasksDesc    = prometheus.NewDesc("daybook_tasks", "Tasks by queue, type and status.", []string{"queue", "task_type", "status"}, nil)
	attemptsDesc = prometheus.NewDesc("daybook_attempts_running", "Attempts that hold a slot.", nil, nil)
	slotsDesc    = prometheus.NewDesc("daybook_slots", "Attempts that can run at the same time.", nil, nil)
	commandsDesc = prometheus.NewDesc("daybook_commands_waiting", "Commands that wait to be decided.", nil, nil)
	walDesc      = prometheus.NewDesc("daybook_log_wal_bytes", "Size of the write-ahead log of the log's database.", nil, nil)
	headDesc     = prometheus.NewDesc("daybook_log_head_seq", "Seq of the last event of the log.", nil, nil)
	viewDesc     = prometheus.NewDesc("daybook_view_seq", "Seq that the views have applied.", nil, nil)
	cacheDesc    = prometheus.NewDesc("daybook_payload_cache_bytes", "Bytes in the cache of payloads.", nil, nil)
	entriesDesc  = prometheus.NewDesc("daybook_payload_cache_entries", "Payloads in the cache.", nil, nil)
	stateDesc    = prometheus.NewDesc("daybook_scheduler_state", "1 for each state that the scheduler is in.", []string{"state"}, nil)
)

// liveHeap is what the last collection left in use: unlike the heap in use it does not go up
// and down between two collections.
var liveHeap = regexp.MustCompile(`^/gc/heap/live:bytes$`)

func newMetrics(a *API) *metrics {
	m := &metrics{
		api: a,
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "daybook_http_request_duration_seconds", Help: "Time to answer, by path and class of status.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5, 10},
		}, []string{"path", "code"}),
	}
	m.unknown = &route{times: m.timing("other")}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.durations, m,
		collectors.NewGoCollector(
			collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{Matcher: liveHeap})), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "daybook_info", Help: "1, with the version.",
			ConstLabels: prometheus.Labels{"version": a.Version}}, func() float64 { return 1 }))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

// Describe tells the registry what Collect gives.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tasksDesc, attemptsDesc, slotsDesc, commandsDesc, walDesc, headDesc, viewDesc, cacheDesc, entriesDesc, stateDesc} {
		out <- d
	}
	describeStores(out)
}

// Collect reads the numbers at each scrape, so that they need not be counted twice.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	counts, seq := m.api.Views.Counts()
	for i := range counts {
		c := &counts[i]
		gauge(tasksDesc, float64(c.N), c.Queue, c.Type, c.Status.String())
	}
	state := m.api.Scheduler.State()
	gauge(attemptsDesc, float64(state.Running))
	gauge(slotsDesc, float64(state.Slots))
	gauge(commandsDesc, float64(state.Commands))
	gauge(stateDesc, flagged(state.Draining), "draining")
	gauge(stateDesc, flagged(state.Full), "full")
	gauge(stateDesc, flagged(state.Failed), "failed")
	gauge(stateDesc, flagged(state.Damaged), "damaged")
	gauge(headDesc, float64(m.api.Log.Head().Seq))
	gauge(viewDesc, float64(seq))
	m.collectStores(gauge)
}

func flagged(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// scrape answers GET /metrics.
func (a *API) scrape(p *reply, r *http.Request) error {
	a.metrics.handler.ServeHTTP(p, r)
	return nil
}

// timing observes how long one path takes, by class of status; looked up once.
type timing struct{ class [6]prometheus.Observer }

func (m *metrics) timing(path string) *timing {
	t := &timing{}
	for i, name := range []string{"", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		if i > 1 {
			t.class[i] = m.durations.WithLabelValues(path, name)
		}
	}
	return t
}

func (t *timing) observe(status int, took time.Duration) {
	if t == nil || status < 200 || status > 599 {
		return
	}
	t.class[status/100].Observe(took.Seconds())
}
