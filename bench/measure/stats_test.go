package measure

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheSpreadIsTheMiddleAndTheEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		runs []float64
		want Spread
	}{
		"no runs":     {nil, Spread{}},
		"one run":     {[]float64{7}, Spread{7, 7, 7}},
		"odd number":  {[]float64{30, 10, 20}, Spread{20, 10, 30}},
		"even number": {[]float64{4, 1, 3, 2}, Spread{2.5, 1, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, SpreadOf(tc.runs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheSpreadLeavesTheRunsInTheirOrder(t *testing.T) {
	runs := []float64{3, 1, 2}
	SpreadOf(runs)
	if diff := cmp.Diff([]float64{3, 1, 2}, runs); diff != "" {
		t.Error(diff)
	}
}

func TestAPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i) // 100 … 1, to be sorted
	}
	for name, tc := range map[string]struct {
		times []time.Duration
		p     int
		want  time.Duration
	}{
		"of none":               {nil, 50, 0},
		"of one":                {[]time.Duration{9}, 99, 9},
		"the 50th of a hundred": {hundred, 50, 50},
		"the 99th of a hundred": {hundred, 99, 99},
		"the 99th of ten":       {[]time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 99, 10},
		"the 50th of three":     {[]time.Duration{3, 1, 2}, 50, 2},
		"the 0th":               {[]time.Duration{3, 1, 2}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Percentile(tc.times, tc.p); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}
