package scheduler

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// ActorScheduler is the actor of all that the scheduler does by itself.
const ActorScheduler = "system:scheduler"

const (
	// roundEvents bounds the events that commands add to one round, so that its
	// transaction and its latency stay small.
	roundEvents = 4096
	// fullProbe is how long the log is left alone after it was full.
	fullProbe = time.Second
	// longestSleep bounds the wait for a due time, so that a step of the wall clock is
	// noticed.
	longestSleep = 30 * time.Second
)

// loop is what the goroutine in Run owns.
type loop struct {
	s           *Scheduler
	ids         *idSource
	seeds       *rand.Rand
	start       task.Command           // what every start here is
	head        int64                  // of the log
	lastAt      task.Micros            // of the latest event: time never goes below it
	clock       clock                  // steps of the wall clock
	serverV     int64                  // version of this server's own stream
	lead        projection.Lead        // the one that is known, in a cluster
	views       source                 // what decisions read
	slots       slots                  // attempts that run
	backlog     backlog                // what is decided before all else
	gates       gates                  // of queues with a pause or a limit
	offers      offers                 // of workers that wait for tasks
	schedules   schedules              // of tasks that recur
	wakeAfter   time.Time              // suspended tasks are woken from then on
	wakeAt      time.Time              // when the loop is to wake up at the latest; zero = not known
	trials      trials                 // of those that may have killed an earlier process
	refusals    refusals               // starts that the log does not take
	steps       map[ulid.ULID]*stepSet // of running tasks whose attempts record steps
	joining     map[ulid.ULID]bool     // parents whose children are read, to go on with what became of them
	joins       sync.WaitGroup         // those readings
	ending      context.Context        // ends with the loop
	end         context.CancelFunc
	knownQueues map[string]bool // names of queues that were used since it was made
	fullUntil   time.Time       // while the log is full: when to try again
	pipeline
}

// pipeline is the rounds on their way to the log: one is appended while the next is decided.
type pipeline struct {
	appending *round      // nil when none is
	opened    *round      // that is being decided, nil when none is
	opens     int64       // number of the latest round that was opened
	spare     []*round    // memory for the next ones
	rounds    chan *round // to the goroutine that appends
	appended  chan *round // from it: a round is on disk, or failed
}

// backlog is what waits to be decided before new commands.
type backlog struct {
	held    []report // returns that found no room in the log, or are to be tried another way
	again   []input  // what is to be decided again, because the log has not taken what it was decided on
	orphans []orphan // attempts of earlier processes that are still to be ended
}

// refusals is the tasks whose starts the log refused as invalid.
type refusals struct {
	apart map[ulid.ULID]bool // together with others: each is tried by itself
	final map[ulid.ULID]bool // by themselves: they do not start any more
}

func (l *loop) init(s *Scheduler) {
	l.s = s
	l.views.views = s.o.Views
	l.schedules.stale = true
	l.ids = newIDSource()
	l.seeds = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	l.slots.holders = make(map[ulid.ULID]*attempt)
	l.steps = make(map[ulid.ULID]*stepSet)
	l.joining = make(map[ulid.ULID]bool)
	l.ending, l.end = context.WithCancel(context.Background())
	l.trials.on = make(map[ulid.ULID]bool)
	l.refusals.apart, l.refusals.final = make(map[ulid.ULID]bool), make(map[ulid.ULID]bool)
	l.rounds, l.appended = make(chan *round, 1), make(chan *round, 1)
	s.boot = l.ids.next(s.o.Wall())
	l.start = task.Start{Boot: s.boot}
}

// Run runs until ctx ends, then stops in order: no more dispatch, handlers get Grace,
// what is left is released. A nil error means a stop in order; an error that wraps
// eventlog.ErrUnknown means that the log must be reopened. It can be called once: ErrRanBefore.
func (s *Scheduler) Run(ctx context.Context) error {
	if s.once.Swap(true) {
		return ErrRanBefore
	}
	close(s.began)
	l := &s.loop
	var appending sync.WaitGroup
	appending.Go(l.appendRounds)
	err := l.begin()
	if err == nil {
		endBulks, endErasing := beside(ctx, s.runBulks), beside(ctx, s.erasing)
		err = l.serve(ctx)
		defer endBulks()
		defer endErasing()
	}
	if err == nil {
		err = l.drain()
	}
	if err != nil {
		s.outvoted.Store(errors.Is(err, ErrLeadLost))
		s.failed.Store(true)
	}
	close(l.rounds)
	appending.Wait()
	l.gates.openAll(s.o.Views)
	close(s.stopped)
	l.end()
	l.joins.Wait()
	for _, a := range l.slots.holders { // whatever they return, nobody writes it down
		a.end(task.ErrAttemptLeaseLost)
	}
	return err
}

// serve is the loop proper: wait, decide what waits on top of the round that is being
// appended, hand that over when the one before is on disk, apply, answer.
func (l *loop) serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if err := l.await(ctx.Done(), timer.C); err != nil {
			return err
		}
		sleep := l.sleep()
		l.wakeAt = time.Now().Add(sleep)
		timer.Reset(sleep)
	}
	return nil
}

// await waits for something to do and does it.
func (l *loop) await(done <-chan struct{}, timer <-chan time.Time) error {
	var first input
	commands, reports, nudge := l.s.commands, l.s.reports, l.s.nudge
	if l.appending != nil {
		commands, reports = nil, nil
		if l.opened != nil && l.opened.size >= roundEvents {
			nudge = nil // the round is as large as it may be
		}
	}
	select {
	case <-done:
		return nil
	case r := <-reports:
		first.report = &r
	case c := <-commands:
		first.request = c
	case <-nudge:
	case rd := <-l.appended:
		if err := l.finish(rd); err != nil {
			return err
		}
	case <-l.s.o.Views.Mended():
		if l.opened != nil {
			l.opened.stored.close() // it goes through the views as they were
		}
		if err := l.s.o.Views.Adopt(); err != nil {
			return err
		}
	case <-timer:
	}
	return l.pass(&first)
}

// pass decides what waits, and hands it over if that may be.
func (l *loop) pass(first *input) error {
	for {
		if l.opened == nil {
			l.opened = l.newRound()
		}
		rd := l.opened
		rd.readClock()
		l.decideInputs(rd, first)
		l.dispatch(rd)
		l.endOffers(rd)
		l.showSlots()
		l.s.trying.Store(l.trials.going())
		if l.appending != nil {
			return nil
		}
		full := rd.size >= l.s.early
		if err := l.handOver(); err != nil || !full || len(l.s.commands) == 0 {
			return err
		}
		first = &input{}
	}
}

// sleep is how long nothing is due by itself.
func (l *loop) sleep() time.Duration {
	sleep := longestSleep
	if due := l.s.o.Views.NextDue(); due != 0 {
		sleep = min(sleep, (due - l.s.o.Wall()).Duration())
	}
	if l.s.full.Load() && l.appending == nil { // what is in flight reports whether there is room
		sleep = min(sleep, time.Until(l.fullUntil))
	}
	if !l.s.draining.Load() && !l.takesNoWork() {
		sleep = min(sleep, l.untilGate())
	}
	for _, due := range []time.Time{l.s.leases.next(), l.s.leases.nextProgress()} {
		if !due.IsZero() && !l.takesNoWork() {
			sleep = min(sleep, time.Until(due))
		}
	}
	return max(min(l.untilWake(sleep), l.scheduleSleep()), 0)
}
