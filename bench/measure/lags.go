package measure

import (
	"context"
	"time"
)

// Lags are how many events views were behind in the course of a row.
type Lags struct {
	Median int64 `json:"median"`
	Most   int64 `json:"most"`
	Last   int64 `json:"last"` // at the end
}

// lagEvery is how often the lag is looked at.
const lagEvery = time.Second

// watchLags looks at the lag of a system until stop is called, which looks once more.
// Of a system without views it gives nil.
func watchLags(ctx context.Context, sys System) (stop func() (*Lags, error)) {
	lagger, ok := sys.(Lagger)
	if !ok {
		return func() (*Lags, error) { return nil, nil }
	}
	var (
		seen []int64
		err  error
		look = func() {
			var lag int64
			if lag, err = lagger.Lag(ctx); err == nil {
				seen = append(seen, lag)
			}
		}
		over, done = make(chan struct{}), make(chan struct{})
	)
	go func() {
		defer close(done)
		every := time.NewTicker(lagEvery)
		defer every.Stop()
		for err == nil {
			select {
			case <-every.C:
				look()
			case <-over:
				look()
				return
			}
		}
	}()
	return func() (*Lags, error) {
		close(over)
		<-done
		return lagsOf(seen), err
	}
}

// lagsOf sums up what was seen, in its order.
func lagsOf(seen []int64) *Lags {
	if len(seen) == 0 {
		return nil
	}
	all := make([]float64, len(seen))
	for i, lag := range seen {
		all[i] = float64(lag)
	}
	s := SpreadOf(all)
	return &Lags{Median: int64(s.Median), Most: int64(s.Most), Last: seen[len(seen)-1]}
}
