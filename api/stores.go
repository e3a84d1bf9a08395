package api

import "github.com/prometheus/client_golang/prometheus"

// Numbers of /metrics that say how much is kept where; docs/memory.md gives the bound of each.
var (
	ringEventsDesc = prometheus.NewDesc("daybook_log_ring_events", "Recent events kept in memory.", nil, nil)
	ringBytesDesc  = prometheus.NewDesc("daybook_log_ring_bytes", "Bytes of the recent events kept in memory.", nil, nil)
	logBytesDesc   = prometheus.NewDesc("daybook_log_bytes", "Size of the log on disk, its write-ahead log included.", nil, nil)
	clientsDesc    = prometheus.NewDesc("daybook_sse_clients", "Open event streams.", nil, nil)
	waitingDesc    = prometheus.NewDesc("daybook_sse_waiting", "Open event streams that have got all there is.", nil, nil)
	sharedDesc     = prometheus.NewDesc("daybook_sse_shared_bytes", "Bytes of the messages of event streams that are kept to be shared.", nil, nil)
	inMemoryDesc   = prometheus.NewDesc("daybook_view_tasks_in_memory", "Tasks in memory: those that have not ended, and those that did lately.", nil, nil)
	viewLagDesc    = prometheus.NewDesc("daybook_view_file_lag_events", "Events that the view file does not have yet.", nil, nil)
	viewBytesDesc  = prometheus.NewDesc("daybook_view_file_bytes", "Size of the view file, with its write-ahead log.", nil, nil)
	viewWALDesc    = prometheus.NewDesc("daybook_view_file_wal_bytes", "Size of the write-ahead log of the view file.", nil, nil)
	textTasksDesc  = prometheus.NewDesc("daybook_text_tasks", "Tasks in the text index.", nil, nil)
	textLagDesc    = prometheus.NewDesc("daybook_text_lag_tasks", "Tasks in the view file whose texts are not indexed yet.", nil, nil)
	checkedDesc    = prometheus.NewDesc("daybook_log_checked_seq", "Up to where the chain of a long log has been checked since the start.", nil, nil)
	linesDesc      = prometheus.NewDesc("daybook_task_log_bytes", "Size of the lines of all task logs.", nil, nil)
	leftOutDesc    = prometheus.NewDesc("daybook_task_log_lines_left_out_total", "Lines of handlers that were not kept because they came too fast or the disk was full.", nil, nil)
	textBytesDesc  = prometheus.NewDesc("daybook_text_bytes", "Size of the text index, with its write-ahead log.", nil, nil)
)

func describeStores(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ringEventsDesc, ringBytesDesc, logBytesDesc, clientsDesc, waitingDesc, sharedDesc,
		inMemoryDesc, viewLagDesc, viewBytesDesc, viewWALDesc, textTasksDesc, textLagDesc, textBytesDesc, checkedDesc, linesDesc, leftOutDesc} {
		out <- d
	}
}

// collectStores reads how much is kept where.
func (m *metrics) collectStores(gauge func(d *prometheus.Desc, n float64, labels ...string)) {
	a := m.api
	log := a.Log.Stats()
	gauge(walDesc, float64(log.WALBytes))
	gauge(logBytesDesc, float64(log.Bytes))
	gauge(ringEventsDesc, float64(log.RingEvents))
	gauge(ringBytesDesc, float64(log.RingBytes))
	gauge(checkedDesc, float64(log.Checked))
	gauge(cacheDesc, float64(a.Payloads.Bytes()))
	gauge(entriesDesc, float64(a.Payloads.Len()))
	gauge(clientsDesc, float64(a.streams.Open()))
	gauge(waitingDesc, float64(a.streams.Idle()))
	gauge(sharedDesc, float64(a.screens.bytes()+a.chunks.bytes()))
	m.collectViews(gauge)
}

// collectViews reads what the views hold in memory and in files.
func (m *metrics) collectViews(gauge func(d *prometheus.Desc, n float64, labels ...string)) {
	s := m.api.Views.Stats()
	gauge(inMemoryDesc, float64(s.InMemory))
	gauge(viewLagDesc, float64(s.Lag))
	gauge(viewBytesDesc, float64(s.FileBytes))
	gauge(viewWALDesc, float64(s.WALBytes))
	gauge(textTasksDesc, float64(s.TextDocs))
	gauge(textLagDesc, float64(s.TextLag))
	gauge(textBytesDesc, float64(s.TextBytes))
}
