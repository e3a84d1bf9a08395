package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	longest  = time.Hour // a latency above it is counted as one of it
	digits   = 3         // significant ones of a latency
	maxKinds = 20        // of failures that are told apart
	maxParts = 240       // of the time of a run; they double in length when there are more
)

// sample is one request. Times are since the beginning of the run.
type sample struct {
	due, sent, now time.Duration
	tasks          int64
}

// failure is a kind of failed request: the status of the answer, 0 if there was none, and
// why.
type failure struct {
	status int
	detail string
}

// part is a stretch of the run.
type part struct {
	accepted, ended int64 // tasks
	failed          int64 // requests
	worst           time.Duration
}

// tally counts. Safe for concurrent use.
type tally struct {
	mu       sync.Mutex // guards all below
	began    time.Time
	latency  *hdrhistogram.Histogram // from due to answered, of requests that were not refused
	late     *hdrhistogram.Histogram // from due to sent
	ended    *hdrhistogram.Histogram // from due to the end of the task
	tasks    int64                   // accepted
	posts    int64                   // answered with 2xx
	broken   int64                   // refused or not answered
	cut      int64                   // under way when the run was ended early
	outcomes map[string]int64        // ended tasks, by the type of the event
	kinds    map[failure]int64
	width    time.Duration // of a part
	parts    []part
}

func newTally() *tally {
	return &tally{
		latency: newHistogram(), late: newHistogram(), ended: newHistogram(),
		outcomes: map[string]int64{}, kinds: map[failure]int64{}, width: time.Second,
	}
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(longest), digits)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(int64(min(max(d, 0), longest)))
}

// accepted counts a request that was answered with 2xx.
func (t *tally) accepted(s sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.posts++
	t.tasks += s.tasks
	record(t.latency, s.now-s.due)
	record(t.late, s.sent-s.due)
	p := t.part(s.now)
	p.accepted += s.tasks
	p.worst = max(p.worst, s.now-s.due)
}

// failed counts a request that was refused, or not answered.
func (t *tally) failed(s sample, status int, detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken++
	kind := failure{status, detail}
	if _, known := t.kinds[kind]; !known && len(t.kinds) >= maxKinds {
		kind.detail = "other"
	}
	t.kinds[kind]++
	t.part(s.now).failed++
}

// unanswered counts a request that was under way when the run was ended.
func (t *tally) unanswered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut++
}

// end counts a task that has ended; outcome is the type of its event.
func (t *tally) end(due, now time.Duration, outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes[outcome]++
	record(t.ended, now-due)
	t.part(now).ended++
}

// part is the stretch that a moment lies in.
func (t *tally) part(at time.Duration) *part {
	for at >= t.width*maxParts {
		t.fold()
	}
	for i := int(max(at, 0) / t.width); ; t.parts = append(t.parts, part{}) {
		if i < len(t.parts) {
			return &t.parts[i]
		}
	}
}

// fold makes the parts twice as long.
func (t *tally) fold() {
	half := make([]part, (len(t.parts)+1)/2)
	for i, p := range t.parts {
		h := &half[i/2]
		h.accepted += p.accepted
		h.ended += p.ended
		h.failed += p.failed
		h.worst = max(h.worst, p.worst)
	}
	t.parts, t.width = half, 2*t.width
}

// progress is what Progress says of the counts.
func (t *tally) progress() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Progress{Accepted: t.tasks, Failed: t.broken, P99: time.Duration(t.latency.ValueAtQuantile(99))}
}
