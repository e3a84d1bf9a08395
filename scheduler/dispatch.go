package scheduler

import (
	"cmp"
	"slices"

	"daybook/task"
)

// dispatch gives free slots to ready tasks, in order.
func (l *loop) dispatch(t *turn) {
	if l.s.draining.Load() || l.full() {
		return
	}
	l.s.o.Views.Promote(t.wall)
	free := l.s.o.Concurrency - l.used
	if free <= 0 {
		return
	}
	for _, state := range l.ready(t, free) {
		l.launch(t, state)
	}
}

// ready returns up to n tasks in the order in which they are to start: those of the
// views that the turn has not touched, merged with those of the turn.
func (l *loop) ready(t *turn, n int) []*task.Task {
	fresh := slices.DeleteFunc(t.fresh, func(state *task.Task) bool {
		return state.Status != task.Pending || state.DueAt > t.wall || !l.s.o.Runner.Knows(state.Type)
	})
	slices.SortStableFunc(fresh, before)
	fresh = slices.Compact(fresh) // a task touched twice is there twice
	var chosen []*task.Task
	for state := range l.s.o.Views.Ready() {
		if len(chosen) == n {
			return chosen
		}
		if _, touched := t.overlay[state.ID]; touched || !l.s.o.Runner.Knows(state.Type) {
			continue
		}
		for len(fresh) > 0 && len(chosen) < n && before(fresh[0], state) < 0 {
			chosen, fresh = append(chosen, fresh[0]), fresh[1:]
		}
		if len(chosen) < n {
			chosen = append(chosen, state)
		}
	}
	return append(chosen, fresh[:min(n-len(chosen), len(fresh))]...)
}

// before is the ready order: priority high first, then due, then submitted.
func before(a, b *task.Task) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(a.DueAt, b.DueAt),
		cmp.Compare(a.SubmitSeq, b.SubmitSeq),
	)
}

// launch decides that the task starts; its handler runs once that is on disk.
func (l *loop) launch(t *turn, state *task.Task) {
	decided, err := task.Decide(state, task.Start{Boot: l.s.boot}, t.now)
	if err != nil {
		panic("scheduler: a ready task cannot start: " + err.Error())
	}
	e := t.begin(ActorScheduler, false)
	started := *e.add(state.ID, decided)
	submit := started.SubmitSeq
	if submit > l.head { // submitted in this turn: the seq is provisional
		submit = 0
	}
	l.used++
	e.close(func(err error) {
		if err != nil {
			l.used--
			return
		}
		if submit == 0 {
			started.SubmitSeq = l.s.o.Views.Peek(started.ID).SubmitSeq
		}
		a := l.s.newAttempt(&started)
		l.holders[started.ID] = a
		l.live++
		go a.run()
	})
}

// stopHolder ends the context of the attempt that holds the task, because it is
// being cancelled.
func (l *loop) stopHolder(id [16]byte) {
	if a := l.holders[id]; a != nil {
		a.stop(errCancelled)
	}
}
