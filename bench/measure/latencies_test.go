package measure

import (
	"math"
	"testing"
	"time"
)

func TestAPercentileIsTheNearestRankToThreeDigits(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100-i) * time.Millisecond
	}
	for name, tc := range map[string]struct {
		times []time.Duration
		p     float64
		want  float64 // milliseconds
	}{
		"of none":               {nil, 50, 0},
		"of one":                {[]time.Duration{9 * time.Millisecond}, 99, 9},
		"the 50th of a hundred": {hundred, 50, 50},
		"the 99th of a hundred": {hundred, 99, 99},
		"the 99th of ten":       {hundred[:10], 99, 100},
		"the 50th of three":     {hundred[97:], 50, 2},
		"a long one":            {[]time.Duration{100 * time.Hour}, 50, 3_600_000},
		"a negative one":        {[]time.Duration{-time.Second}, 50, 0.001},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLatencies()
			for _, d := range tc.times {
				l.add(d)
			}
			if got := l.percentile(tc.p); math.Abs(got-tc.want) > max(tc.want/1000, 0.001) {
				t.Errorf("%v ms, want %v", got, tc.want)
			}
		})
	}
}
