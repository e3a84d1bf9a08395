package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// recoverBatch is how many attempts of a dead process are expired in one append.
const recoverBatch = 1024

// start writes down that the server runs, and ends the attempts of processes that do
// not run any more: the log's lock proves that they are gone.
func (l *loop) start() error {
	head := l.s.o.Log.Head()
	if seq := l.s.o.Views.Seq(); seq != head.Seq {
		return fmt.Errorf("scheduler: the views are at %d and the log is at %d", seq, head.Seq)
	}
	l.head, l.lastAt = head.Seq, task.Micros(head.At)
	if err := l.greet(); err != nil {
		return err
	}
	l.findOrphans()
	for len(l.orphans) > 0 && !l.full() {
		t := l.newTurn()
		l.expireOrphans(t)
		if err := l.commit(t); err != nil {
			return err
		}
	}
	return nil
}

// greet writes down that the server runs and what it was told to accept.
func (l *loop) greet() error {
	version, err := json.Marshal(l.s.o.Version)
	if err != nil {
		return err // not for a string
	}
	t := l.newTurn()
	e := t.begin(ActorScheduler, true)
	loss := l.s.o.AcceptedLoss
	if loss != nil {
		e.addServer("server.loss_accepted", fmt.Appendf(nil, `{"first":%d,"last":%d,"head":%d}`, loss.First, loss.Last, loss.Head))
	}
	e.addServer("server.started", fmt.Appendf(nil, `{"version":%s}`, version))
	var full error
	e.close(func(err error) { full = err })
	if err := l.commit(t); err != nil {
		return err
	}
	if full != nil && loss != nil {
		return fmt.Errorf("write down that a loss was accepted: %w: make room on the disk and start again", full)
	}
	return nil
}

// orphan is an attempt whose process is gone.
type orphan struct {
	id    ulid.ULID
	fence int64
}

// findOrphans looks for the local attempts of earlier boots.
func (l *loop) findOrphans() {
	for state := range l.s.o.Views.Running() {
		if !state.Remote() && state.Boot != l.s.boot {
			l.orphans = append(l.orphans, orphan{state.ID, state.Fence})
		}
	}
	if n := len(l.orphans); n > 0 {
		l.s.o.Logger.Info("attempts of an earlier process have ended with it; their tasks are ready again", "attempts", n)
	}
}

// expireOrphans ends some of them. They count, and their tasks are ready at once. What
// finds no room is tried again.
func (l *loop) expireOrphans(t *turn) {
	if l.full() {
		return
	}
	some := l.orphans[:min(recoverBatch, len(l.orphans))]
	l.orphans = l.orphans[len(some):]
	for _, o := range some {
		decided, refusal := t.decide(o.id, task.Expire{Fence: o.fence})
		if refusal != nil {
			continue // it is not held any more
		}
		e := t.begin(ActorScheduler, true)
		e.add(o.id, decided)
		e.close(func(err error) {
			if errors.Is(err, eventlog.ErrFull) {
				l.orphans = append(l.orphans, o)
			}
		})
	}
}

// drain is the stop in order: handlers get the grace to return, what is left then is
// released at no cost. Commands are answered meanwhile.
func (l *loop) drain() error {
	l.s.draining.Store(true)
	if l.live > 0 {
		l.s.o.Logger.Info("stopping: waiting for running tasks", "running", l.live, "grace", l.s.o.Grace)
	}
	if err := l.drainUntil(time.Now().Add(l.s.o.Grace)); err != nil {
		return err
	}
	if l.live > 0 {
		for _, a := range l.holders {
			a.stop(errStopping)
		}
		if err := l.drainUntil(time.Now().Add(obedience + progressEvery)); err != nil {
			return err
		}
	}
	return l.farewell()
}

// drainUntil takes turns until no handler runs or the deadline has come.
func (l *loop) drainUntil(deadline time.Time) error {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for l.live > 0 && len(l.holders) > 0 {
		var first input
		select {
		case r := <-l.s.reports:
			first.report = &r
		case c := <-l.s.commands:
			first.request = c
		case <-timer.C:
			return nil
		}
		if err := l.turn(first); err != nil {
			return err
		}
	}
	return nil
}

// farewell answers the commands that still wait and writes down that the server stopped.
func (l *loop) farewell() error {
	if err := l.turn(input{}); err != nil {
		return err
	}
	t := l.newTurn()
	e := t.begin(ActorScheduler, true)
	e.addServer("server.stopped", []byte("{}"))
	e.close(func(error) {})
	return l.commit(t)
}
