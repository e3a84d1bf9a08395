package api

import (
	"cmp"
	"net/http"
	"regexp"
	"time"

	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the numbers of /metrics, in a separate registry.
type metrics struct {
	api       *API
	meters    *meters
	registry  *prometheus.Registry
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
	depthDesc    = prometheus.NewDesc("daybook_queue_depth", "Tasks of a queue by state: running, or what they wait for: ready, scheduled, backoff, blocked or suspended. The queues of which there are too many are counted together as other.", []string{"queue", "state"}, nil)
	oldestDesc   = prometheus.NewDesc("daybook_queue_oldest_ready_seconds", "For how long the first ready task of a queue has been ready; 0 without one.", []string{"queue"}, nil)
	pausedDesc   = prometheus.NewDesc("daybook_queue_paused", "1 for each queue that is paused.", []string{"queue"}, nil)
	workersDesc  = prometheus.NewDesc("daybook_workers", "Workers outside of the server by state: busy (they hold tasks), idle, quiet or silent (gone, and not forgotten yet).", []string{"state"}, nil)
	leasesDesc   = prometheus.NewDesc("daybook_leases", "Tasks that workers outside of the server hold.", nil, nil)
	appendDesc   = prometheus.NewDesc("daybook_log_append_seconds", "Time to write a round of events to the log, with the sync.", nil, nil)
	lagDesc      = prometheus.NewDesc("daybook_view_lag_events", "Events of the log that the views have not applied yet.", nil, nil)
	stateDesc    = prometheus.NewDesc("daybook_scheduler_state", "1 for each state that the scheduler is in.", []string{"state"}, nil)
)

// liveHeap is what the last collection left in use: unlike the heap in use it does not go up
// and down between two collections.
var liveHeap = regexp.MustCompile(`^/gc/heap/live:bytes$`)

func newMetrics(a *API) *metrics {
	m := &metrics{
		api: a, meters: newMeters(),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "daybook_http_request_duration_seconds", Help: "Time to answer, by path and class of status.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5, 10},
		}, []string{"path", "code"}),
	}
	a.Views.Observe(m.meters)
	m.unknown = &route{times: m.timing("other")}
	m.registry = prometheus.NewRegistry()
	m.registry.MustRegister(m.durations, m, m.meters,
		collectors.NewGoCollector(
			collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{Matcher: liveHeap})), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "daybook_info", Help: "1, with the version.",
			ConstLabels: prometheus.Labels{"version": a.Version}}, func() float64 { return 1 }))
	if a.ClusterNumbers != nil {
		m.registerCluster(a.ClusterNumbers)
	}
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

// registerCluster adds the numbers of a node of a cluster.
func (m *metrics) registerCluster(numbers func() ClusterNumbers) {
	for _, g := range []struct {
		name, help string
		of         func(n ClusterNumbers) float64
	}{
		{"daybook_cluster_leads", "1 while this node leads the cluster.", func(n ClusterNumbers) float64 { return flagged(n.Leads) }},
		{"daybook_cluster_term", "How many nodes have led, one after the other.", func(n ClusterNumbers) float64 { return float64(n.Term) }},
		{"daybook_cluster_lag_seconds", "For how long this node has lacked events that another node has.", func(n ClusterNumbers) float64 { return n.Lag }},
		{"daybook_cluster_nodes_heard", "Nodes that run and that this node hears, itself among them.", func(n ClusterNumbers) float64 { return float64(n.Heard) }},
		{"daybook_cluster_nodes", "All nodes of the cluster.", func(n ClusterNumbers) float64 { return float64(n.Nodes) }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, func() float64 { return g.of(numbers()) }))
	}
}

// Describe tells the registry what Collect gives.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tasksDesc, attemptsDesc, slotsDesc, commandsDesc, walDesc, headDesc, viewDesc, cacheDesc, entriesDesc, stateDesc,
		depthDesc, oldestDesc, pausedDesc, workersDesc, leasesDesc, appendDesc, lagDesc} {
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
	state := m.api.sched().State()
	gauge(attemptsDesc, float64(state.Running))
	gauge(slotsDesc, float64(state.Slots))
	gauge(commandsDesc, float64(state.Commands))
	gauge(stateDesc, flagged(state.Draining), "draining")
	gauge(stateDesc, flagged(state.Full), "full")
	gauge(stateDesc, flagged(state.Failed), "failed")
	gauge(stateDesc, flagged(state.Damaged), "damaged")
	m.collectQueues(gauge)
	m.collectWorkers(gauge)
	out <- appendMetric(m.api.sched().AppendTimes())
	head := m.api.Log.Head().Seq
	gauge(headDesc, float64(head))
	gauge(viewDesc, float64(seq))
	gauge(lagDesc, float64(max(head-m.api.Views.Seq(), 0)))
	logs := m.api.TaskLogs.Stats()
	gauge(linesDesc, float64(logs.Bytes))
	out <- prometheus.MustNewConstMetric(leftOutDesc, prometheus.CounterValue, float64(logs.LeftOut))
	m.collectStores(gauge)
}

// maxMeterQueues is how many queues have numbers of their own.
const maxMeterQueues = 1000

// queueNumbers are what is measured of one queue, or of several together.
type queueNumbers struct {
	waiting map[projection.WaitState]int64
	running int64
	oldest  float64 // seconds
}

// collectQueues reads how deep the queues are. It costs the same for each queue, however many tasks it has.
func (m *metrics) collectQueues(gauge func(d *prometheus.Desc, n float64, labels ...string)) {
	views, now := m.api.Views, task.MicrosOf(time.Now())
	waits, _ := views.WaitCounts(now)
	names := views.CountedQueues()
	byName := make(map[string]*queueNumbers, len(names))
	for _, name := range names[:min(len(names), maxMeterQueues)] {
		byName[name] = &queueNumbers{waiting: make(map[projection.WaitState]int64)}
	}
	rest := byName[otherName]
	if rest == nil && len(names) > maxMeterQueues {
		rest = &queueNumbers{waiting: make(map[projection.WaitState]int64)}
		byName[otherName] = rest
	}
	for _, w := range waits {
		if of := cmp.Or(byName[w.Queue], rest); of != nil {
			of.waiting[w.State] += w.N
		}
	}
	for _, name := range names {
		of := cmp.Or(byName[name], rest)
		_, running := views.QueueDepth(name)
		of.running += running
		if _, since := views.QueueReady(name); since != 0 {
			of.oldest = max(of.oldest, (now - since).Duration().Seconds())
		}
		if views.QueueState(name).Paused && byName[name] == of {
			gauge(pausedDesc, 1, name)
		}
	}
	for name, of := range byName {
		for _, state := range projection.WaitStates() {
			gauge(depthDesc, float64(of.waiting[state]), name, state.String())
		}
		gauge(depthDesc, float64(of.running), name, "running")
		gauge(oldestDesc, of.oldest, name)
	}
}

// collectWorkers counts the workers outside of the server.
func (m *metrics) collectWorkers(gauge func(d *prometheus.Desc, n float64, labels ...string)) {
	count, leases := m.api.sched().CountWorkers()
	for state, n := range count {
		gauge(workersDesc, float64(n), state)
	}
	gauge(leasesDesc, float64(leases))
}

// appendMetric is the histogram of appends as Prometheus has it.
func appendMetric(t scheduler.AppendTimes) prometheus.Metric {
	up := make(map[float64]uint64, len(t.Up))
	for i, n := range t.Up {
		up[scheduler.AppendBounds[i].Seconds()] = uint64(n)
	}
	return prometheus.MustNewConstHistogram(appendDesc, uint64(t.Count), t.Sum.Seconds(), up)
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
