package client

import (
	"context"
	"crypto/rand"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	// pollWait is how long a lease call waits for work.
	pollWait = 30 * time.Second
	// progressEvery is the least time between two calls that have nothing but progress.
	progressEvery = 250 * time.Millisecond
	// deliverTime is how long, after the grace, handlers may take to return and reports to arrive.
	deliverTime = 5 * time.Second
)

// workerRun is one Run of a Worker. The goroutine of loop owns it, except where noted; it
// starts all other goroutines and waits for each: handlers send to ended, lease calls to answered,
// beats to beaten.
//
// At most two lease calls are in flight: the poll waits for work and carries the reports that are
// there; what ends meanwhile is sent at once with a quick call, which leases nothing. While both are
// in flight, reports collect in the outbox. Only one call leases at a time.
type workerRun struct {
	worker  *Worker
	client  *Client
	options WorkerOptions
	logger  *slog.Logger
	base    context.Context    // the parent of every handler's context
	calls   context.Context    // the parent of every call's context
	abandon context.CancelFunc // ends calls
	polling context.Context    // of calls that lease; below calls
	endPoll context.CancelFunc // ends polling

	ended    chan *attempt      // with room for every slot
	calling  [2]chan *leaseCall // to the goroutines that send polls and quick calls; with room for one each
	answered chan *leaseCall    // with room for both calls
	beaten   chan *beatCall     // with room for one
	progress chan struct{}      // with room for one: somebody is in fresh

	mu    sync.Mutex
	fresh []*attempt // have progress that is not sent; guarded by mu

	callHead   []byte // see newCallHead
	pollPrefix string // of the poll_ids of this run
	polls      int    // that were sent

	running map[string]*attempt // by token: each has a slot
	outbox  []*report           // not sent yet, in order
	asked   int                 // maximum number of leases that the calls in flight may bring
	poll    *leaseCall          // in flight; nil = none
	quick   *leaseCall          // in flight; nil = none
	beat    *beatCall           // in flight; nil = none

	quiet      bool
	beatEvery  time.Duration
	beatTimer  *time.Timer
	beatDue    bool        // beatTimer runs
	resume     *time.Timer // when polls, or refused reports, may be sent again
	paused     bool        // resume runs: no poll is sent
	held       bool        // resume runs: no report is sent
	nextReport time.Time   // when progress alone may be sent
	soon       *time.Timer // runs until nextReport
	refused    bool        // the latest call was refused a connection

	stopping bool
	lostPoll string      // poll_id of a call that was broken off by the stop, until it is known what it brought
	deadline *time.Timer // of the stop: first the end of the grace, then that of deliverTime
	graceEnd bool
	err      error // why the run ends without a stop being asked for
}

func newWorkerRun(ctx context.Context, w *Worker) *workerRun {
	r := &workerRun{
		worker:    w,
		client:    w.client,
		options:   w.options,
		logger:    w.options.Logger.With("worker", w.options.Name),
		base:      context.WithoutCancel(ctx),
		ended:     make(chan *attempt, w.options.Slots),
		calling:   [2]chan *leaseCall{make(chan *leaseCall, 1), make(chan *leaseCall, 1)},
		answered:  make(chan *leaseCall, 2),
		beaten:    make(chan *beatCall, 1),
		progress:  make(chan struct{}, 1),
		running:   map[string]*attempt{},
		beatEvery: max(w.options.Lease/3, time.Second),
		beatTimer: stoppedTimer(),
		resume:    stoppedTimer(),
		soon:      stoppedTimer(),
		deadline:  stoppedTimer(),
	}
	r.calls, r.abandon = context.WithCancel(r.base)
	r.polling, r.endPoll = context.WithCancel(r.calls)
	r.callHead, r.pollPrefix = r.newCallHead(), rand.Text()+"-"
	return r
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// loop runs until ctx has ended and everything is delivered.
func (r *workerRun) loop(ctx context.Context) error {
	for _, calls := range r.calling {
		go r.sendCalls(calls)
	}
	defer func() {
		for _, calls := range r.calling {
			close(calls)
		}
		r.abandon()
		for _, t := range []*time.Timer{r.beatTimer, r.resume, r.soon, r.deadline} {
			t.Stop()
		}
	}()
	stop := ctx.Done()
	for {
		r.send()
		if r.isDone() {
			return r.err
		}
		select {
		case <-stop:
			stop = nil
			r.stop()
		case a := <-r.ended:
			r.end(a)
			r.endOthers()
		case c := <-r.answered:
			r.answer(c)
			r.endOthers() // tasks that end at once travel with the next poll
		case b := <-r.beaten:
			r.hear(b)
		case <-r.beatTimer.C:
			r.startBeat()
		case <-r.resume.C:
			r.paused, r.held = false, false
		case <-r.progress:
		case <-r.soon.C:
		case <-r.deadline.C:
			if r.graceEnd {
				return r.giveUp()
			}
			r.endGrace()
		}
	}
}

// sendCalls sends calls over a connection of its own, in a goroutine.
func (r *workerRun) sendCalls(calls <-chan *leaseCall) {
	w := &wire{client: r.client}
	defer w.close()
	for c := range calls {
		c.send(r, w)
		r.answered <- c
	}
}

// end puts the report of an attempt that has returned into the outbox.
func (r *workerRun) end(a *attempt) {
	delete(r.running, a.token)
	if a.lost || a.isSuspended() {
		return
	}
	if p := a.takeProgress(); p != nil {
		r.outbox = append(r.outbox, p)
	}
	r.outbox = append(r.outbox, a.end)
}

// endOthers does the same for those that return at the same time, so that one call carries all.
func (r *workerRun) endOthers() {
	if r.options.Slots == 1 {
		return // there are no others
	}
	for range 4 {
		runtime.Gosched()
		for more := true; more; {
			select {
			case a := <-r.ended:
				r.end(a)
			default:
				more = false
			}
		}
	}
}

// hasProgress is called by handlers.
func (r *workerRun) hasProgress(a *attempt) {
	r.mu.Lock()
	r.fresh = append(r.fresh, a)
	r.mu.Unlock()
	select {
	case r.progress <- struct{}{}:
	default:
	}
}

// gatherProgress moves the progress that handlers have reported into the outbox.
func (r *workerRun) gatherProgress() {
	r.mu.Lock()
	fresh := r.fresh
	r.fresh = nil
	r.mu.Unlock()
	for _, a := range fresh {
		if r.running[a.token] != a || a.lost {
			continue
		}
		if p := a.takeProgress(); p != nil {
			r.outbox = append(r.outbox, p)
		}
	}
}

func (r *workerRun) isFresh() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.fresh) > 0
}

// send starts the calls that may be sent now.
func (r *workerRun) send() {
	if r.poll == nil && !r.stopping && !r.paused {
		r.sendPoll()
	}
	if r.quick != nil || r.held {
		return
	}
	if len(r.outbox) == 0 && r.isFresh() {
		if wait := time.Until(r.nextReport); wait > 0 {
			r.soon.Reset(wait)
			return
		}
		r.gatherProgress()
	}
	if len(r.outbox) > 0 || r.lostPoll != "" && r.poll == nil {
		r.gatherProgress()
		r.nextReport = time.Now().Add(progressEvery)
		r.quick = r.startCall(r.calling[1], 0, 0, r.lostPoll)
		r.lostPoll = ""
	}
}

// sendPoll sends a poll if a slot is free. While the worker is quiet it asks whether it still is.
func (r *workerRun) sendPoll() {
	most, wait := r.free(), pollWait
	if r.quiet && r.asked == 0 && len(r.running) < r.options.Slots {
		most, wait = 1, 0
	}
	if most > 0 {
		r.gatherProgress()
		r.poll = r.startCall(r.calling[0], most, wait, "")
	}
}

// free is how many more tasks may be leased.
func (r *workerRun) free() int {
	if r.stopping || r.quiet || r.paused {
		return 0
	}
	return r.options.Slots - len(r.running) - r.asked
}

// startCall sends reports from the outbox.
func (r *workerRun) startCall(to chan<- *leaseCall, most int, wait time.Duration, pollID string) *leaseCall {
	c := r.newCall(most, wait, pollID, r.nextReports())
	r.asked += c.most
	to <- c
	return c
}

// nextReports removes as many reports from the outbox as one call may have. A report that must be sent
// alone is returned alone.
func (r *workerRun) nextReports() []*report {
	n, size := 0, 0
	for n < len(r.outbox) && n < mostReports {
		next := r.outbox[n]
		if n > 0 && (next.alone || size+len(next.body) > mostCallBytes) {
			break
		}
		n, size = n+1, size+len(next.body)
		if next.alone {
			break
		}
	}
	taken := slices.Clone(r.outbox[:n])
	if r.outbox = r.outbox[n:]; len(r.outbox) == 0 {
		r.outbox = nil
	}
	return taken
}

// answer handles the answer to a lease call.
func (r *workerRun) answer(c *leaseCall) {
	r.asked -= c.most
	isPoll := c == r.poll
	if isPoll {
		r.poll = nil
	} else {
		r.quick = nil
	}
	if c.err != nil {
		r.failed(c)
		return
	}
	r.refused = false
	for i, rep := range c.reports {
		r.result(rep, c.answer.result(i))
	}
	if !c.isForOne() {
		r.applySettings(c.answer.Quiet, c.answer.BeatSeconds)
	}
	if r.quiet && isPoll {
		r.pause(r.beatEvery)
	}
	for _, l := range c.answer.Leases {
		r.begin(l)
	}
}

// begin starts what was leased.
func (r *workerRun) begin(l *leased) {
	if l == nil || l.Token == "" || r.running[l.Token] != nil {
		return
	}
	a := &attempt{run: r, token: l.Token, task: &l.Task, number: l.Attempt, steps: l.Steps, dependencies: l.Dependencies, until: time.Now().Add(r.options.Lease)}
	do := r.worker.handlers[l.Task.TaskType]
	if r.stopping || do == nil {
		release, _ := a.newReport(reportBody{Do: "release"})
		r.outbox = append(r.outbox, release)
		return
	}
	a.ctx, a.cancel = context.WithCancelCause(r.base)
	r.running[l.Token] = a
	if r.beat == nil && !r.beatDue {
		r.beatAfter(r.beatEvery)
	}
	go a.runHandler(do)
}

// applySettings applies the settings that every answer of the server has.
func (r *workerRun) applySettings(quiet bool, beatSeconds float64) {
	if quiet != r.quiet {
		r.quiet = quiet
		r.logger.Info(map[bool]string{true: "the worker is quiet: it gets no more tasks until it is resumed", false: "the worker is resumed"}[quiet])
	}
	if beatSeconds <= 0 {
		return
	}
	before := r.beatEvery
	r.beatEvery = time.Duration(beatSeconds * float64(time.Second))
	if r.beatDue && r.beatEvery < before {
		r.beatAfter(r.beatEvery)
	}
}

// pause sends no poll for d.
func (r *workerRun) pause(d time.Duration) {
	r.paused = true
	r.resume.Reset(d)
}
