package scheduler

import (
	"fmt"
	"time"

	"daybook/projection"
	"daybook/task"
)

// gates say which queues take part now: those that are paused or whose limit is reached do not. They
// are worked out from the views and from what the rounds on their way start, so that a limit is never
// passed. Ends count once they are on disk. The loop owns it.
type gates struct {
	byQueue map[string]*gate // queues with a pause or a limit
	moves   int64            // of the views, when byQueue was made
	flips   int              // how often a gate has opened or closed
	round   *round           // for which they were looked at,
	seq     int64            // and of the views then
	next    task.Micros      // when the first gate opens by itself; 0 = none does
}

type gate struct {
	projection.QueueState
	running int64 // with the starts that are decided
	pending int64 // with the submits that are decided
	open    bool
}

// decide says whether the gate is open.
func (g *gate) decide(now task.Micros) bool { return !g.Holds(g.running, now) }

// tally is what a round has decided in queues that have a limit.
type tally map[string]struct{ starts, submits int64 }

// lookAtGates brings the gates up to date for a round.
func (l *loop) lookAtGates(rd *round) {
	g := &l.gates
	seq := l.s.o.Views.Seq()
	if g.round == rd && g.seq == seq && (g.next == 0 || g.next > rd.wall) {
		return // what has changed since is counted start by start
	}
	g.round, g.seq, g.next = rd, seq, 0
	if moves := l.s.o.Views.QueueMoves(); moves != g.moves || g.byQueue == nil {
		g.moves, g.byQueue = moves, make(map[string]*gate)
		g.flips++
		states, _ := l.s.o.Views.QueueStates()
		for name, state := range states {
			if state.Paused || state.Limits != (projection.QueueLimits{}) {
				g.byQueue[name] = &gate{}
			}
		}
	}
	for name, at := range g.byQueue {
		was := at.open
		at.QueueState = l.s.o.Views.QueueState(name)
		at.pending, at.running = l.s.o.Views.QueueDepth(name)
		at.add(rd.tally[name])
		if l.appending != nil {
			at.add(l.appending.tally[name])
		}
		at.open = at.decide(rd.wall)
		if at.open != was {
			g.flips++
		}
		g.wait(at, rd.wall)
	}
}

// add counts what a round has decided.
func (g *gate) add(t struct{ starts, submits int64 }) {
	g.running += t.starts
	g.pending += t.submits - t.starts
	for range t.starts {
		g.Due = g.Limits.Pace().Start(g.Due, 0)
	}
}

// wait notes when a gate that its rate holds opens. One that is held by its limit of attempts does not open by itself.
func (g *gates) wait(at *gate, now task.Micros) {
	if at.Paused || at.Limits.Rate == 0 || at.open {
		return
	}
	if opens := at.Limits.Pace().StartsAt(at.Due); opens > now && (g.next == 0 || opens < g.next) {
		g.next = opens
	}
}

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
	rd.count(queue, 1, 0)
	at.running++
	at.pending--
	at.Due = at.Limits.Pace().Start(at.Due, rd.wall)
	if at.open = at.decide(rd.wall); !at.open {
		l.gates.flips++
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
	next := l.gates.next
	if opens := l.s.o.Views.NextKeyOpens(); next == 0 || opens != 0 && opens < next {
		next = opens
	}
	if next == 0 {
		return longestSleep
	}
	return (next - l.s.o.Wall()).Duration()
}
