package scheduler

import (
	"context"
	"fmt"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// readOn folds the events that others have appended, up to the head of the log, stops attempts
// that have lost their task, and wakes those who wait for a task to end. An error ends the scheduler.
func (l *loop) readOn() error {
	views := l.s.o.Views
	touched := make(map[ulid.ULID]bool)
	var ended []ulid.ULID
	err := views.ReadOn(context.Background(), l.s.o.Log, func(events []*eventlog.Event) {
		last := events[len(events)-1]
		l.head, l.lastAt = last.Seq, task.Micros(last.At)
		for _, e := range events {
			kind, ok := task.ParseEventType(e.Type)
			if !ok { // it is not of a task
				l.schedules.stale = true
				continue
			}
			id, _ := task.ParseStream(e.Stream)
			touched[id] = true
			if isEnd(kind) {
				ended = append(ended, id)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
	}
	if l.s.o.Node != "" && views.Lead() != l.lead {
		return ErrLeadLost
	}
	for id := range touched {
		delete(l.steps, id)
		if one := l.s.leases.of(id); one != nil {
			l.endIfLost(one)
		}
		if a := l.slots.holders[id]; a != nil {
			a.stopIfLost(l.views.get(id))
		}
	}
	if len(touched) > 0 {
		l.knownQueues = nil
	}
	l.s.waiters.wake(ended)
	return nil
}

// stopIfLost stops an attempt if others have cancelled or ended it, given the task as it now stands.
func (a *attempt) stopIfLost(state *task.Task) {
	switch {
	case state == nil: // the views cannot tell: the loop knows
	case state.Status != task.Running || state.Fence() != a.fence:
		if !a.endDecided { // whoever has the task now must not run it beside this one
			a.s.lingering.add(a.id)
		}
		a.stop(task.ErrAttemptLeaseLost)
	case state.CancelRequested:
		a.stop(task.ErrAttemptCancelled)
	}
}
