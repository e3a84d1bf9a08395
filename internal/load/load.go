// Package load sends tasks to a Daybook server at a chosen rate and measures how it
// answers.
//
// A latency is counted from the moment a request was due, not from the moment there was
// a free connection for it: when the server stalls, the requests that had to wait are as
// late as their senders would have found them. (Counting from the sending would leave
// them out, which is called coordinated omission.) Without a rate each connection sends
// its next request when the last is answered, so that due and sent are the same.
//
// The package is built to cost little, because it often shares the machine with the
// server: a request is made once and written many times, and no more is read of an answer
// than is asked for. It keeps no list that grows with the run, except the tasks whose end
// is waited for.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits and defaults of a run.
const (
	DefaultConnections = 64
	MaxConnections     = 10_000
	MaxBatch           = 1_000 // tasks in one request
)

// ErrUsage wraps what is wrong with the Options.
var ErrUsage = errors.New("wrong use")

// Options say what to send. URL, Type and one of Duration and Count must be set.
type Options struct {
	URL         string          // of the server, such as "http://127.0.0.1:8000"
	Token       string          // of a server that needs one; "" = none
	Type        string          // task type
	Parameters  json.RawMessage // of each task; nil = {}
	Delay       time.Duration   // each task is not to run before; 0 = at once
	Rate        float64         // tasks a second; 0 = as fast as the connections go
	Connections int             // 1 … 10,000; 0 = 64
	Batch       int             // tasks a post, 1 … 1,000; 0 = 1
	Duration    time.Duration   // requests are sent for so long; 0 = until Count
	Count       int64           // tasks to send in all; 0 = until Duration is over
	Wait        bool            // also measure how long until tasks have ended
	// Patience is how long no task that is waited for may end, and how long nothing may
	// be answered while connections fail, before the run gives up; 0 = 30 s.
	Patience time.Duration
	// Progress is called twice a second by one goroutine; nil = not.
	Progress func(Progress)

	// For tests.
	dial  func(ctx context.Context) (net.Conn, error)
	sleep func() sleeper
}

// Progress is how far a run is.
type Progress struct {
	Elapsed  time.Duration
	Done     float64 // share of the sending, 0 … 1
	Accepted int64   // tasks
	Failed   int64   // requests
	Rate     float64 // tasks accepted a second, since the last call
	P99      time.Duration
	Open     int64 // accepted tasks that have not ended; 0 unless they are waited for
	Waiting  bool  // all is sent; what is left is to wait for ends
}

// check fills in the defaults and refuses what cannot be.
func (o *Options) check() error {
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	if o.Batch == 0 {
		o.Batch = 1
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Parameters == nil {
		o.Parameters = json.RawMessage("{}")
	}
	if o.sleep == nil {
		o.sleep = newSleeper
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrUsage}, args...)...)
	}
	switch {
	case o.Type == "":
		return wrong("no task type")
	case !json.Valid(o.Parameters):
		return wrong("the parameters are not JSON")
	case o.Connections < 1 || o.Connections > MaxConnections:
		return wrong("connections must be 1 to %d, not %d", MaxConnections, o.Connections)
	case o.Batch < 1 || o.Batch > MaxBatch:
		return wrong("a batch must be 1 to %d tasks, not %d", MaxBatch, o.Batch)
	case o.Rate < 0 || math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0):
		return wrong("the rate must be a number from 0 up, not %v", o.Rate)
	case o.Delay < 0 || o.Duration < 0 || o.Count < 0 || o.Patience < 0:
		return wrong("delay, duration, count and patience must not be negative")
	case o.Duration == 0 && o.Count == 0:
		return wrong("neither a duration nor a count")
	case o.Duration != 0 && o.Count != 0:
		return wrong("a duration and a count cannot both be given")
	case o.Wait && o.Delay > 0:
		return wrong("tasks that are delayed are not waited for")
	}
	return nil
}

// run is one run of the generator.
type run struct {
	o       Options
	target  target
	plan    plan
	whole   []byte // a request with a whole batch
	rest    []byte // the last request of a count that is no multiple of the batch
	begin   time.Time
	tally   *tally
	ends    *ends // nil = ends are not waited for
	next    atomic.Int64
	over    atomic.Bool  // all is sent
	healthy atomic.Int64 // since begin, of the latest answer, in ns
	fail    context.CancelCauseFunc
}

// Run sends the load and returns what it measured. The end of ctx ends the sending at
// once; what was measured until then is returned without an error. Errors: ErrUsage, and
// those of the first connection, before anything is sent.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t, err := newTarget(o.URL, o.dial)
	if err != nil {
		return nil, err
	}
	t.token = o.Token
	r := &run{o: o, target: t, plan: newPlan(o), tally: newTally(), begin: time.Now()}
	r.whole = t.submit(o, o.Batch)
	if rest := int(o.Count % int64(o.Batch)); rest > 0 {
		r.rest = t.submit(o, rest)
	}
	conns, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	if o.Wait {
		r.ends = newEnds(r.tally)
		following, stop := context.WithCancel(context.Background())
		f := &follower{target: t, ends: r.ends, since: r.since}
		joined, err := f.start(ctx, following)
		defer func() { stop(); joined() }()
		if err != nil {
			closeAll(conns)
			return nil, err
		}
	}
	return r.run(ctx, conns), nil
}

// connect opens all connections before the clock starts.
func (r *run) connect(ctx context.Context) ([]*conn, error) {
	conns := make([]*conn, 0, r.o.Connections)
	for range r.o.Connections {
		c := newConn(r.target)
		if err := c.open(ctx); err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.close()
	}
}

// run is the measuring itself.
func (r *run) run(ctx context.Context, conns []*conn) *Report {
	before := processorTime()
	sending, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	r.fail = fail
	r.begin = time.Now()
	r.tally.begin(r.begin)
	shown := r.show()
	var workers sync.WaitGroup
	for _, c := range conns {
		workers.Go(func() { r.work(sending, c) })
	}
	workers.Wait()
	elapsed := r.since()
	r.over.Store(true)
	if r.ends != nil {
		r.awaitEnds(sending)
	}
	shown()
	report := r.report(elapsed, processorTime()-before)
	report.Interrupted = ctx.Err() != nil
	if gave := context.Cause(sending); gave != nil && ctx.Err() == nil {
		report.GaveUp = gave.Error()
	}
	return report
}

// since is the time since the run began.
func (r *run) since() time.Duration { return time.Since(r.begin) }

// show calls Progress until the function that it returns is called.
func (r *run) show() (stop func()) {
	if r.o.Progress == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second / 2)
		defer tick.Stop()
		var last Progress
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				last = r.progress(last)
				r.o.Progress(last)
			}
		}
	}()
	return func() { close(end); <-ended }
}

func (r *run) progress(last Progress) Progress {
	p := r.tally.progress()
	p.Elapsed = r.since()
	p.Done = r.plan.share(p.Elapsed, p.Accepted)
	if span := (p.Elapsed - last.Elapsed).Seconds(); span > 0 {
		p.Rate = float64(p.Accepted-last.Accepted) / span
	}
	if r.ends != nil {
		p.Open = r.ends.open()
	}
	p.Waiting = r.over.Load()
	return p
}

// awaitEnds returns when all accepted tasks have ended, when none has for the run's
// patience, or when ctx ends.
func (r *run) awaitEnds(ctx context.Context) {
	quiet := time.NewTimer(r.o.Patience)
	defer quiet.Stop()
	for last := r.ends.open(); ; {
		changed := r.ends.changed()
		now := r.ends.open()
		if now == 0 {
			return
		}
		if now != last {
			last = now
			quiet.Reset(r.o.Patience)
		}
		select {
		case <-changed:
		case <-quiet.C:
			r.fail(fmt.Errorf("no task has ended for %v", r.o.Patience))
			return
		case <-ctx.Done():
			return
		}
	}
}
