package scheduler

import (
	"errors"
	"slices"
	"time"

	"daybook/projection"
	"daybook/task"
)

// offer is a worker that waits for tasks.
type offer struct {
	LeaseRequest
	done chan answer // gets the answer, once

	// Owned by the loop.
	known     bool // the loop has it
	withdrawn bool // its time is over: it gets what was decided for it and nothing more
	sealed    bool // what it was granted is being appended: it gets that and nothing more
	answered  bool
	granted   []*lease // decided in a round that is not on disk yet
	leases    []Leased // those of them that are on disk
	suspects  int      // that it holds or was granted
}

// room is how many more tasks it takes.
func (o *offer) room() int {
	if o.withdrawn || o.answered || o.sealed {
		return 0
	}
	return o.Max - len(o.granted)
}

// group is a task type and a queue; "" = all queues.
type group struct{ taskType, queue string }

// offers are the workers that wait for tasks. The loop owns it.
type offers struct {
	byGroup map[group][]*offer // those that wait longest come first; some may have no room any more
	count   int                // that wait
	served  int                // that have got all they take, ever
	leaving []*offer           // whose time is over
}

func (w *offers) add(o *offer, first bool) {
	if w.byGroup == nil {
		w.byGroup = make(map[group][]*offer)
	}
	w.count++
	over := func(o *offer) bool { return o.room() == 0 }
	for _, taskType := range o.Types {
		queues := o.Queues
		if queues == nil {
			queues = []string{""}
		}
		for _, queue := range queues {
			g := group{taskType, queue}
			if len(w.byGroup[g]) > 2*w.count+32 {
				w.byGroup[g] = slices.DeleteFunc(w.byGroup[g], over)
			}
			if first {
				w.byGroup[g] = append([]*offer{o}, w.byGroup[g]...)
			} else {
				w.byGroup[g] = append(w.byGroup[g], o)
			}
		}
	}
}

// first returns the worker that waits longest for a task of that type and queue and that
// suits, nil if there is none.
func (w *offers) first(taskType, queue string, suits func(*offer) bool) *offer {
	if w.count == 0 {
		return nil
	}
	for _, g := range [...]group{{taskType, queue}, {taskType, ""}} {
		list := w.byGroup[g]
		for len(list) > 0 && list[0].room() == 0 {
			list = list[1:]
		}
		if len(list) == 0 {
			delete(w.byGroup, g)
			continue
		}
		w.byGroup[g] = list
		for _, o := range list {
			if o.room() > 0 && suits(o) {
				return o
			}
		}
	}
	return nil
}

// offer takes in that a worker waits for tasks, or waits no more.
func (l *loop) offer(o *offer) {
	switch {
	case !o.known && l.s.draining.Load():
		o.reply(answer{err: l.s.noMoreWork()})
	case !o.known:
		o.known = true
		_, o.suspects = l.s.leases.load(o.Worker)
		l.offers.add(o, false)
	case o.answered:
	default:
		l.offers.leaving = append(l.offers.leaving, o)
	}
}

// suits reports whether the worker may get the task beside what it holds. A suspect, which may
// have killed a worker, is kept apart from other suspects: the more often a worker died of its like,
// the fewer it shares a worker with, down to none; one that has killed two alone gets a worker that holds nothing.
func (l *loop) suits(o *offer, s *task.Task) bool {
	if l.s.leases.quiet(o.Worker) {
		return false
	}
	if !s.Suspect() {
		return true
	}
	if s.Deaths > 1 {
		held, _ := l.s.leases.load(o.Worker)
		return held == 0 && len(o.granted) == 0
	}
	share := max(1, o.Max>>s.Suspicion)
	if s.Deaths > 0 {
		share = 1
	}
	return o.suspects < share
}

// takerOf returns the worker that is to get a task, nil for a slot of this process; false if nobody takes it now.
func (l *loop) takerOf(s *task.Task) (*offer, bool) {
	if !l.takesPart(s.Queue) || s.IsWorkflow() {
		return nil, false
	}
	if l.slotFor(s.Type) != noSlot && l.s.o.Runner.Runs(s.Type) {
		return nil, true
	}
	o := l.offers.first(s.Type, s.Queue, func(o *offer) bool { return l.suits(o, s) })
	return o, o != nil
}

// anyTaker reports whether somebody may take a task of the type and queue.
func (l *loop) anyTaker(taskType, queue string) bool {
	return l.takesPart(queue) && taskType != task.TypeWorkflow && (l.slotFor(taskType) != noSlot && l.s.o.Runner.Runs(taskType) ||
		l.offers.first(taskType, queue, func(*offer) bool { return true }) != nil)
}

// grant notes that the worker gets the task that starts in this round.
func (w *offers) grant(o *offer, l *lease) {
	o.granted = append(o.granted, l)
	if l.suspect {
		o.suspects++
	}
	if o.room() == 0 {
		w.served++
	}
}

// newLease makes the lease of a task that a worker is to get, and the command that starts it.
func (l *loop) newLease(o *offer, s *task.Task, charge task.Micros) (*lease, task.Command) {
	token, hash := newToken(s.ID)
	length := o.Length
	if length == 0 {
		length = l.s.o.Runner.LeaseLength(s.Type)
	}
	lease := &lease{id: s.ID, taskType: s.Type, worker: o.Worker, length: length, hash: hash, token: token, suspect: s.Suspect()}
	return lease, task.Start{Worker: o.Worker, LeaseSeconds: int(length / time.Second), TokenHash: hash, Charge: charge}
}

// leaseStarted puts a task that a worker gets into its hands: its start is on disk.
func (l *loop) leaseStarted(s *start) {
	now := time.Now()
	lease := s.lease
	lease.fence, lease.stream = s.started.Fence(), s.node.stream
	lease.deadline = now.Add(lease.length)
	if t := s.started.Timeout.Duration(); t > 0 {
		lease.timeout = now.Add(t)
	}
	l.s.leases.add(lease, now)
	s.offer.leases = append(s.offer.leases, Leased{Token: lease.token, Until: lease.deadline, Length: lease.length, Task: s.started})
}

// answerOffers answers the workers that got tasks in a round which is on disk. Those whose tasks the
// log did not take wait on, at their place.
func (l *loop) answerOffers(served []*offer) {
	for _, o := range served {
		o.granted, o.sealed = nil, false
		switch {
		case o.answered:
		case len(o.leases) > 0:
			l.reply(o)
		case o.withdrawn:
			l.offerAgain(o)
		default:
			l.offers.count--
			l.offers.add(o, true)
		}
	}
}

// expireLeases ends the leases whose time is over.
func (l *loop) expireLeases(rd *round) {
	if l.takesNoWork() {
		return
	}
	now := time.Now()
	if l.lateBy(now) > stall {
		l.s.o.Logger.Warn("the server stood still; leases run for their whole length again", "for", l.lateBy(now).Round(time.Millisecond))
		l.s.leases.grace(now)
	}
	for _, end := range l.s.leases.lapse(now) {
		l.endLease(rd, end)
	}
}

// stall is how late the loop wakes up at most while the server runs as it should.
const stall = 2 * time.Second

// lateBy is how long after the time that it was to wake up the loop has done so.
func (l *loop) lateBy(now time.Time) time.Duration {
	if l.wakeAt.IsZero() {
		return 0
	}
	return now.Sub(l.wakeAt)
}

// endLease decides the end of an attempt whose lease is over.
func (l *loop) endLease(rd *round, end lapsed) {
	state := rd.get(end.lease.id)
	command := end.command()
	if fail, failed := command.(task.Fail); failed {
		fail.Seed = l.seeds.Uint64()
		command = fail
	}
	decided, refusal := rd.decideOn(state, command)
	if errors.Is(refusal, task.ErrStopping) {
		decided, refusal = rd.decideOn(state, task.Stop{Fence: end.lease.fence})
	}
	again := func(err error) {
		if err == nil {
			return
		}
		end.lease.deadline = time.Now() // it is looked at again
		if !decideAgain(err) {
			end.lease.deadline = end.lease.deadline.Add(fullProbe)
		}
		l.s.leases.add(end.lease, time.Now())
	}
	if refusal != nil { // it is not held any more
		rd.replies = append(rd.replies, again)
		return
	}
	n := rd.own(end.lease.id, state)
	rd.begin(ActorScheduler, !n.ordinary, again)
	rd.add(n, end.lease.id, decided)
}

// endIfLost takes in that somebody else has cancelled or ended a task that a worker holds.
func (l *loop) endIfLost(one *lease) {
	switch state := l.views.get(one.id); {
	case state == nil: // the views cannot tell: the loop knows
	case state.Status != task.Running || state.Fence() != one.fence:
		l.s.leases.remove(one)
	case state.CancelRequested:
		l.s.leases.cancel(one.id)
	}
}

// report decides what a worker reports of a task.
func (l *loop) report(rd *round, r *request) {
	l.views.missing = nil
	before := rd.get(r.id)
	if l.views.missing != nil {
		rd.reply(r, answer{err: l.views.missing})
		return
	}
	if fail, failed := r.command.(task.Fail); failed {
		fail.Seed = l.seeds.Uint64()
		r.command = fail
	}
	decided, refusal := rd.decideOn(before, r.command)
	_, isProgress := r.command.(task.Progress)
	if errors.Is(refusal, task.ErrStopping) && !isProgress {
		decided, _ = rd.decideOn(before, task.Stop{Fence: r.lease.fence})
	}
	rd.size += max(len(decided), 1)
	if len(decided) == 0 {
		rd.reply(r, answer{err: refusal, tasks: []Submitted{{Task: *before}}})
		return
	}
	n := rd.own(r.id, before)
	var waiting *waitingProgress
	if !isProgress && !l.s.full.Load() {
		waiting = l.s.leases.lastProgress(r.lease)
	}
	var last *task.Event
	var state task.Task
	rd.begin(r.actor, !isProgress && !n.ordinary && waiting == nil, func(err error) {
		if err != nil {
			if waiting != nil {
				l.s.leases.keepProgress(waiting)
			}
			l.requestDropped(r, err)
			return
		}
		if !isProgress {
			l.s.leases.remove(r.lease)
		}
		state.LastSeq = last.Seq
		r.done <- answer{err: refusal, tasks: []Submitted{{Task: state}}}
	})
	if waiting != nil {
		decided = rd.addProgress(n, r, waiting, decided)
	}
	last = &decided[len(decided)-1]
	rd.add(n, r.id, decided)
	state = n.task
}

// takers is who takes tasks now.
func (l *loop) takers() takers {
	return takers{l.slotFor(""), l.slotFor(projection.DeliveryType), l.offers.count, l.offers.served, l.gates.flips}
}
