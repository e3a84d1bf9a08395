package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// ActorScheduler is the actor of all that the scheduler does by itself.
const ActorScheduler = "system:scheduler"

const (
	// turnEvents bounds the events that commands add to one turn, so that its
	// transaction and its latency stay small.
	turnEvents = 4096
	// fullProbe is how long the log is left alone after it was full.
	fullProbe = time.Second
	// longestSleep bounds the wait for a due time, so that a step of the wall clock is
	// noticed.
	longestSleep = 30 * time.Second
)

// loop is what the goroutine in Run owns.
type loop struct {
	s        *Scheduler
	ids      *idSource
	seeds    *rand.Rand
	head     int64                  // of the log
	lastAt   task.Micros            // of the latest event: time never goes below it
	serverV  int64                  // version of this server's own stream
	holders  map[ulid.ULID]*attempt // by the task they hold
	used     int                    // slots: handlers that have not returned, results that wait for room
	live     int                    // handlers that have not returned
	held     []report               // returns that found no room in the log
	orphans  []orphan               // attempts of earlier processes that are still to be ended
	fullTill time.Time              // while the log is full: when to try again
}

func (l *loop) init(s *Scheduler) {
	l.s = s
	l.ids = newIDSource()
	l.seeds = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	l.holders = make(map[ulid.ULID]*attempt)
	s.boot = l.ids.next(task.MicrosOf(time.Now()))
}

// Run runs until ctx ends, then stops in order: no more dispatch, handlers get Grace,
// what is left is released. A nil error means a stop in order; an error that wraps
// eventlog.ErrUnknown means that the log must be reopened. It can be called once.
func (s *Scheduler) Run(ctx context.Context) error {
	l := &s.loop
	err := l.start()
	if err == nil {
		err = l.serve(ctx)
	}
	if err == nil {
		err = l.drain()
	}
	if err != nil {
		s.failed.Store(true)
	}
	close(s.stopped)
	for _, a := range l.holders {
		a.end(errStopping)
	}
	return err
}

// serve is the loop proper: wait, drain what waits, decide, append, apply, answer.
func (l *loop) serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var first input
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.s.reports:
			first.report = &r
		case c := <-l.s.commands:
			first.request = c
		case <-timer.C:
		}
		if err := l.turn(first); err != nil {
			return err
		}
		timer.Reset(l.sleep())
	}
}

// input is what woke the loop: at most one of the two.
type input struct {
	report  *report
	request *request
}

// turn takes what waits, up to a bound, and carries it out with one append.
func (l *loop) turn(first input) error {
	t := l.newTurn()
	l.expireOrphans(t)
	l.takeHeld(t)
	if first.report != nil {
		l.take(t, *first.report)
	}
	for more := true; more; {
		select {
		case r := <-l.s.reports:
			l.take(t, r)
		default:
			more = false
		}
	}
	if first.request != nil {
		l.command(t, first.request)
	}
	// Whoever is ready to ask gets to do so first: the round grows, and with it the number
	// that share one sync. On an idle machine this costs nothing.
	runtime.Gosched()
	for more := true; more && t.size < turnEvents; {
		select {
		case c := <-l.s.commands:
			l.command(t, c)
		default:
			more = false
		}
	}
	l.dispatch(t)
	return l.commit(t)
}

// sleep is how long nothing is due by itself.
func (l *loop) sleep() time.Duration {
	sleep := longestSleep
	if due := l.s.o.Views.NextDue(); due != 0 && !l.s.draining.Load() {
		sleep = min(sleep, time.Until(due.Time()))
	}
	if l.s.full.Load() {
		sleep = min(sleep, time.Until(l.fullTill))
	}
	return max(sleep, 0)
}

// full tells whether the log is to be left alone for now.
func (l *loop) full() bool { return l.s.full.Load() && time.Now().Before(l.fullTill) }

// commit appends what the turn decided, folds it into the views, publishes them and
// lets everybody know. Its error ends the scheduler.
func (l *loop) commit(t *turn) error {
	var results []eventlog.Result
	if len(t.entries) > 0 {
		results = l.s.o.Log.Append(context.Background(), t.entries)
	}
	if err := t.check(results); err != nil {
		return l.fail(t, err)
	}
	if err := l.s.o.Views.ApplyChanges(t.applied(results)); err != nil {
		return l.fail(t, fmt.Errorf("%w: fold what was appended: %w", eventlog.ErrUnknown, err))
	}
	if n := l.s.o.Log.Head(); n.Seq > l.head {
		l.head, l.lastAt = n.Seq, task.Micros(n.At)
	}
	l.noteFull(results)
	for i := range t.work {
		t.work[i].after(results[i].Err)
	}
	rest := t.firstError(results)
	for _, reply := range t.replies {
		reply(rest)
	}
	l.s.waiters.wake(t.ended)
	l.s.running.Store(int64(l.used))
	return nil
}

// fail answers everybody with the error that ends the scheduler.
func (l *loop) fail(t *turn, err error) error {
	l.s.failed.Store(true)
	for i := range t.work {
		t.work[i].after(err)
	}
	for _, reply := range t.replies {
		reply(err)
	}
	return err
}

func (l *loop) noteFull(results []eventlog.Result) {
	full := false
	for _, r := range results {
		full = full || errors.Is(r.Err, eventlog.ErrFull)
	}
	switch {
	case full:
		if !l.s.full.Swap(true) {
			l.s.o.Logger.Error("log is full: no new work is taken until there is room", "retry", fullProbe)
		}
		l.fullTill = time.Now().Add(fullProbe)
	case l.s.full.Load() && !l.full() && !l.hasRoom():
		l.fullTill = time.Now().Add(fullProbe)
	case l.s.full.Load() && !l.full(): // believed until an append says otherwise
		l.s.full.Store(false)
		l.s.o.Logger.Info("log may have room again")
	}
}

// hasRoom asks the log, if it is one that can tell without an append.
func (l *loop) hasRoom() bool {
	log, ok := l.s.o.Log.(interface{ HasRoom() bool })
	return !ok || log.HasRoom()
}
