package scheduler

import (
	"fmt"
	"strconv"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// What a dependency is to a task follows from the status of the other task, see projection/dependents.go. Here that is
// looked at as the rounds on their way to the disk leave it.

// UnknownDependency is what is wrong with a dependency on a task that does not exist.
const UnknownDependency = "there is no task with that id; submit it first"

// findDependencies refuses submit i of the batch if it depends on a task that does not exist.
func (rd *round) findDependencies(b *batch, i int) error {
	var bad []task.FieldError
	for k := range b.r.submits[i].DependsOn {
		id := b.r.submits[i].DependsOn[k].Task
		rd.l.views.missing = nil
		state := rd.get(id)
		if rd.l.views.missing != nil {
			return rd.l.views.missing
		}
		if state == nil {
			bad = append(bad, task.FieldError{Pointer: "/depends_on/" + strconv.Itoa(k), Detail: UnknownDependency})
			continue
		}
		b.news[i].needs = rd.addNeed(b.news[i].needs, id)
	}
	if bad != nil {
		return &task.Refusal{Kind: task.ErrInvalid, Fields: bad}
	}
	return nil
}

// addNeed adds the entry of the round that has touched the task, if one has.
func (rd *round) addNeed(needs []int, id ulid.ULID) []int {
	if n := rd.tasks[id]; n != nil && n.entry > 0 {
		needs = append(needs, n.entry-1)
	}
	return needs
}

// waitsAgain reports whether a ready task of the views must wait after all, because the rounds on their way to the disk retry a task
// that it depends on.
func (rd *round) waitsAgain(s *task.Task) bool {
	if !rd.retried && (rd.below == nil || !rd.below.retried) || s.StartedAt != 0 {
		return false
	}
	for i := range s.DependsOn() {
		d := &s.Links.DependsOn[i]
		if n := rd.find(d.Task); n != nil && d.When.Met(n.task.Status, s.Links.RunAnyway) != task.NeedMet {
			return true
		}
	}
	n := rd.find(s.Behind())
	return n != nil && !n.task.Status.Ended()
}

// impossible is a dependency of a pending task that has ended otherwise than the task needs, with its status; nil if there is none.
func (rd *round) impossible(s *task.Task) (*task.Dependency, task.Status) {
	if s.Status != task.Pending || s.StartedAt != 0 {
		return nil, task.None
	}
	for i := range s.DependsOn() {
		d := &s.Links.DependsOn[i]
		status := rd.l.s.o.Views.StatusOfDependency(d.Task)
		if n := rd.find(d.Task); n != nil {
			status = n.task.Status
		}
		if d.When.Met(status, s.Links.RunAnyway) == task.NeedImpossible {
			return d, status
		}
	}
	return nil, task.None
}

// mayBeMet refuses to retry an ended task that would be cancelled again, because of a task that it depends on. A retry builds
// on the entries that it returns, which it adds to needs.
func (rd *round) mayBeMet(s *task.Task, needs []int) ([]int, error) {
	for i := range s.DependsOn() {
		d := &s.Links.DependsOn[i]
		rd.l.views.missing = nil
		on := rd.get(d.Task)
		if rd.l.views.missing != nil {
			return nil, rd.l.views.missing
		}
		if on == nil || d.When.Met(on.Status, s.Links.RunAnyway) != task.NeedImpossible {
			needs = rd.addNeed(needs, d.Task)
			continue
		}
		advice := "retry that task first"
		if on.Status == task.Success {
			advice = "submit a new task that does not depend on it"
		}
		return nil, &task.Refusal{Kind: task.ErrDependency, Status: s.Status, Other: d.Task,
			Detail: fmt.Sprintf("it depends on %s, which is %s, and needs that it %s; %s", d.Task, on.Status, whatItNeeds(d.When), advice)}
	}
	return needs, nil
}

func whatItNeeds(when task.When) string {
	if when == task.WhenFailed {
		return "has failed"
	}
	return "has succeeded"
}

// mostStranded is how many tasks one round cancels because of their dependencies.
const mostStranded = 1000

// cancelStranded cancels the pending tasks that can never start, because a task that they depend on has ended otherwise than they need,
// and with them those that depend on them.
func (l *loop) cancelStranded(rd *round) {
	if l.takesNoWork() {
		return
	}
	var work []ulid.ULID
	for t := range l.s.o.Views.Stranded() {
		if work = append(work, t.ID); len(work) == mostStranded {
			break
		}
	}
	for cancelled := 0; len(work) > 0 && cancelled < mostStranded; work = work[1:] {
		if !l.cancelDependent(rd, work[0]) {
			continue
		}
		cancelled++
		for t := range l.s.o.Views.Dependents(work[0]) {
			work = append(work, t.ID)
		}
	}
}

// cancelDependent cancels the task if a dependency of it is impossible, and reports whether it has.
func (l *loop) cancelDependent(rd *round, id ulid.ULID) bool {
	state := rd.get(id)
	if state == nil {
		return false
	}
	because, status := rd.impossible(state)
	if because == nil {
		return false // it is cancelled already, or what it depends on is retried
	}
	decided, refusal := rd.decideOn(state, task.Cancel{Because: because.Task,
		Reason: fmt.Sprintf("it depends on %s, which is %s, and needs that it %s", because.Key(), status, whatItNeeds(because.When))})
	if refusal != nil {
		return false
	}
	needs := rd.addNeed(nil, because.Task)
	n := rd.own(id, state)
	rd.size++
	rd.begin(ActorScheduler, !n.ordinary, func(error) {}) // if it is not appended, the task is found again
	rd.needs = append(rd.needs, needs...)
	rd.add(n, id, decided)
	return true
}

// cancelledFor are the tasks of a workflow that were cancelled because of one of its tasks, and those cancelled because of them. A retry of
// that task retries them too, so that they wait for it again; else the workflow would succeed without them.
func (rd *round) cancelledFor(t *task.Task) (list []*task.Task, err error) {
	whole := t.InWorkflow()
	if whole == (ulid.ULID{}) {
		return nil, nil
	}
	causes := rd.cancelledIn[whole]
	if causes == nil {
		all, err := rd.childrenOf(whole)
		if err != nil {
			return nil, err
		}
		causes = make(map[ulid.ULID][]ulid.ULID)
		for _, one := range all {
			if cause := one.Because(); one.Status == task.Cancelled && cause != (ulid.ULID{}) && !one.Erased {
				causes[cause] = append(causes[cause], one.ID)
			}
		}
		if rd.cancelledIn == nil {
			rd.cancelledIn = make(map[ulid.ULID]map[ulid.ULID][]ulid.ULID)
		}
		rd.cancelledIn[whole] = causes
	}
	for at := []ulid.ULID{t.ID}; len(at) > 0; at = at[1:] {
		for _, id := range causes[at[0]] {
			rd.l.views.missing = nil
			state := rd.get(id)
			switch {
			case rd.l.views.missing != nil:
				return nil, rd.l.views.missing
			case state != nil && state.Status == task.Cancelled && state.Because() == at[0]: // and not retried since by this round
				list, at = append(list, state), append(at, id)
			}
		}
	}
	return list, nil
}
