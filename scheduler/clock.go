package scheduler

import (
	"sync/atomic"
	"time"

	"daybook/task"
)

// noticedStep is how far the wall clock must move against the monotonic one, between two
// looks, to count as a step. A clock that is slewed moves at most 0.5 ms a second.
const noticedStep = task.Second

// clock watches for steps of the wall clock: somebody sets it, or a machine wakes up.
type clock struct {
	wall task.Micros // at the latest look
	mono time.Time   // at the same moment, of the monotonic clock

	setBack bool // since the latest dispatch

	step      atomic.Int64 // for readers: the latest step, in microseconds; 0 = none seen
	steppedAt atomic.Int64 // for readers: the wall clock after it
}

// look reads the wall clock and returns how far it was stepped since the latest look, 0
// for less than noticedStep.
func (c *clock) look(wall task.Micros) (step task.Micros) {
	mono := time.Now()
	if !c.mono.IsZero() {
		step = wall - c.wall - task.Micros(mono.Sub(c.mono).Microseconds())
	}
	c.wall, c.mono = wall, mono
	if -noticedStep < step && step < noticedStep {
		return 0
	}
	c.step.Store(int64(step))
	c.steppedAt.Store(int64(wall))
	return step
}

// Clock is what readers are told of the wall clock.
type Clock struct {
	Behind    task.Micros // how far it stands behind the latest event of the log; 0 = it does not
	Step      task.Micros // the latest step since the server started, negative = back; 0 = none
	SteppedAt task.Micros // the wall clock after that step
}

// Clock returns how the wall clock stands and the latest step that was noticed.
func (s *Scheduler) Clock() Clock {
	c := &s.loop.clock
	return Clock{
		Behind:    max(0, task.Micros(s.o.Log.Head().At)-s.o.Wall()),
		Step:      task.Micros(c.step.Load()),
		SteppedAt: task.Micros(c.steppedAt.Load()),
	}
}

// now is the time of the next decision. A step of the wall clock is reported; after one
// back, backoffs that were planned by the clock before it must not wait for that clock.
func (l *loop) now(at task.Micros) task.Now {
	wall := l.s.o.Wall()
	if step := l.clock.look(wall); step != 0 {
		l.clock.setBack = l.clock.setBack || step < 0
		l.s.o.Logger.Warn("the wall clock was set; tasks are due by the new time", "step", step.Duration(), "now", wall.Time())
	}
	return task.Now{Wall: wall, At: max(wall, at)}
}

// checkClock compares the wall clock with the latest event, once, at the start.
func (l *loop) checkClock() {
	wall := l.s.o.Wall()
	if l.lastAt <= wall+noticedStep {
		return
	}
	l.clock.setBack = true
	l.s.o.Logger.Warn("the wall clock stands behind the latest event of the log: it was set back, or was wrong then. "+
		"Tasks are due by the wall clock; new events carry the time of the latest one until the clock has caught up",
		"behind", (l.lastAt - wall).Duration(), "now", wall.Time())
}
