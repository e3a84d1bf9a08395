package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"daybook/internal/priority"
	"daybook/projection"
	"daybook/task"
)

// gates say which queues take part now: those that are paused or whose limit is reached do not. They
// are worked out from the views and from what the rounds on their way start, so that a limit is never
// passed. Ends count once they are on disk. A round looks only at the gates that may have changed. The loop owns it.
type gates struct {
	byQueue map[string]*gate      // queues with a pause or a limit
	moves   int64                 // of the views, when byQueue was made
	flips   int                   // how often a gate has opened or closed
	looked  looked                // when they were looked at
	tallied []string              // queues in which rounds on their way have decided something, up to now
	waiting priority.Queue[*gate] // gates that open by themselves
}

// looked is what the gates follow from: nothing has changed while it is the same.
type looked struct {
	round, appending int64 // numbers of the rounds on their way; 0 = none
	seq              int64 // of the views
}

type gate struct {
	name string
	projection.QueueState
	running int64       // with the starts that are decided
	open    bool        // else its queue is parked
	opens   task.Micros // when its rate opens it
	place   int32       // in gates.waiting; 0 = it is not there
}

// decide says whether the gate is open.
func (g *gate) decide(now task.Micros) bool { return !g.Holds(g.running, now) }

// tally is what a round has decided in queues that have a limit.
type tally map[string]struct{ starts, submits int64 }

// next is when the first gate opens by itself; 0 = none does.
func (g *gates) next() task.Micros {
	if g.waiting.Len() == 0 {
		return 0
	}
	return g.waiting.First().opens
}

// lookAtGates brings the gates up to date for a round.
func (l *loop) lookAtGates(rd *round) {
	g := &l.gates
	now := looked{round: rd.number, seq: l.s.o.Views.Seq()}
	if l.appending != nil {
		now.appending = l.appending.number
	}
	if g.looked == now && (g.waiting.Len() == 0 || g.next() > rd.wall) {
		return // what has changed since is counted start by start
	}
	g.looked = now
	if moves := l.s.o.Views.QueueMoves(); moves != g.moves || g.byQueue == nil {
		l.makeGates(rd)
		return
	}
	for g.waiting.Len() > 0 && g.next() <= rd.wall {
		at := g.waiting.First()
		g.waiting.Remove(at)
		l.lookAt(rd, at)
	}
	look := func(name string) {
		if at := g.byQueue[name]; at != nil {
			l.lookAt(rd, at)
		}
	}
	l.s.o.Views.MovedQueues(look)
	for _, name := range g.tallied { // the round may have failed
		look(name)
	}
	l.noteTallies(rd)
	for _, name := range g.tallied {
		look(name)
	}
}

// makeGates makes the gates anew, after a pause or a limit has changed.
func (l *loop) makeGates(rd *round) {
	g := &l.gates
	for _, at := range g.byQueue {
		if !at.open {
			at.open = true
			l.flipped(rd, at)
		}
	}
	g.byQueue, g.waiting = make(map[string]*gate), priority.Queue[*gate]{}
	g.flips++
	states, moves := l.s.o.Views.QueueStates()
	g.moves = moves
	for name, state := range states {
		if state.Paused || state.Limits != (projection.QueueLimits{}) {
			g.byQueue[name] = &gate{name: name, open: true}
		}
	}
	l.s.o.Views.MovedQueues(func(string) {})
	l.noteTallies(rd)
	for _, at := range g.byQueue {
		l.lookAt(rd, at)
	}
}

// noteTallies notes the queues in which the rounds on their way have decided something.
func (l *loop) noteTallies(rd *round) {
	l.gates.tallied = slices.AppendSeq(l.gates.tallied[:0], maps.Keys(rd.tally))
	if l.appending != nil {
		l.gates.tallied = slices.AppendSeq(l.gates.tallied, maps.Keys(l.appending.tally))
	}
}

// lookAt brings one gate up to date.
func (l *loop) lookAt(rd *round, at *gate) {
	was := at.open
	at.QueueState = l.s.o.Views.QueueState(at.name)
	_, at.running = l.s.o.Views.QueueDepth(at.name)
	at.add(rd.tally[at.name])
	if l.appending != nil {
		at.add(l.appending.tally[at.name])
	}
	if at.open = at.decide(rd.wall); at.open != was {
		l.flipped(rd, at)
	}
	l.gates.wait(at, rd.wall)
}

// flipped takes in that a gate has opened or closed. The tasks behind a closed one are not looked at.
func (l *loop) flipped(rd *round, at *gate) {
	l.gates.flips++
	rd.stored.close()
	l.s.o.Views.Park(at.name, !at.open)
}

// add counts what a round has decided.
func (g *gate) add(t struct{ starts, submits int64 }) {
	g.running += t.starts
	for range t.starts {
		g.Due = g.Limits.Pace().Start(g.Due, 0)
	}
}

// wait notes when a gate that its rate holds opens. One that is held by its limit of attempts does not open by itself.
func (g *gates) wait(at *gate, now task.Micros) {
	at.opens = 0
	if !at.Paused && at.Limits.Rate != 0 && !at.open {
		at.opens = at.Limits.Pace().StartsAt(at.Due)
	}
	if at.opens > now {
		g.waiting.Put(at)
	} else {
		g.waiting.Remove(at)
	}
}

// Before orders gates by when they open.
func (g *gate) Before(other *gate) bool { return g.opens < other.opens }
func (g *gate) Place() *int32           { return &g.place }

// takesPart reports whether tasks of the queue may start now: its gate is open, and no pause or limit of it is on
// its way to the disk.
func (l *loop) takesPart(queue string) bool {
	if at := l.gates.byQueue[queue]; at != nil && !at.open {
		return false
	}
	return (l.opened == nil || !l.opened.queues[queue]) && (l.appending == nil || !l.appending.queues[queue])
}

// countStart counts a start that is decided.
func (l *loop) countStart(rd *round, queue string) {
	at := l.gates.byQueue[queue]
	if at == nil {
		return
	}
	if rd.tally[queue].starts == 0 { // else it is noted
		l.gates.tallied = append(l.gates.tallied, queue)
	}
	rd.count(queue, 1, 0)
	at.running++
	at.Due = at.Limits.Pace().Start(at.Due, rd.wall)
	if at.open = at.decide(rd.wall); !at.open {
		l.flipped(rd, at)
		l.gates.wait(at, rd.wall)
	}
}

// count adds to the tally of the round.
func (d *draft) count(queue string, starts, submits int64) {
	if d.tally == nil {
		d.tally = make(tally)
	}
	t := d.tally[queue]
	t.starts += starts
	t.submits += submits
	d.tally[queue] = t
}

// admitDepth refuses a submit of the batch into a queue that has as many pending tasks as it may have.
func (l *loop) admitDepth(rd *round, b *batch, queue string) error {
	state := l.s.o.Views.QueueState(queue)
	most := int64(state.Limits.MaxDepth)
	if most == 0 {
		return nil
	}
	pending, _ := l.s.o.Views.QueueDepth(queue)
	pending += rd.tally[queue].submits - rd.tally[queue].starts
	if l.appending != nil {
		pending += l.appending.tally[queue].submits - l.appending.tally[queue].starts
	}
	if b.queued == nil {
		b.queued = make(map[string]int64)
	}
	if pending+b.queued[queue] < most {
		b.queued[queue]++
		return nil
	}
	return &task.Refusal{Kind: task.ErrQueueFull, Detail: fmt.Sprintf(
		"The queue %s has %d pending tasks; its limit (max_depth) is %d. Nothing was changed; try again when some of them have started.",
		queue, pending, most)}
}

// untilGate is how long until a gate or a concurrency key opens by itself; longestSleep if none does.
func (l *loop) untilGate() time.Duration {
	next := l.gates.next()
	if opens := l.s.o.Views.NextKeyOpens(); next == 0 || opens != 0 && opens < next {
		next = opens
	}
	if next == 0 {
		return longestSleep
	}
	return (next - l.s.o.Wall()).Duration()
}

// openAll lets the tasks of all queues be looked at again, for the next scheduler on these views.
func (g *gates) openAll(views *projection.Views) {
	for _, at := range g.byQueue {
		if !at.open {
			views.Park(at.name, false)
		}
	}
}
