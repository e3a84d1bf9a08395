package measure

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range of latencies: what lies outside is counted as one of its ends.
const (
	shortest = time.Microsecond
	longest  = time.Hour
	digits   = 3 // significant ones
)

// latencies counts how long calls took, in 200 kB however many they are. Safe for
// concurrent use.
type latencies struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram // guarded by mu
}

func newLatencies() *latencies {
	return &latencies{h: hdrhistogram.New(int64(shortest), int64(longest), digits)}
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.h.RecordValue(int64(min(max(d, shortest), longest)))
}

// percentile is the time in milliseconds that p percent of the calls did not exceed, to
// three digits; 0 of no calls.
func (l *latencies) percentile(p float64) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return milliseconds(time.Duration(l.h.ValueAtPercentile(p)))
}
