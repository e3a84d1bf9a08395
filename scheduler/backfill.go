package scheduler

import (
	"context"

	"daybook/schedule"
)

// MostBackfilled is how many times one Backfill may be given, and about how many tasks it submits.
const MostBackfilled = 200

// Backfill submits the task or workflow of a schedule for the first of some times that are over: as many as one commit takes, at least one. It
// returns the tasks, or those of the workflows, in order. seen is the schedule's LastSeq by which the caller has found out which times have
// not fired: ErrScheduleChanged if there are newer events. Errors: those of Schedule; then nothing was submitted.
func (s *Scheduler) Backfill(ctx context.Context, actor, name string, seen int64, times []schedule.Occurrence) ([]Submitted, error) {
	a, err := s.ask(ctx, &request{actor: actor, recurs: &ScheduleCommand{Do: scheduleBackfill, Name: name, Seen: seen, times: times}})
	return a.tasks, err
}

// backfillSchedule decides the runs of times that are over.
func (l *loop) backfillSchedule(rd *round, r *request, p *plan) {
	times := r.recurs.times
	if _, flow, _ := l.readFiring(rd, p); flow != nil {
		times = times[:min(len(times), max(1, MostBackfilled/(1+len(flow.Tasks))))]
	}
	f, why := l.decideFiring(rd, p, r.actor, len(times))
	if f == nil {
		rd.reply(r, answer{err: why.refusal(p)})
		return
	}
	entry := rd.beginSchedule(p, r.actor, func(err error) { l.firingAnswered(r, err, f) })
	for i, o := range times {
		entry.fire(f, i, schedule.Fired{Nominal: o.Nominal, Due: o.At.UnixMicro(), Jitter: o.Due.Sub(o.At).Microseconds(), Backfill: true})
	}
}
