package measure

import (
	"testing"

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
