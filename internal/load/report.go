package load

import (
	"cmp"
	"runtime"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Schema numbers the shape of a Report's JSON. Fields may be added to it; a change of
// what is there gets a new number.
const Schema = 1

// Report is what a run measured.
type Report struct {
	Schema      int        `json:"schema"`
	At          time.Time  `json:"at"` // when the run began
	Machine     Machine    `json:"machine"`
	Settings    Settings   `json:"settings"`
	Server      *Server    `json:"server"`          // nil = nothing is known of it but its address
	Elapsed     float64    `json:"elapsed_seconds"` // from the first request to the last answer
	Interrupted bool       `json:"interrupted"`
	GaveUp      string     `json:"gave_up"` // why the run ended before its time; "" = it did not
	Requests    Requests   `json:"requests"`
	Tasks       Tasks      `json:"tasks"`
	Latency     Latencies  `json:"latency_ms"`    // from due to answered
	Late        *Latencies `json:"late_ms"`       // from due to sent; nil without a rate
	EndToEnd    *Latencies `json:"end_to_end_ms"` // from due to the event of the task's end; nil if not waited for
	Failures    []Failure  `json:"failures"`
	Interval    float64    `json:"interval_seconds"` // length of a part of the course
	Course      []Part     `json:"course"`
	Processor   float64    `json:"generator_cpu_seconds"`
}

// Settings are what was asked for.
type Settings struct {
	URL         string  `json:"url"`
	Type        string  `json:"type"`
	Parameters  int     `json:"parameters_bytes"`
	Delay       float64 `json:"delay_seconds"`
	Rate        float64 `json:"rate"` // tasks a second; 0 = as fast as it goes
	Connections int     `json:"connections"`
	Batch       int     `json:"batch"`
	Duration    float64 `json:"duration_seconds"` // 0 = by count
	Count       int64   `json:"count"`            // 0 = by duration
	Wait        bool    `json:"wait"`
}

// Server is what is known of a server that was started for the run.
type Server struct {
	Concurrency int     `json:"concurrency"`
	Processor   float64 `json:"cpu_seconds"`    // over all of its life
	Memory      int64   `json:"max_rss_bytes"`  // at its largest
	InMemory    bool    `json:"data_in_memory"` // its folder is not on a disk: syncs cost nothing
}

// Requests are counted by how they went.
type Requests struct {
	Answered   int64 `json:"answered"` // with 2xx
	Failed     int64 `json:"failed"`   // refused, or not answered
	Unanswered int64 `json:"unanswered"`
	Unsent     int64 `json:"unsent"` // due before the time was over, and not sent
}

// Tasks are counted by how they went. All but the first two are 0 unless ends are waited for.
type Tasks struct {
	Accepted  int64   `json:"accepted"`
	PerSecond float64 `json:"per_second"` // accepted
	Succeeded int64   `json:"succeeded"`
	Failed    int64   `json:"failed"`
	Cancelled int64   `json:"cancelled"`
	Open      int64   `json:"open"` // not ended when the run did
	// EndedPerSecond is counted from the first request to the last end.
	EndedPerSecond float64 `json:"ended_per_second"`
}

// Latencies are quantiles in milliseconds, exact to three digits.
type Latencies struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	Max   float64 `json:"max"`
}

// Failure is a kind of failed request.
type Failure struct {
	Status int    `json:"status"` // 0 = there was no answer
	Detail string `json:"detail"`
	Count  int64  `json:"count"`
}

// Part is a stretch of the run. The last one may be shorter than the others.
type Part struct {
	Accepted int64   `json:"accepted"`
	Ended    int64   `json:"ended"`
	Failed   int64   `json:"failed"`
	Max      float64 `json:"max_ms"` // the largest latency
}

// Machine is where the generator ran.
type Machine struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPU  string `json:"cpu"` // "" where it cannot be told
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
}

// ThisMachine describes the machine that the program runs on.
func ThisMachine() Machine {
	return Machine{runtime.GOOS, runtime.GOARCH, processorName(), runtime.NumCPU(), runtime.Version()}
}

// begin notes when the run began.
func (t *tally) begin(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = at
}

// report puts together what was measured. elapsed is the time of the sending.
func (r *run) report(elapsed, processor time.Duration) *Report {
	o, all := r.o, r.since()
	t := r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	report := &Report{
		Schema: Schema, At: t.began.UTC(), Machine: ThisMachine(),
		Settings: Settings{
			URL: r.target.url, Type: o.Type, Parameters: len(o.Parameters), Delay: o.Delay.Seconds(), Rate: o.Rate,
			Connections: o.Connections, Batch: o.Batch, Duration: o.Duration.Seconds(), Count: o.Count, Wait: o.Wait,
		},
		Elapsed:   elapsed.Seconds(),
		Requests:  Requests{Answered: t.posts, Failed: t.broken, Unanswered: t.cut},
		Tasks:     Tasks{Accepted: t.tasks, PerSecond: float64(t.tasks) / elapsed.Seconds()},
		Latency:   latencies(t.latency),
		Failures:  []Failure{},
		Interval:  t.width.Seconds(),
		Course:    []Part{},
		Processor: processor.Seconds(),
	}
	if r.plan.open() {
		late := latencies(t.late)
		report.Late = &late
		report.Requests.Unsent = r.plan.requestsBefore(elapsed) - t.posts - t.broken - t.cut
	}
	if r.ends != nil {
		ended := latencies(t.ended)
		report.EndToEnd = &ended
		report.Tasks.Succeeded, report.Tasks.Failed, report.Tasks.Cancelled = t.outcomes[succeeded], t.outcomes[failed], t.outcomes[cancelled]
		report.Tasks.Open = r.ends.open()
		report.Tasks.EndedPerSecond = float64(ended.Count) / all.Seconds()
	}
	for kind, n := range t.kinds {
		report.Failures = append(report.Failures, Failure{kind.status, kind.detail, n})
	}
	slices.SortFunc(report.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Detail, b.Detail))
	})
	for _, p := range t.parts {
		report.Course = append(report.Course, Part{p.accepted, p.ended, p.failed, ms(int64(p.worst))})
	}
	return report
}

func latencies(h *hdrhistogram.Histogram) Latencies {
	if h.TotalCount() == 0 {
		return Latencies{}
	}
	at := func(percent float64) float64 { return ms(h.ValueAtQuantile(percent)) }
	return Latencies{
		Count: h.TotalCount(), Min: ms(h.Min()), Mean: ms(int64(h.Mean())),
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: ms(h.Max()),
	}
}

// ms is a span of ns in milliseconds, to the microsecond.
func ms(ns int64) float64 { return float64((ns+500)/1000) / 1000 }
