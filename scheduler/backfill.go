package scheduler

import (
	"context"
	"slices"

	"daybook/schedule"
	"daybook/task"
)

// MostBackfilled is how many times one Backfill may be given.
const MostBackfilled = 200

// Backfill submits the task of a schedule for times that are over, all of them or none, and returns the tasks in
// order. seen is the schedule's LastSeq by which the caller has found out which times have not fired:
// ErrScheduleChanged if there are newer events. Errors: those of Schedule.
func (s *Scheduler) Backfill(ctx context.Context, actor, name string, seen int64, times []schedule.Occurrence) ([]Submitted, error) {
	a, err := s.ask(ctx, &request{actor: actor, recurs: &ScheduleCommand{Do: scheduleBackfill, Name: name, Seen: seen, times: times}})
	return a.tasks, err
}

// backfillSchedule decides the runs of times that are over.
func (l *loop) backfillSchedule(rd *round, r *request, p *plan) {
	submit, why := l.completeSubmit(rd, p)
	if why.why != "" || why.err != nil {
		rd.reply(r, answer{err: why.refusal()})
		return
	}
	times := r.recurs.times
	b := &batch{r: &request{actor: r.actor, submits: slices.Repeat([]task.Submit{submit}, len(times))},
		news: make([]newTask, len(times)), answers: make([]Submitted, len(times))}
	for i := range times {
		err := rd.decideSubmit(b, i)
		if err == nil && b.answers[i].old() {
			err = refused{why: schedule.SkipUnique}.refusal()
		}
		if err != nil {
			rd.reply(r, answer{err: err})
			return
		}
	}
	entry := rd.beginSchedule(p, r.actor, func(err error) {
		for i := range b.news {
			if err == nil {
				b.answers[i].Task.SubmitSeq, b.answers[i].Task.LastSeq = b.news[i].decided[0].Seq, b.news[i].decided[0].Seq
			}
		}
		l.scheduleAnswered(r, err, b.answers)
	})
	for i, o := range times {
		entry.fire(b, i, schedule.Fired{Nominal: o.Nominal, Due: o.At.UnixMicro(), Jitter: o.Due.Sub(o.At).Microseconds(),
			Task: b.news[i].id.String(), Backfill: true})
	}
}

// refusal is why there is no task for a run that somebody asked for.
func (why refused) refusal() error {
	switch {
	case why.err != nil:
		return why.err
	case why.why == schedule.SkipUnique:
		return &task.Refusal{Kind: task.ErrNotUnique, Detail: "wait until the key is free"}
	}
	return &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/task",
		Detail: "cannot be submitted any more; change the schedule"}}}
}
