package api

import (
	"daybook/eventlog"
	"daybook/projection"

	"github.com/prometheus/client_golang/prometheus"
)

// viewMetrics are the numbers of the views: what is in memory and what is in files.
type viewMetrics struct {
	views *projection.Views
	log   eventlog.Log
}

var (
	inMemoryDesc  = prometheus.NewDesc("daybook_view_tasks_in_memory", "Tasks in memory: those that have not ended, and those that did lately.", nil, nil)
	viewLagDesc   = prometheus.NewDesc("daybook_view_file_lag_events", "Events that the view file does not have yet.", nil, nil)
	viewBytesDesc = prometheus.NewDesc("daybook_view_file_bytes", "Size of the view file, with its write-ahead log.", nil, nil)
	viewWALDesc   = prometheus.NewDesc("daybook_view_file_wal_bytes", "Size of the write-ahead log of the view file.", nil, nil)
	textTasksDesc = prometheus.NewDesc("daybook_text_tasks", "Tasks in the index of texts.", nil, nil)
	textLagDesc   = prometheus.NewDesc("daybook_text_lag_tasks", "Tasks in the view file whose texts are not indexed yet.", nil, nil)
	checkedDesc   = prometheus.NewDesc("daybook_log_checked_seq", "Up to where the chain of a long log has been checked since the start.", nil, nil)
	textBytesDesc = prometheus.NewDesc("daybook_text_bytes", "Size of the index of texts, with its write-ahead log.", nil, nil)
)

// Describe tells the registry what Collect gives.
func (viewMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inMemoryDesc, viewLagDesc, viewBytesDesc, viewWALDesc, textTasksDesc, textLagDesc, textBytesDesc, checkedDesc} {
		out <- d
	}
}

// Collect reads the numbers when they are asked for.
func (m viewMetrics) Collect(out chan<- prometheus.Metric) {
	if log, ok := m.log.(interface{ Checked() int64 }); ok {
		out <- prometheus.MustNewConstMetric(checkedDesc, prometheus.GaugeValue, float64(log.Checked()))
	}
	s := m.views.Stats()
	for _, n := range []struct {
		desc  *prometheus.Desc
		value int64
	}{
		{inMemoryDesc, int64(s.InMemory)}, {viewLagDesc, s.Lag}, {viewBytesDesc, s.FileBytes}, {viewWALDesc, s.WALBytes},
		{textTasksDesc, s.TextDocs}, {textLagDesc, s.TextLag}, {textBytesDesc, s.TextBytes},
	} {
		out <- prometheus.MustNewConstMetric(n.desc, prometheus.GaugeValue, float64(n.value))
	}
}
