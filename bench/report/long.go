package report

import (
	"fmt"
	"strings"

	"daybook/bench/measure"
)

// long writes the tables of the long rows, if there are any.
func (r *Report) long(b *strings.Builder) {
	if !r.has(measure.Row.Long) {
		return
	}
	j := r.Settings
	fmt.Fprintf(b, "Burst: load for %g s that nothing holds back; the rate is from the first call until all tasks have ended, or until %g s after the load. "+
		"Sustained: load for %g s, of which the last two thirds are measured; the rate is that of the tasks that end; callers pause while %s tasks or more have not ended. "+
		"Views behind: events, looked at each second: median / most / at the end.\n", j.Minute, j.Limit, j.Sustained, grouped(int64(j.Ahead)))
	r.table(b, fmt.Sprintf("Burst of %g s, tasks a second", j.Minute), []column{
		{"one by one, until all have ended", rate(measure.MinuteOne)},
		{"views behind", lags(measure.MinuteOne)},
		{"waiting at the end of the load", waiting(measure.MinuteOne)},
		{"100 a call, until all have ended", rate(measure.MinuteBulk)},
		{"views behind", lags(measure.MinuteBulk)},
		{"waiting at the end of the load", waiting(measure.MinuteBulk)},
	})
	third := fmt.Sprintf("waiting at %.3g s / at %g s", j.Sustained/3, j.Sustained)
	r.table(b, fmt.Sprintf("Sustained for %g s, tasks a second", j.Sustained), []column{
		{"one by one, ended", rate(measure.SustainedOne)},
		{"views behind", lags(measure.SustainedOne)},
		{third, waiting(measure.SustainedOne)},
		{"100 a call, ended", rate(measure.SustainedBulk)},
		{"views behind", lags(measure.SustainedBulk)},
		{third, waiting(measure.SustainedBulk)},
	})
}

// lags shows how far views were behind: the median of the runs' medians, the most of
// all, and the most at the end of a run.
func lags(row measure.Row) func(*System) string {
	return func(s *System) string {
		runs := s.Rows[row]
		if runs == nil || len(runs.Results) == 0 || runs.Results[0].Lags == nil {
			return nothing
		}
		median := runs.spread(func(m measure.Result) float64 { return float64(m.Lags.Median) }).Median
		most := runs.spread(func(m measure.Result) float64 { return float64(m.Lags.Most) }).Most
		last := runs.spread(func(m measure.Result) float64 { return float64(m.Lags.Last) }).Most
		return strings.Join([]string{grouped(int64(median)), grouped(int64(most)), grouped(int64(last))}, " / ")
	}
}

// waiting shows the medians of the tasks that had not ended.
func waiting(row measure.Row) func(*System) string {
	return func(s *System) string {
		runs := s.Rows[row]
		if runs == nil || len(runs.Results) == 0 {
			return nothing
		}
		end := runs.left(func(m measure.Result) *int64 { return m.Waiting })
		if runs.Results[0].Settled == nil {
			return end
		}
		return runs.left(func(m measure.Result) *int64 { return m.Settled }) + " / " + end
	}
}

// left is the median of a number of tasks over the runs.
func (r *Runs) left(of func(measure.Result) *int64) string {
	return grouped(int64(r.spread(func(m measure.Result) float64 { return float64(*of(m)) }).Median))
}
