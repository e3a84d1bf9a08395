package report

import (
	"strings"
	"testing"

	"daybook/bench/measure"
	"daybook/bench/queues"
)

// longSample is a report on a system with views and one without.
func longSample() *Report {
	r := New([]queues.Spec{{Name: "with", Title: "With views", Synced: true, Bulk: true}, {Name: "without", Title: "Without", Synced: true}})
	r.Settings = measure.Job{Minute: 60, Sustained: 180, Ahead: 20_000, Limit: 30}
	with, without := r.Systems[0], r.Systems[1]
	with.Facts.Durability, without.Facts.Durability = "synced", "synced"
	number := func(n int64) *int64 { return &n }
	for i, rate := range []float64{3000, 1000, 2000} {
		add := func(s *System, row measure.Row, m measure.Result) { s.Of(row).Results = append(s.Of(row).Results, m) }
		n := int64(i)
		lags := &measure.Lags{Median: 100 + n, Most: 5000 - n, Last: n}
		add(with, measure.SustainedOne, measure.Result{Rate: rate, Lags: lags, Settled: number(10 + n), Waiting: number(20 + n)})
		add(with, measure.MinuteBulk, measure.Result{Rate: rate, Lags: lags, Waiting: number(30_000 + n)})
		add(without, measure.MinuteOne, measure.Result{Rate: rate, Waiting: number(7), CutOff: true})
	}
	without.Of(measure.SustainedOne).Errors = []string{"it broke"}
	return r
}

func TestTheLongTablesHoldRatesLagsAndWhatWaits(t *testing.T) {
	got := longSample().Markdown()
	for _, want := range []string{
		"### Burst of 60 s, tasks a second",
		"| With views | synced | – | – | – | 2,000 (1,000–3,000) | 101 / 5,000 / 2 | 30,001 |",
		"| Without | synced | 2,000 (1,000–3,000), cut off | – | 7 | – | – | – |",
		"### Sustained for 180 s, tasks a second",
		"| With views | synced | 2,000 (1,000–3,000) | 101 / 5,000 / 2 | 11 / 21 | – | – | – |",
		"| Without | synced | failed | – | – | – | – | – |",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
	if !strings.Contains(got, "waiting at 60 s / at 180 s") || strings.Contains(got, "a backlog of") {
		t.Errorf("the text around the tables:\n%s", got)
	}
}

func TestAReportWithoutLongRowsSaysNothingOfThem(t *testing.T) {
	if got := sample().Markdown(); strings.Contains(got, "Sustained") || strings.Contains(got, "Burst") {
		t.Errorf("it does:\n%s", got)
	}
}
