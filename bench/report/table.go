package report

import (
	"fmt"
	"strings"

	"daybook/bench/measure"
)

// column is one figure of a table.
type column struct {
	title string
	cell  func(*System) string
}

// Markdown is the report as tables. Those systems come first that have a task on the
// disk when they acknowledge it; then those that do not; then the floors.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Machine)
	fmt.Fprintf(&b, "Made by `%s`, %s, in %v. Medians of %d runs in which the systems took turns, with the least and the most.\n",
		r.Command, r.Began.UTC().Format("2 January 2006"), r.Took.Round(1e9), r.Runs)
	j := r.Settings
	fmt.Fprintf(&b, "A task carries a JSON object of %d bytes and does nothing. %d workers; submits from %d callers, those of many tasks a call from %d.",
		len(measure.Payload), j.Workers, j.Callers, j.Bulkers)
	if r.has(func(row measure.Row) bool { return !row.Long() }) {
		fmt.Fprintf(&b, " Load for %g s; a backlog of %s; a large one of %s.", j.Seconds, grouped(int64(j.Backlog)), grouped(int64(r.Large)))
	}
	b.WriteString("\n")
	r.table(&b, "Submit, tasks a second", []column{
		{"one caller", rate(measure.SubmitOne)},
		{"its call p50 / p99", latency(measure.SubmitOne)},
		{fmt.Sprintf("%d callers", j.Callers), rate(measure.SubmitMany)},
		{"100 a call", rate(measure.Bulk100)},
		{"1,000 a call", rate(measure.Bulk1000)},
	})
	r.table(&b, "Submit and run, tasks a second", []column{
		{"one by one, until all have ended", rate(measure.RunOne)},
		{"100 a call, until all have ended", rate(measure.RunBulk)},
		{"a backlog drained", rate(measure.Drain)},
		{"views behind, events", lag},
	})
	r.table(&b, "Waiting and memory", []column{
		{"pick-up p50 / p99", latency(measure.PickUp)},
		{"memory idle", memory(func(m measure.Result) float64 { return m.Idle })},
		{"memory after the backlog has run", memory(func(m measure.Result) float64 { return m.After })},
		{"start with the large backlog, to the first task", startTime},
	})
	r.long(&b)
	r.facts(&b)
	return b.String()
}

// table writes one table of all systems that have a figure in it, if there are any.
func (r *Report) table(b *strings.Builder, title string, columns []column) {
	var lines strings.Builder
	for _, s := range r.ordered() {
		cells := make([]string, len(columns))
		some := false
		for i, c := range columns {
			cells[i] = c.cell(s)
			some = some || cells[i] != nothing
		}
		if some {
			fmt.Fprintf(&lines, "| %s | %s | %s |\n", s.Title, s.acknowledged(), strings.Join(cells, " | "))
		}
	}
	if lines.Len() == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n| system | at the acknowledgement |", title)
	for _, c := range columns {
		fmt.Fprintf(b, " %s |", c.title)
	}
	fmt.Fprintf(b, "\n| --- | --- |%s\n%s", strings.Repeat(" --- |", len(columns)), lines.String())
}

// acknowledged says what is on the disk, up to the details.
func (s *System) acknowledged() string {
	said, _, _ := strings.Cut(s.Facts.Durability, " (")
	said, _, _ = strings.Cut(said, ":")
	return said
}

// facts writes down how each system was set up.
func (r *Report) facts(b *strings.Builder) {
	b.WriteString("\n### How each was set up\n\n| system | what its server or library says of durability | settings |\n| --- | --- | --- |\n")
	for _, s := range r.ordered() {
		if s.Facts.Durability != "" {
			fmt.Fprintf(b, "| %s | %s | %s |\n", s.Title, s.Facts.Durability, s.Facts.Settings)
		}
	}
}

func (r *Report) ordered() (all []*System) {
	for _, want := range []struct{ synced, floor bool }{{true, false}, {false, false}, {true, true}, {false, true}} {
		for _, s := range r.Systems {
			if s.Synced == want.synced && s.Floor == want.floor {
				all = append(all, s)
			}
		}
	}
	return all
}

// nothing stands where a system has no such figure.
const nothing = "–"

// cell makes a cell of a row of the bench: nothing if it was not run, the fault if none
// of its runs succeeded.
func cell(row measure.Row, show func(*Runs) string) func(*System) string {
	return func(s *System) string {
		runs := s.Rows[row]
		switch {
		case runs == nil:
			return nothing
		case len(runs.Results) == 0:
			return "failed"
		}
		shown := show(runs)
		if runs.cutOff() {
			shown += ", cut off"
		}
		if n := len(runs.Errors); n > 0 {
			shown += fmt.Sprintf(", %d failed", n)
		}
		return shown
	}
}

func rate(row measure.Row) func(*System) string {
	return cell(row, func(r *Runs) string {
		s := r.spread(func(m measure.Result) float64 { return m.Rate })
		return fmt.Sprintf("%s (%s–%s)", thousands(s.Median), thousands(s.Least), thousands(s.Most))
	})
}

func latency(row measure.Row) func(*System) string {
	return cell(row, func(r *Runs) string {
		p50 := r.spread(func(m measure.Result) float64 { return m.P50 })
		p99 := r.spread(func(m measure.Result) float64 { return m.P99 })
		return fmt.Sprintf("%.2f / %.2f ms", p50.Median, p99.Median)
	})
}

func memory(of func(measure.Result) float64) func(*System) string {
	return cell(measure.Memory, func(r *Runs) string { return fmt.Sprintf("%.0f MB", r.spread(of).Median) })
}

func startTime(s *System) string {
	return cell(measure.Start, func(r *Runs) string {
		t := r.spread(func(m measure.Result) float64 { return m.Seconds })
		return fmt.Sprintf("%.2f s (%.2f–%.2f)", t.Median, t.Least, t.Most)
	})(s)
}

// lag is how far views were behind at the end of each of the three runs of the table.
func lag(s *System) string {
	var lags []string
	for _, row := range []measure.Row{measure.RunOne, measure.RunBulk, measure.Drain} {
		if runs := s.Rows[row]; runs != nil && runs.lag() >= 0 {
			lags = append(lags, grouped(runs.lag()))
		}
	}
	if lags == nil {
		return nothing
	}
	return strings.Join(lags, " / ")
}

// thousands is a whole number with commas and three digits that count.
func thousands(f float64) string {
	n, scale := int64(f+0.5), int64(1)
	for n/scale >= 1000 {
		scale *= 10
	}
	return grouped((n + scale/2) / scale * scale)
}

// grouped is a number with commas.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
