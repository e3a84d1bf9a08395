package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"daybook"
	"daybook/internal/load"
)

// print tells a report, to a person or as JSON.
func (c *benchCmd) print(s *stdio, r *load.Report) error {
	if c.JSON {
		text, err := json.Marshal(struct {
			Daybook string `json:"daybook"` // version of the generator
			*load.Report
		}{daybook.Version, r})
		if err != nil {
			return err
		}
		return printJSON(s.out, text)
	}
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%s %s\n", s.dim(fmt.Sprintf("%-10s", name)), fmt.Sprintf(format, args...))
	}
	line("load", "%s", loadLine(&r.Settings))
	line("server", "%s", serverLine(r))
	line("machine", "%s", machineLine(&r.Machine))
	line("tasks", "%s accepted in %.1f s: %s a second", grouped(r.Tasks.Accepted), r.Elapsed, s.bold(rate(r.Tasks.PerSecond)))
	line("requests", "%s", requestsLine(&r.Requests))
	line("latency", "%s", latencyLine(&r.Latency))
	if r.Late != nil {
		line("sent late", "%s", latencyLine(r.Late))
	}
	if r.EndToEnd != nil {
		line("to the end", "%s", latencyLine(r.EndToEnd))
		line("ended", "%s", endedLine(&r.Tasks))
	}
	if text := courseLine(r); text != "" {
		line("course", "%s", text)
	}
	if text := processorLine(r); text != "" {
		line("processor", "%s", text)
	}
	for _, f := range r.Failures {
		what := fmt.Sprint(f.Status)
		if f.Status == 0 {
			what = "no answer"
		}
		line("failed", "%s × %s: %s", grouped(f.Count), what, oneLine(f.Detail))
	}
	c.warn(line, r)
	_, err := s.out.Write([]byte(b.String()))
	return err
}

// warn says what a reader of the figures must know.
func (c *benchCmd) warn(line func(name, format string, args ...any), r *load.Report) {
	if r.Server != nil && r.Server.InMemory {
		line("note", "the folder was not on a disk, so a sync cost nothing: --temp names another")
	}
	if r.Interrupted {
		line("note", "the run was ended early")
	}
	if n := r.Requests.Unsent; n > 0 {
		line("note", "the server did not keep up: %s requests were due and not sent", grouped(n))
	}
}

func loadLine(o *load.Settings) string {
	pace := "as fast as it goes"
	if o.Rate > 0 {
		pace = fmt.Sprintf("%g tasks/s", o.Rate)
	}
	end := fmt.Sprintf("%g s", o.Duration)
	if o.Count > 0 {
		end = grouped(o.Count) + " tasks"
	}
	batch := "one by one"
	if o.Batch > 1 {
		batch = fmt.Sprintf("%s a post", grouped(int64(o.Batch)))
	}
	text := fmt.Sprintf("%s with %s bytes, %s, %d connections, %s, %s", o.Type, grouped(int64(o.Parameters)), batch, o.Connections, pace, end)
	if o.Delay > 0 {
		text += fmt.Sprintf(", delayed by %g s", o.Delay)
	}
	return text
}

func serverLine(r *load.Report) string {
	if r.Server == nil {
		return r.Settings.URL
	}
	return fmt.Sprintf("started for this run, %d slots", r.Server.Concurrency)
}

func machineLine(m *load.Machine) string {
	name := m.CPU
	if name == "" {
		name = m.Arch
	}
	return fmt.Sprintf("%d × %s, %s, %s", m.CPUs, name, m.OS, m.Go)
}

func requestsLine(r *load.Requests) string {
	text := fmt.Sprintf("%s answered, %s failed", grouped(r.Answered), grouped(r.Failed))
	if r.Unanswered > 0 {
		text += fmt.Sprintf(", %s cut off", grouped(r.Unanswered))
	}
	return text
}

func latencyLine(l *load.Latencies) string {
	if l.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s   p90 %s   p99 %s   p99.9 %s   max %s", millis(l.P50), millis(l.P90), millis(l.P99), millis(l.P999), millis(l.Max))
}

func endedLine(t *load.Tasks) string {
	text := fmt.Sprintf("%s succeeded, %s a second", grouped(t.Succeeded), rate(t.EndedPerSecond))
	for _, more := range []struct {
		n    int64
		word string
	}{{t.Failed, "failed"}, {t.Cancelled, "cancelled"}, {t.Open, "not ended"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %s %s", grouped(more.n), more.word)
		}
	}
	return text
}

// courseLine draws the tasks of each part of the run, and says the least and the most a
// second. The last part is left out: it is not a whole one.
func courseLine(r *load.Report) string {
	parts := r.Course[:max(len(r.Course)-1, 0)]
	if len(parts) < 2 {
		return ""
	}
	const cells = 60
	each := (len(parts) + cells - 1) / cells
	least, most := parts[0].Accepted, parts[0].Accepted
	for _, p := range parts {
		least, most = min(least, p.Accepted), max(most, p.Accepted)
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for i := 0; i < len(parts); i += each {
		sum, n := int64(0), int64(0)
		for _, p := range parts[i:min(i+each, len(parts))] {
			sum, n = sum+p.Accepted, n+1
		}
		b.WriteRune(bars[sum*int64(len(bars)-1)/max(n*most, 1)])
	}
	return fmt.Sprintf("%s  %s to %s tasks/s", b.String(), rate(float64(least)/r.Interval), rate(float64(most)/r.Interval))
}

// processorLine says what a task has cost, so that one can see who limits whom.
func processorLine(r *load.Report) string {
	if r.Tasks.Accepted == 0 {
		return ""
	}
	each := func(seconds float64) string {
		return fmt.Sprintf("%.1f µs", seconds*1e6/float64(r.Tasks.Accepted))
	}
	if r.Server == nil {
		return fmt.Sprintf("%s a task for sending", each(r.Processor))
	}
	return fmt.Sprintf("%s a task for sending, %s for the server, start and stop included; at most %s MiB resident",
		each(r.Processor), each(r.Server.Processor), grouped(r.Server.Memory>>20))
}

// millis is a number of milliseconds for people.
func millis(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// rate is a number a second for people.
func rate(n float64) string {
	if n < 100 {
		return fmt.Sprintf("%.1f", n)
	}
	return grouped(int64(n + 0.5))
}
