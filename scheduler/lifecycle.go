package scheduler

import (
	"encoding/json"
	"fmt"
	"time"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// recoverBatch is how many attempts of a dead process are expired in one append.
const recoverBatch = 1024

// begin writes down that the server runs, and ends the attempts of processes that do
// not run any more: the log's lock proves that they are gone.
func (l *loop) begin() error {
	head := l.s.o.Log.Head()
	if seq := l.s.o.Views.Seq(); seq > head.Seq {
		return fmt.Errorf("scheduler: the views are at %d and the log is at %d", seq, head.Seq)
	}
	l.head, l.lastAt = head.Seq, task.Micros(head.At)
	l.lead = l.s.o.Views.Lead()
	if err := l.readOn(); err != nil {
		return err
	}
	l.checkClock()
	for done := false; !done; {
		var err error
		if done, err = l.recordStart(); err != nil {
			return err
		}
	}
	l.findOrphans()
	for len(l.backlog.orphans) > 0 && !l.takesNoWork() {
		rd := l.newRound()
		l.expireOrphans(rd)
		if err := l.appendNow(rd); err != nil {
			return err
		}
	}
	l.recoverLeases()
	if l.s.o.Node == "" { // suspects that workers run are kept apart by suits
		l.findSuspects()
	}
	return nil
}

// recordStart appends that the server has started, and the loss it accepts. If somebody else has
// appended, it is not done and must be called again.
func (l *loop) recordStart() (done bool, err error) {
	version, err := json.Marshal(l.s.o.Version)
	if err != nil {
		return false, err // not for a string
	}
	var full error
	rd, v := l.newRound(), l.serverV
	rd.begin(ActorScheduler, true, func(err error) {
		if full = err; err == nil {
			l.serverV = v
		}
	})
	loss := l.s.o.AcceptedLoss
	if loss != nil {
		v++
		rd.addServer("server.loss_accepted", v, fmt.Appendf(nil, `{"first":%d,"last":%d,"head":%d}`, loss.First, loss.Last, loss.Head))
	}
	v++
	rd.addServer("server.started", v, fmt.Appendf(nil, `{"version":%s}`, version))
	if node := l.s.o.Node; node != "" {
		v++
		rd.addServer("server.led", v, fmt.Appendf(nil, `{"node":%q,"term":%d}`, node, l.lead.Term+1))
	}
	if err := l.appendNow(rd); err != nil || decideAgain(full) {
		return false, err
	}
	l.lead = l.s.o.Views.Lead()
	if full != nil && loss != nil {
		return false, fmt.Errorf("write down that a loss was accepted: %w: make room on the disk and start again", full)
	}
	return true, nil
}

// orphan is an attempt whose process is gone, or leads no more.
type orphan struct {
	id    ulid.ULID
	fence int64
	crash task.Crash
}

// findOrphans looks for the local attempts of earlier boots.
func (l *loop) findOrphans() {
	for state := range l.s.o.Views.Running() {
		if !state.Remote() && state.Held().Boot != l.s.boot && !state.IsWorkflow() {
			l.backlog.orphans = append(l.backlog.orphans, orphan{state.ID, state.Fence(), task.CrashTogether})
		}
	}
	if len(l.backlog.orphans) == 1 {
		l.backlog.orphans[0].crash = task.CrashAlone
	}
	if n := len(l.backlog.orphans); n > 0 {
		l.s.o.Logger.Info("attempts of an earlier process have ended with it; their tasks are ready again", "attempts", n)
	}
}

// expireOrphans ends some of them.
func (l *loop) expireOrphans(rd *round) {
	if len(l.backlog.orphans) == 0 || l.takesNoWork() {
		return
	}
	some := l.backlog.orphans[:min(recoverBatch, len(l.backlog.orphans))]
	l.backlog.orphans = l.backlog.orphans[len(some):]
	for _, o := range some {
		l.expire(rd, o)
	}
}

// expire ends an attempt of an earlier process. Its task is ready at once. It counts, but in a cluster: that another node leads need not
// mean that a process has died, and if so, it ran leases too.
// What finds no room is tried again.
func (l *loop) expire(rd *round, o orphan) {
	if l.takesNoWork() {
		l.backlog.orphans = append(l.backlog.orphans, o)
		return
	}
	state := rd.get(o.id)
	end := task.Command(task.Expire{Fence: o.fence, Crash: o.crash})
	if l.s.o.Node != "" {
		end = task.Release{Fence: o.fence}
	}
	decided, refusal := rd.decideOn(state, end)
	again := func(err error) {
		if noRoom(err) || decideAgain(err) {
			l.backlog.orphans = append(l.backlog.orphans, o)
		}
	}
	if refusal != nil { // it is not held any more
		rd.replies = append(rd.replies, again)
		return
	}
	n := rd.own(o.id, state)
	rd.begin(ActorScheduler, !n.ordinary, again)
	rd.add(n, o.id, decided)
}

// drain is the stop in order: handlers get the grace to return, what is left then is
// released at no cost. Commands are answered meanwhile.
func (l *loop) drain() error {
	l.s.draining.Store(true)
	l.wakeAt = time.Time{}
	l.endAllOffers()
	if l.slots.handlers > 0 {
		l.s.o.Logger.Info("stopping: waiting for running tasks", "running", l.slots.handlers, "grace", l.s.o.Grace)
	}
	if err := l.drainUntil(time.Now().Add(l.s.o.Grace), l.s.hurry); err != nil {
		return err
	}
	if l.slots.handlers > 0 {
		for _, a := range l.slots.holders {
			a.stop(task.ErrAttemptStopping)
		}
		if err := l.drainUntil(time.Now().Add(returnLimit+progressEvery), nil); err != nil {
			return err
		}
	}
	return l.recordStop()
}

// EndGrace ends the grace of a stop that goes on, or of the next: handlers are told to stop
// at once, and their tasks are given back at no cost. It may be called by anybody, again too.
func (s *Scheduler) EndGrace() { s.hurried.Do(func() { close(s.hurry) }) }

// drainUntil takes rounds until no handler runs, the deadline has come or hurry is closed. What
// is in flight lands in any case, so that all that was to start has started.
func (l *loop) drainUntil(deadline time.Time, hurry <-chan struct{}) error {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for l.appending != nil || l.slots.handlers > 0 && len(l.slots.holders) > 0 && time.Now().Before(deadline) {
		select {
		case <-hurry:
			hurry, deadline = nil, time.Now()
			continue
		default:
		}
		if err := l.await(hurry, timer.C); err != nil {
			return err
		}
	}
	return nil
}

// recordStop answers the commands that still wait and writes down that the server stopped.
func (l *loop) recordStop() error {
	for first := true; first || len(l.backlog.again) > 0; first = false {
		if err := l.pass(&input{}); err != nil {
			return err
		}
		if l.appending != nil {
			if err := l.finish(<-l.appended); err != nil {
				return err
			}
		}
	}
	if n := len(l.backlog.held); n > 0 {
		l.s.o.Logger.Error("outcomes could not be written; their tasks run again after the next start", "attempts", n)
	}
	for again := true; again; {
		rd := l.newRound()
		rd.begin(ActorScheduler, true, func(err error) { again = decideAgain(err) })
		rd.addServer("server.stopped", l.serverV+1, []byte("{}"))
		if err := l.appendNow(rd); err != nil {
			return err
		}
	}
	return nil
}
