package scheduler

import (
	"container/list"
	"errors"
	"time"

	"daybook/eventlog"
	"daybook/task"
)

// waitingProgress is what a worker has reported of a task too soon after its report before. The latest
// one waits until it may be written.
type waitingProgress struct {
	lease    *lease
	actor    string
	progress task.Progress
	due      time.Time
}

// waitingReports are the reports that wait, the first to be written first: at most one for each lease. The
// table's mu guards it.
type waitingReports struct{ list list.List }

// reported records that a worker has reported progress, which extends the lease. It returns true if the report may be written
// now, together with what waited before it; else it keeps the report until then.
func (s *Scheduler) reported(l *lease, actor string, p *task.Progress, now time.Time) bool {
	t := s.leases
	t.mu.Lock()
	defer t.mu.Unlock()
	l.active = true
	if t.byHash[l.hash] == l {
		t.extend(l, now.Add(l.length))
	}
	if l.waiting != nil {
		before := l.waiting.Value.(*waitingProgress)
		p.Percent = max(p.Percent, before.progress.Percent)
		if p.Message == "" {
			p.Message = before.progress.Message
		}
	}
	if l.reported.IsZero() || now.Sub(l.reported) >= progressEvery {
		t.progress.remove(l)
		l.reported = now
		return true
	}
	switch {
	case t.byHash[l.hash] != l: // it has ended meanwhile
	case l.waiting != nil:
		w := l.waiting.Value.(*waitingProgress)
		w.actor, w.progress = actor, *p
	default:
		if t.progress.list.Len() == 0 {
			defer poke(s.nudge) // the loop may sleep longer than that
		}
		t.progress.add(&waitingProgress{l, actor, *p, now.Add(progressEvery)})
	}
	return false
}

func (w *waitingReports) add(one *waitingProgress) { one.lease.waiting = w.list.PushBack(one) }

// remove takes the report of a lease out, and returns it; nil if none waits.
func (w *waitingReports) remove(l *lease) *waitingProgress {
	if l.waiting == nil {
		return nil
	}
	one := w.list.Remove(l.waiting).(*waitingProgress)
	l.waiting = nil
	return one
}

// nextProgress is when the first report that waits is to be written; zero without any.
func (t *leaseTable) nextProgress() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.progress.list.Front(); first != nil {
		return first.Value.(*waitingProgress).due
	}
	return time.Time{}
}

// dueProgress takes out the reports that are to be written by now.
func (t *leaseTable) dueProgress(now time.Time) (due []*waitingProgress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for first := t.progress.list.Front(); first != nil; first = t.progress.list.Front() {
		one := first.Value.(*waitingProgress)
		if one.due.After(now) {
			break
		}
		one.lease.reported = now
		due = append(due, t.progress.remove(one.lease))
	}
	return due
}

// lastProgress takes out the report that waits for a lease, as the attempt ends; nil if none does.
func (t *leaseTable) lastProgress(l *lease) *waitingProgress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.progress.remove(l)
}

// keepProgress has a report wait that could not be written, unless there is a newer one or the lease has ended.
func (t *leaseTable) keepProgress(w *waitingProgress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byHash[w.lease.hash] == w.lease && w.lease.waiting == nil {
		w.due = time.Now().Add(progressEvery)
		t.progress.add(w)
	}
}

// decideProgress decides the reports of workers that have waited long enough.
func (l *loop) decideProgress(rd *round) {
	if l.takesNoWork() {
		return
	}
	for _, w := range l.s.leases.dueProgress(time.Now()) {
		w.progress.Fence = w.lease.fence
		before := rd.get(w.lease.id)
		decided, refusal := rd.decideOn(before, w.progress)
		if refusal != nil {
			continue // its task has ended or is being cancelled
		}
		n := rd.own(w.lease.id, before)
		rd.size += len(decided)
		rd.begin(w.actor, false, func(err error) {
			if err != nil && !errors.Is(err, eventlog.ErrInvalid) {
				l.s.leases.keepProgress(w)
			}
		})
		rd.add(n, w.lease.id, decided)
	}
}

// addProgress puts the report that waits into the entry of the end of its attempt, and returns the end as it follows
// from it.
func (rd *round) addProgress(n *node, r *request, w *waitingProgress, end []task.Event) []task.Event {
	w.progress.Fence = w.lease.fence
	progressed, refusal := rd.decideOn(&n.task, w.progress)
	if refusal != nil {
		return end // the task is being cancelled
	}
	rd.add(n, r.id, progressed)
	end, _ = rd.decideOn(&n.task, r.command)
	return end
}
