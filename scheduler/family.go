package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// What follows from the state of families: children are cancelled, and parents go on, fail or end. It is worked out after each
// round from the views alone, so nothing is lost if it does not come to that: a restart or another node finds the same.

// Reasons of cancels that go down.
const (
	reasonParentCancelled = "its parent was cancelled"
	reasonParentFailed    = "its parent has failed"
	reasonSiblingFailed   = "another child of the same step has failed"
	reasonSiblingDone     = "another child of the same step has succeeded"
)

// familyChange is what a round changes in a family.
type familyChange struct {
	open    int   // children that have not ended: more, or fewer
	entries []int // of the round that change it
}

// noteFamily notes that an event has changed how a child of a family counts.
func (rd *round) noteFamily(parent ulid.ULID, wasOpen, isOpen bool) {
	if rd.families == nil {
		rd.families = make(map[ulid.ULID]*familyChange)
	}
	f := rd.families[parent]
	if f == nil {
		f = new(familyChange)
		rd.families[parent] = f
	}
	if isOpen {
		f.open++
	}
	if wasOpen {
		f.open--
	}
	if at := len(rd.entries) - 1; len(f.entries) == 0 || f.entries[len(f.entries)-1] != at {
		f.entries = append(f.entries, at)
	}
}

// noteKin notes what the events of the latest entry have changed in the family of a task, and that its end builds on what has
// changed in its own.
func (rd *round) noteKin(n *node, wasOpen bool) {
	if open := isOpen(&n.task); n.task.IsMinded() && open != wasOpen {
		rd.noteFamily(n.task.Parent(), wasOpen, open)
	}
	if own := rd.families[n.task.ID]; own != nil {
		for _, entry := range own.entries {
			if entry != len(rd.entries)-1 {
				rd.needs = append(rd.needs, entry)
			}
		}
	}
}

// isOpen reports whether the task is there and has not ended.
func isOpen(t *task.Task) bool { return t.Status != task.None && !t.Status.Ended() }

// openChildren is how many children of a task have not ended, as the round leaves them so far, apart from detached ones.
func (rd *round) openChildren(parent ulid.ULID) int {
	n := rd.l.s.o.Views.OpenChildren(parent)
	for o := &rd.overlay; o != nil; o = o.below {
		if f := o.families[parent]; f != nil {
			n += f.open
		}
	}
	return n
}

// tendFamilies does what the state of families asks for. It is done on top of the views alone, while nothing is appended.
func (l *loop) tendFamilies(rd *round) {
	if l.appending != nil || l.takesNoWork() {
		return
	}
	left := mostWakes
	for _, id := range l.s.o.Views.DueFamilies(mostWakes) {
		if left -= l.tend(rd, id, left); left <= 0 {
			return
		}
	}
}

// tend does what one family asks for, in at most so many events. It returns how many there are.
func (l *loop) tend(rd *round, id ulid.ULID, most int) (n int) {
	state := rd.get(id)
	if state == nil || state.Status.Ended() {
		return 0
	}
	for _, child := range l.s.o.Views.ToCancel(id, most) {
		n += l.cancelChild(rd, state, child)
	}
	if rd.families[id] != nil { // what became of it is known when the round is in the views
		return n
	}
	w := state.Waits()
	switch {
	case state.IsWorkflow() && state.Status == task.Running && l.s.o.Views.OpenChildren(id) == 0:
		return n + l.endWorkflow(rd, state)
	case state.Ending() != task.None && l.s.o.Views.OpenChildren(id) == 0:
		command := task.Finish{}
		if _, failed, _ := l.s.o.Views.Settled(id, ""); failed {
			command.Error = l.s.lossOf(id, "")
		}
		return n + l.appendOwn(rd, state, command)
	case w != nil && w.Kind == task.StepChildren:
		settled, failed, changes := l.s.o.Views.Settled(id, w.From)
		switch {
		case !settled:
		case failed:
			return n + l.appendOwn(rd, state, task.FailWait{Step: w.Step, Error: l.s.lossOf(id, w.From)})
		default:
			l.join(id, w, changes)
		}
	}
	return n
}

// cancelChild cancels a child, and returns how many events that takes.
func (l *loop) cancelChild(rd *round, parent *task.Task, child ulid.ULID) int {
	state := rd.get(child)
	if state == nil || state.Status.Ended() {
		return 0
	}
	reason := reasonSiblingFailed
	switch {
	case parent.CancelRequested, parent.Ending() == task.Cancelled:
		reason = reasonParentCancelled
	case parent.Ending() == task.Failed:
		reason = reasonParentFailed
	case state.Kin.Any:
		reason = reasonSiblingDone
	}
	return l.appendOwn(rd, state, task.Cancel{Reason: reason})
}

// appendOwn appends what the scheduler itself asks of a task, in an entry of its own, and returns how many events that takes. If it is
// not appended, the state asks for it again.
func (l *loop) appendOwn(rd *round, state *task.Task, c task.Command) int {
	decided, refusal := rd.decideOn(state, c)
	if refusal != nil || len(decided) == 0 {
		return 0
	}
	n := rd.own(state.ID, state)
	rd.size += len(decided)
	rd.begin(ActorScheduler, !n.ordinary, func(error) {})
	rd.add(n, n.task.ID, decided)
	return len(decided)
}

// lossOf says why the children of a step of a task, or all if it is "", make it fail: it names the first that has failed.
func (s *Scheduler) lossOf(parent ulid.ULID, step string) string {
	var lost []task.Task
	all, done := 0, make(map[string]bool) // steps of which a child has succeeded
	err := s.o.Views.ChildrenNow(context.Background(), parent, func(t *task.Task) {
		if !t.IsMinded() || step != "" && t.Kin.Step != step {
			return
		}
		all++
		done[t.Kin.Step] = done[t.Kin.Step] || t.Status == task.Success
		if t.Kin.OnFailure != task.ChildIsGathered && (t.Status == task.Failed || t.Status == task.Cancelled) {
			lost = append(lost, *t)
		}
	})
	lost = slices.DeleteFunc(lost, func(t task.Task) bool { return t.Kin.Any && done[t.Kin.Step] })
	if err != nil || len(lost) == 0 {
		return "a child has not succeeded; see its children"
	}
	first := slices.MinFunc(lost, func(a, b task.Task) int { // one that was cancelled because another has failed says less than that one
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.CompletedAt, b.CompletedAt))
	})
	text := fmt.Sprintf("child %s (%s) is %s", first.Kin.Name, first.Name(), first.Status)
	if len(lost) > 1 {
		text += fmt.Sprintf("; %d of %d children have not succeeded", len(lost), all)
	}
	return text + ". A retry of this task retries them too."
}

// mayRetry refuses a retry of a task that stands in the way of others, or returns the tasks that are retried with it, children and
// dependents, and the entries that the retry builds on.
func (rd *round) mayRetry(t *task.Task) (needs []int, with []*task.Task, refusal error) {
	if refusal = rd.mayRetryChild(t); refusal != nil {
		return nil, nil, refusal
	}
	if needs, refusal = rd.heldByAnother(t); refusal == nil {
		needs, refusal = rd.mayBeMet(t, needs)
	}
	if refusal != nil {
		return nil, nil, refusal
	}
	children, more, err := rd.lostChildren(t)
	if err != nil {
		return nil, nil, err
	}
	dependents, err := rd.cancelledFor(t)
	for _, one := range dependents {
		more = rd.addNeed(more, one.ID)
	}
	return append(needs, more...), append(children, dependents...), err
}

// mayRetryChild refuses to retry a child whose parent does not wait for it any more.
func (rd *round) mayRetryChild(s *task.Task) error {
	if !s.IsMinded() {
		return nil
	}
	parent := rd.get(s.Parent())
	if rd.l.views.missing != nil {
		return rd.l.views.missing
	}
	if parent == nil || !parent.Status.Ended() && !parent.CancelRequested && parent.Ending() != task.Failed && parent.Ending() != task.Cancelled {
		return nil
	}
	detail := "Its parent " + parent.Name() + " is " + parent.Status.String() + ". Retry that one: it retries its children too."
	switch {
	case parent.Status == task.Success:
		detail = "Its parent " + parent.Name() + " has succeeded. Submit a new task."
	case !parent.Status.Ended():
		detail = "Its parent " + parent.Name() + " is about to end. Retry that one when it has ended: it retries its children too."
	}
	return &task.Refusal{Kind: task.ErrParentEnded, Status: s.Status, Detail: detail}
}

// lostChildren are the children that a retry of their parent retries too, and theirs: a child whose failure has made its parent fail, and
// one that was cancelled. Those come first that are nearer to it.
func (rd *round) lostChildren(parent *task.Task) (list []*task.Task, needs []int, err error) {
	if !parent.IsParent() {
		return nil, nil, nil
	}
	for at := []ulid.ULID{parent.ID}; len(at) > 0; at = at[1:] {
		children, err := rd.childrenOf(at[0])
		if err != nil {
			return nil, nil, err
		}
		done := make(map[string]bool) // steps of which a child has succeeded
		for _, t := range children {
			done[t.Kin.Step] = done[t.Kin.Step] || t.Status == task.Success
		}
		for _, t := range children {
			switch {
			case t.Status != task.Failed && t.Status != task.Cancelled, t.Erased, t.Kin.Any && done[t.Kin.Step],
				t.Kin.OnFailure == task.ChildIsGathered && t.Status == task.Failed:
				continue
			}
			builds, refusal := rd.heldByAnother(t)
			if refusal != nil {
				continue // it stays as it is, and the parent says so when it ends
			}
			list, needs = append(list, t), append(needs, builds...)
			if t.IsParent() {
				at = append(at, t.ID)
			}
		}
	}
	return list, needs, nil
}

// childrenOf are the children of a task that it waits for, as the round leaves them so far.
func (rd *round) childrenOf(parent ulid.ULID) (children []*task.Task, err error) {
	seen := make(map[ulid.ULID]bool)
	err = rd.l.s.o.Views.ChildrenNow(context.Background(), parent, func(t *task.Task) {
		if !t.IsMinded() || seen[t.ID] {
			return
		}
		if n := rd.find(t.ID); n != nil {
			t = &n.task
		}
		state := *t
		seen[t.ID], children = true, append(children, &state)
	})
	for o := &rd.overlay; o != nil && err == nil; o = o.below {
		for id, n := range o.tasks {
			if n.task.IsMinded() && n.task.Parent() == parent && !seen[id] {
				seen[id], children = true, append(children, &rd.find(id).task)
			}
		}
	}
	return children, err
}

// retryWith retries, in the latest entry, the tasks that the retry of another retries too.
func (rd *round) retryWith(list []*task.Task, retry task.Retry) {
	for _, t := range list {
		decided, refusal := rd.decideOn(t, task.Retry{Reason: retry.Reason, Undo: retry.Undo})
		if refusal != nil {
			continue
		}
		rd.add(rd.own(t.ID, t), t.ID, decided)
		rd.size++
	}
}
