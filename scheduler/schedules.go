package scheduler

import (
	"slices"
	"time"

	"daybook/projection"
	"daybook/schedule"
	"daybook/task"
)

// schedules is when recurring tasks are due. The loop owns it. It is made from the views
// whenever an event of a schedule is on disk; while one is on its way there, nothing else is decided
// about that schedule.
type schedules struct {
	plans  []*plan // by name
	stale  bool    // the views know more
	looked task.Micros
	due    task.Micros // when the next plan is due; 0 = none is
	held   bool        // some plan waits for the end of a task
}

// plan is a schedule with what follows from it.
type plan struct {
	*projection.Schedule
	calendar *schedule.Calendar
	final    map[string]bool     // nominal times that do not come again
	next     schedule.Occurrence // the first that is not decided
	ok       bool                // there is one
	busy     bool                // an event of it is on its way to the disk
	dead     bool                // its definition cannot be used, or the log refuses its events
	held     bool                // next waits until the task before it ends
	moved    bool                // what was decided about it last is on disk, or was not taken
	again    task.Micros         // not to be decided before
	body     []byte              // of the task; nil = it was not read yet
}

// onTime is how late a run may be that catch_up none does not call late.
const onTime = 10 * task.Second

// countedSkips bounds how many runs that are skipped together are counted.
const countedSkips = 10_000

// refresh makes the plans of the schedules as they are now, and keeps what still holds.
func (l *loop) refresh(wall task.Micros) {
	p := &l.schedules
	if !p.stale && wall >= p.looked {
		p.looked = wall
		return
	}
	back := wall < p.looked
	p.stale, p.looked = false, wall
	old := make(map[string]*plan, len(p.plans))
	for _, one := range p.plans {
		old[one.ID] = one
	}
	list, _ := l.s.o.Views.Schedules()
	plans := make([]*plan, len(list))
	for i, s := range list {
		one := old[s.ID]
		if one == nil || one.DefinedSeq != s.DefinedSeq {
			one = l.newPlan(s)
		} else if one.LastSeq == s.LastSeq && !one.moved && !back {
			plans[i] = one
			continue
		}
		one.Schedule = s
		one.plan(wall)
		plans[i] = one
	}
	for _, one := range p.plans { // those that are being made
		if one.busy && one.ID == "" && !slices.ContainsFunc(plans, func(o *plan) bool { return o.Name == one.Name }) {
			plans = append(plans, one)
		}
	}
	p.plans = plans
	p.reckon()
}

func (l *loop) newPlan(s *projection.Schedule) *plan {
	one := &plan{Schedule: s}
	spec := s.Spec()
	spec.Gap = schedule.GapShift // what a gap skips is an event too
	var err error
	if one.calendar, err = schedule.Parse(spec); err != nil {
		one.dead = true
		l.s.o.Logger.Error("a schedule cannot be used; change or delete it", "schedule", s.Name, "error", err)
	}
	return one
}

// plan finds the next occurrence. After the clock was set back, the times that come again are decided
// again, except for those that have fired.
func (p *plan) plan(wall task.Micros) {
	p.held, p.moved, p.again, p.final = false, false, 0, make(map[string]bool, len(p.Runs))
	from := min(p.Mark, wall)
	for _, r := range p.Runs {
		if r.Final {
			p.final[r.Nominal] = true
		}
	}
	if len(p.Runs) == projection.KeptRuns { // earlier ones are forgotten
		from = max(from, min(p.Runs[0].At, p.Mark))
	}
	p.after(from.Time())
}

// after makes next the first occurrence after a moment that is not decided.
func (p *plan) after(at time.Time) {
	if p.dead {
		p.ok = false
		return
	}
	for {
		p.next, p.ok = p.calendar.Next(at)
		if !p.ok || !p.final[p.next.Nominal] {
			return
		}
		at = p.next.At
	}
}

// due is when something is to be decided about the plan; 0 = nothing by itself.
func (p *plan) due() task.Micros {
	if !p.ok || p.busy || p.dead || p.PausedAt != 0 {
		return 0
	}
	next := p.next
	if p.held {
		var ok bool
		if next, ok = p.calendar.Next(next.At); !ok {
			return 0
		}
	}
	return max(ceil(next.Due), p.again)
}

// ceil is the first microsecond that is not before t.
func ceil(t time.Time) task.Micros { return task.MicrosOf(t.Add(time.Microsecond - time.Nanosecond)) }

// reckon finds out when the next plan is due.
func (p *schedules) reckon() {
	p.due, p.held = 0, false
	for _, one := range p.plans {
		if at := one.due(); at != 0 && (p.due == 0 || at < p.due) {
			p.due = at
		}
		p.held = p.held || one.held && !one.busy
	}
}

// of returns the plan of that name, nil if there is none.
func (p *schedules) of(name string) *plan {
	i := slices.IndexFunc(p.plans, func(one *plan) bool { return one.Name == name })
	if i < 0 {
		return nil
	}
	return p.plans[i]
}

// fireSchedules decides what becomes of the runs that are due.
func (l *loop) fireSchedules(rd *round) {
	p := &l.schedules
	if l.takesNoWork() || l.s.draining.Load() {
		return
	}
	l.refresh(rd.wall)
	if !p.held && (p.due == 0 || rd.wall < p.due) {
		return
	}
	for _, one := range p.plans {
		if rd.size >= roundEvents {
			break
		}
		at := one.due()
		if at != 0 && at <= rd.wall || one.held && !one.busy && !rd.lives(one.LastTask) {
			l.decideRun(rd, one)
		}
	}
	p.reckon()
}

// scheduleSleep is how long no schedule is due.
func (l *loop) scheduleSleep() time.Duration {
	p := &l.schedules
	switch {
	case l.takesNoWork() || l.s.draining.Load():
		return longestSleep
	case p.stale && l.appending == nil:
		return 0
	case p.due == 0:
		return longestSleep
	}
	return (p.due - l.s.o.Wall()).Duration()
}

// lives reports whether the task has not ended; a task that cannot be found has.
func (rd *round) lives(name string) bool {
	id, ok := task.ParseID(name)
	if !ok {
		return false
	}
	state := rd.find(id)
	if state != nil {
		return !state.task.Status.Ended()
	}
	return rd.l.s.o.Views.Live(id)
}

// judge is how many runs have failed in a row, with the latest if that has ended.
func (rd *round) judge(p *plan) int {
	id, ok := task.ParseID(p.LastTask)
	if !ok || p.Judged {
		return p.Failures
	}
	state := rd.get(id)
	switch {
	case state == nil:
	case state.Status == task.Failed:
		return p.Failures + 1
	case state.Status == task.Success:
		return 0
	}
	return p.Failures
}
