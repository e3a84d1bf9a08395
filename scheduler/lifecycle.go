package scheduler

import (
	"encoding/json"
	"fmt"
	"time"

	"daybook/task"
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
	t := l.newTurn()
	e := t.begin(ActorScheduler, true)
	if loss := l.s.o.AcceptedLoss; loss != nil {
		e.addServer("server.loss_accepted", fmt.Appendf(nil, `{"first":%d,"last":%d,"head":%d}`, loss.First, loss.Last, loss.Head))
	}
	version, err := json.Marshal(l.s.o.Version)
	if err != nil {
		return err // not for a string
	}
	e.addServer("server.started", fmt.Appendf(nil, `{"version":%s}`, version))
	e.close(func(error) {})
	if err := l.commit(t); err != nil {
		return err
	}
	return l.expireOld()
}

// expireOld ends the local attempts of earlier boots. They count, and their tasks are
// ready at once.
func (l *loop) expireOld() error {
	var old []*task.Task
	for state := range l.s.o.Views.Running() {
		if !state.Remote() && state.Boot != l.s.boot {
			old = append(old, state)
		}
	}
	if len(old) > 0 {
		l.s.o.Logger.Info("attempts of an earlier process have ended with it; their tasks are ready again", "attempts", len(old))
	}
	for len(old) > 0 {
		t := l.newTurn()
		for _, state := range old[:min(recoverBatch, len(old))] {
			decided, err := t.decide(state.ID, task.Expire{Fence: state.Fence})
			if err != nil {
				return fmt.Errorf("scheduler: expire task %s: %w", state.Name(), err)
			}
			e := t.begin(ActorScheduler, true)
			e.add(state.ID, decided)
			e.close(func(error) {})
		}
		old = old[min(recoverBatch, len(old)):]
		if err := l.commit(t); err != nil {
			return err
		}
	}
	return nil
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
