package api

import "github.com/prometheus/client_golang/prometheus"

// Numbers of /metrics that say how much is kept where; docs/memory.md gives the bound of each.
var (
	ringEventsDesc = prometheus.NewDesc("daybook_log_ring_events", "Recent events kept in memory.", nil, nil)
	ringBytesDesc  = prometheus.NewDesc("daybook_log_ring_bytes", "Bytes of the recent events kept in memory.", nil, nil)
	logBytesDesc   = prometheus.NewDesc("daybook_log_bytes", "Size of the log on disk, its write-ahead log included.", nil, nil)
	waitingDesc    = prometheus.NewDesc("daybook_sse_waiting", "Open event streams that have got all there is.", nil, nil)
	sharedDesc     = prometheus.NewDesc("daybook_sse_shared_bytes", "Bytes of the messages of event streams that are kept to be shared.", nil, nil)
)

func describeStores(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ringEventsDesc, ringBytesDesc, logBytesDesc, waitingDesc, sharedDesc} {
		out <- d
	}
}

// collectStores reads how much is kept where. What an engine does not tell is left out.
func (m *metrics) collectStores(gauge func(d *prometheus.Desc, n float64, labels ...string)) {
	a := m.api
	if log, ok := a.Log.(interface{ WALSize() int64 }); ok {
		gauge(walDesc, float64(log.WALSize()))
	}
	if log, ok := a.Log.(interface{ Size() int64 }); ok {
		gauge(logBytesDesc, float64(log.Size()))
	}
	if log, ok := a.Log.(interface{ Ring() (int, int64) }); ok {
		events, bytes := log.Ring()
		gauge(ringEventsDesc, float64(events))
		gauge(ringBytesDesc, float64(bytes))
	}
	gauge(cacheDesc, float64(a.Payloads.Bytes()))
	gauge(entriesDesc, float64(a.Payloads.Len()))
	gauge(waitingDesc, float64(a.watchers.idle()+a.readers.idle()))
	gauge(sharedDesc, float64(a.screens.bytes()+a.chunks.bytes()))
}
