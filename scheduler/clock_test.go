package scheduler

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

// wallClock is a wall clock that a test sets.
type wallClock struct{ offset atomic.Int64 }

func (w *wallClock) now() task.Micros {
	return task.MicrosOf(time.Now()) + task.Micros(w.offset.Load())
}

func (w *wallClock) step(by time.Duration) { w.offset.Add(by.Microseconds()) }

const (
	hour        = time.Hour
	twelveYears = 12 * 365 * 24 * time.Hour
	// seen is by when a step has been noticed.
	seen = longestSleep
)

var steps = map[string]time.Duration{
	"an hour ahead": hour, "an hour back": -hour, "twelve years ahead": twelveYears, "twelve years back": -twelveYears,
}

// constantBackoff waits a second after each failed attempt.
var constantBackoff = &task.Backoff{Kind: task.Constant, Base: task.Second, Max: task.Second, NoJitter: true}

// clockRig runs tasks that were submitted before and after a step of the wall clock, and
// says of each how long after the step it started, to the nanosecond.
type clockRig struct {
	*bench
	wall    wallClock
	stepped time.Time
	started map[string]time.Duration
}

// newClockRig starts a scheduler whose wall clock is ahead by so much.
func newClockRig(t *testing.T, log *eventlogtest.Memory, ahead time.Duration) *clockRig {
	r := &clockRig{started: make(map[string]time.Duration)}
	r.wall.step(ahead)
	r.bench = open(t, log, Options{Wall: r.wall.now})
	for _, name := range []string{"BEFORE", "AFTER", "DELAYED"} {
		r.does[name] = func(context.Context, Attempt) (Outcome, error) { r.note(name); return Outcome{}, nil }
	}
	r.does["FAILS"] = func(_ context.Context, a Attempt) (Outcome, error) {
		if a.Task.Attempt == 1 {
			return Outcome{}, errors.New("the first attempt fails")
		}
		r.note("FAILS")
		return Outcome{}, nil
	}
	r.does["HANGS"] = func(ctx context.Context, _ Attempt) (Outcome, error) {
		<-ctx.Done()
		r.note("HANGS")
		return Outcome{}, ctx.Err()
	}
	return r
}

func (r *clockRig) note(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started[name] = time.Since(r.stepped)
}

func (r *clockRig) step(by time.Duration) {
	synctest.Wait()
	r.wall.step(by)
	r.begin()
}

// begin is the moment from which starts are counted.
func (r *clockRig) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stepped = time.Now()
}

// pass lets time pass and then what is due happen.
func (r *clockRig) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *clockRig) wantStarted(name string, least, most time.Duration) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, ok := r.started[name]; !ok || got < least || got > most {
		r.t.Errorf("%s: after %v (%v), want %v to %v", name, got, ok, least, most)
	}
}

func TestWhatIsPlannedAfterAStepOfTheClockIsDueByTheNewTime(t *testing.T) {
	for name, by := range steps {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
				r := newClockRig(t, log, 0)
				r.submit(task.Submit{Type: "BEFORE"})
				r.step(by)
				r.submit(task.Submit{Type: "AFTER"})
				r.submit(task.Submit{Type: "DELAYED", RunAt: r.wall.now() + 600*task.Second})
				r.submit(task.Submit{Type: "FAILS", Backoff: constantBackoff})
				r.submit(task.Submit{Type: "HANGS", Timeout: 60 * task.Second, MaxAttempts: 1})
				r.pass(700 * time.Second)
				r.wantStarted("AFTER", 0, 0)
				r.wantStarted("DELAYED", 600*time.Second, 600*time.Second)
				r.wantStarted("FAILS", time.Second, time.Second)
				r.wantStarted("HANGS", 60*time.Second, 60*time.Second)
				if err := r.stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// What was planned before the step: a moment stays that moment of the wall clock; a span
// that is measured by the monotonic clock (timeout) stays that span; and a backoff never
// waits longer than its longest wait.
func TestWhatWasPlannedBeforeAStepOfTheClock(t *testing.T) {
	for name, by := range steps {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
				r := newClockRig(t, log, 0)
				r.submit(task.Submit{Type: "DELAYED", RunAt: r.wall.now() + 600*task.Second})
				r.submit(task.Submit{Type: "FAILS", Backoff: constantBackoff})
				r.submit(task.Submit{Type: "HANGS", Timeout: 60 * task.Second, MaxAttempts: 1})
				r.step(by)
				r.pass(hour + 600*time.Second)
				r.wantStarted("FAILS", 0, seen)
				r.wantStarted("HANGS", 60*time.Second, 60*time.Second)
				switch {
				case by > 0:
					r.wantStarted("DELAYED", 0, seen)
				case by == -hour:
					r.wantStarted("DELAYED", 600*time.Second+hour, 600*time.Second+hour)
				default:
					r.mu.Lock()
					_, ran := r.started["DELAYED"]
					r.mu.Unlock()
					if ran {
						t.Error("a task ran twelve years before its time")
					}
				}
				if got := r.s.Clock(); got.Step != task.Micros(by.Microseconds()) || got.SteppedAt == 0 {
					t.Errorf("the step was noticed as %+v", got)
				}
				if err := r.stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// A log that was written once by a clock of the future: after the restart with the right
// clock nothing waits for that future.
func TestAnEventOfTheFutureHoldsNothingBack(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		r := newClockRig(t, log, twelveYears)
		r.does["FAILS_LONG"] = failing("out of service")
		slow := &task.Backoff{Kind: task.Constant, Base: 600 * task.Second, Max: 600 * task.Second, NoJitter: true}
		failed := r.submit(task.Submit{Type: "FAILS_LONG", Backoff: slow})
		r.wantHistory(failed.ID, "submitted started attempt_failed")
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}

		r = newClockRig(t, log, 0)
		if behind := r.s.Clock().Behind; behind < task.Micros(twelveYears.Microseconds()) {
			t.Errorf("the clock is said to stand %v behind the log", behind.Duration())
		}
		r.want(failed.ID, task.Success)
		r.begin()
		r.submit(task.Submit{Type: "FAILS", Backoff: constantBackoff})
		r.submit(task.Submit{Type: "DELAYED", RunAt: r.wall.now() + 600*task.Second})
		r.pass(700 * time.Second)
		r.wantStarted("FAILS", time.Second, time.Second)
		r.wantStarted("DELAYED", 600*time.Second, 600*time.Second)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// A running attempt of a process that died is ended at the next start, wherever the clock
// stands then.
func TestAnAttemptOfADeadProcessEndsWhereverTheClockStands(t *testing.T) {
	for name, by := range steps {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
				r := newClockRig(t, log, 0)
				r.does["HANGS"] = until
				held := r.submit(task.Submit{Type: "HANGS"})
				r.want(held.ID, task.Running)

				r = newClockRig(t, r.crash(), by)
				r.wantHistory(held.ID, "submitted started lease_expired started succeeded")
				if err := r.stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// A backoff that was asked for is no span: a clock that is set back does not end it.
func TestAWaitThatAnAttemptAskedForKeepsItsMoment(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		r := newClockRig(t, log, 0)
		r.does["LATER"] = func(_ context.Context, a Attempt) (Outcome, error) {
			if a.Task.Attempt == 1 {
				return Outcome{}, retryAfter(2 * hour)
			}
			r.note("LATER")
			return Outcome{}, nil
		}
		id := r.submit(task.Submit{Type: "LATER", Backoff: constantBackoff}).ID
		r.step(-hour)
		r.pass(seen)
		r.wantBackoff(id)
		r.pass(3*hour - seen)
		r.wantStarted("LATER", 3*hour, 3*hour)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
