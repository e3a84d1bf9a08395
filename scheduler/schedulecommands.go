package scheduler

import (
	"context"
	"errors"

	"daybook/projection"
	"daybook/schedule"
)

// Errors of what is asked of schedules. Nothing happened.
var (
	ErrScheduleExists   = errors.New("there is a schedule of that name")
	ErrNoSchedule       = errors.New("there is no schedule of that name")
	ErrScheduleChanged  = errors.New("the schedule was changed meanwhile")
	ErrTooManySchedules = errors.New("there are 1,000 schedules")
)

// ScheduleDo is what is asked of a schedule.
type ScheduleDo uint8

// What can be asked of a schedule.
const (
	ScheduleCreate ScheduleDo = iota // ErrScheduleExists if there is one of that name
	SchedulePut                      // make or replace it; the same again writes nothing
	ScheduleDelete
	SchedulePause
	ScheduleResume
	ScheduleRun // submit its task or workflow now
	scheduleBackfill
)

// ScheduleCommand asks something of a schedule. Its values have been checked.
type ScheduleCommand struct {
	Do         ScheduleDo
	Name       string
	Definition schedule.Definition // create, put
	Task       []byte              // create, put: what it submits, canonical JSON: with the TaskType WORKFLOW a workflow, else a task
	Seen       int64               // put: only if its definition is still that of this event; 0 = any
	Reason     string              // pause; "" = none

	times []schedule.Occurrence // of a backfill; Seen is the schedule's latest event
}

// Schedule carries out a command on a schedule. The task, or that of the workflow, is that of ScheduleRun. Errors: those
// above, a *task.Refusal, and those of every command.
func (s *Scheduler) Schedule(ctx context.Context, actor string, c ScheduleCommand) (Submitted, error) {
	a, err := s.ask(ctx, &request{actor: actor, recurs: &c})
	if err != nil || len(a.tasks) == 0 {
		return Submitted{}, err
	}
	return a.tasks[0], nil
}

// changeSchedule decides what is asked of a schedule.
func (l *loop) changeSchedule(rd *round, r *request) {
	c := r.recurs
	l.refresh(rd.wall)
	rd.size++
	p := l.schedules.of(c.Name)
	defines := c.Do == ScheduleCreate || c.Do == SchedulePut
	switch {
	case p != nil && p.busy: // what becomes of it is known soon
		l.backlog.again = append(l.backlog.again, input{request: r})
	case defines && p == nil && c.Seen != 0, p != nil && c.Seen != 0 && c.seen(p) != c.Seen:
		rd.reply(r, answer{err: ErrScheduleChanged})
	case p == nil && !defines:
		rd.reply(r, answer{err: ErrNoSchedule})
	case p != nil && c.Do == ScheduleCreate:
		rd.reply(r, answer{err: ErrScheduleExists})
	case p == nil && len(l.schedules.plans) >= projection.MaxSchedules:
		rd.reply(r, answer{err: ErrTooManySchedules})
	case p == nil:
		l.createSchedule(rd, r)
	case c.Do == SchedulePut && p.Definition == c.Definition,
		c.Do == SchedulePause && p.PausedAt != 0,
		c.Do == ScheduleResume && p.PausedAt == 0:
		rd.reply(r, answer{})
	case c.Do == ScheduleRun:
		l.runSchedule(rd, r, p)
	case c.Do == scheduleBackfill:
		l.backfillSchedule(rd, r, p)
	default:
		l.editSchedule(rd, r, p)
	}
	l.schedules.reckon()
}

// seen is the event that Seen is compared with.
func (c *ScheduleCommand) seen(p *plan) int64 {
	if c.Do == scheduleBackfill {
		return p.LastSeq
	}
	return p.DefinedSeq
}

// clock is the wall clock if it is behind the time of events, else 0.
func (rd *round) clock() int64 {
	if rd.wall < rd.now {
		return int64(rd.wall)
	}
	return 0
}

func (l *loop) createSchedule(rd *round, r *request) {
	c := r.recurs
	p := &plan{Schedule: &projection.Schedule{Definition: c.Definition}, dead: true}
	l.schedules.plans = append(l.schedules.plans, p) // so that no other one gets its name
	entry := rd.beginSchedule(p, r.actor, func(err error) { l.scheduleAnswered(r, err) })
	entry.stream = "schedule:" + l.ids.next(rd.now).String()
	entry.add("created", schedule.Defined{Definition: c.Definition, Clock: rd.clock()}, c.Task)
}

// editSchedule changes, deletes, pauses or resumes a schedule.
func (l *loop) editSchedule(rd *round, r *request, p *plan) {
	c := r.recurs
	if c.Do == ScheduleResume {
		l.resumeSchedule(rd, r, p)
		return
	}
	entry := rd.beginSchedule(p, r.actor, func(err error) { l.scheduleAnswered(r, err) })
	switch c.Do {
	case SchedulePut:
		entry.add("changed", schedule.Defined{Definition: c.Definition, Clock: rd.clock()}, c.Task)
	case ScheduleDelete:
		entry.add("deleted", struct{}{}, nil)
	default:
		entry.add("paused", schedule.Paused{Why: "request"}, textPayload("reason", c.Reason))
	}
}

// resumeSchedule resumes a schedule, and says what was skipped meanwhile.
func (l *loop) resumeSchedule(rd *round, r *request, p *plan) {
	entry := rd.beginSchedule(p, r.actor, func(err error) { l.scheduleAnswered(r, err) })
	if last, some := p.latest(rd.wall.Time()); some {
		entry.skip(p.next, last, schedule.SkipPaused, nil)
	}
	entry.add("resumed", schedule.Resumed{Clock: rd.clock()}, nil)
}

// runSchedule submits what a schedule submits now, whatever else is due.
func (l *loop) runSchedule(rd *round, r *request, p *plan) {
	f, why := l.decideFiring(rd, p, r.actor, 1)
	if f == nil {
		rd.reply(r, answer{err: why.refusal(p)})
		return
	}
	entry := rd.beginSchedule(p, r.actor, func(err error) { l.firingAnswered(r, err, f) })
	entry.fire(f, 0, schedule.Fired{Due: int64(rd.wall), Failures: rd.judge(p)})
}

// firingAnswered answers the command with its tasks once its outcome is known.
func (l *loop) firingAnswered(r *request, err error, f *firing) {
	if err != nil {
		l.requestDropped(r, err)
		return
	}
	r.done <- answer{tasks: f.tasks()}
}

// scheduleAnswered answers the command once its outcome is known.
func (l *loop) scheduleAnswered(r *request, err error) {
	if err != nil {
		l.requestDropped(r, err)
		return
	}
	r.done <- answer{}
}
