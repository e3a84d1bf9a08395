package scheduler

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/schedule"
	"daybook/task"
)

// reasonCancelled is the reason of a cancel.
const reasonCancelled = "the schedule runs it anew"

// scheduleEntry is the events of one schedule that are appended together.
type scheduleEntry struct {
	rd      *round
	p       *plan
	stream  string
	version int64
}

// beginSchedule begins an entry about a schedule. Until its outcome is known nothing else is decided
// about the schedule. after may be nil.
func (rd *round) beginSchedule(p *plan, actor string, after func(error)) *scheduleEntry {
	l := rd.l
	p.busy = true
	rd.begin(actor, false, func(err error) {
		p.busy, p.moved, l.schedules.stale = false, true, true
		if errors.Is(err, eventlog.ErrInvalid) && after == nil {
			p.dead = true
			l.s.o.Logger.Error("the log refuses the events of a schedule; it waits for the next start of the server", "schedule", p.Name)
		}
		if after != nil {
			after(err)
		}
	})
	return &scheduleEntry{rd, p, p.Stream(), p.Version}
}

// add adds an event of the schedule. payload may be nil.
func (e *scheduleEntry) add(name string, data any, payload []byte) {
	e.version++
	e.rd.addOther(&eventlog.Event{Stream: e.stream, Version: e.version, Type: "schedule." + name, V: 1,
		Data: schedule.Encode(data), Payload: payload, HasPayload: payload != nil})
	e.rd.size++
}

// decideRun decides what becomes of the runs of a schedule that are due. What follows is one entry.
func (l *loop) decideRun(rd *round, p *plan) {
	def, wall := &p.Definition, rd.wall.Time()
	failures := rd.judge(p)
	if n := def.PauseOnFailure; n > 0 && failures >= n {
		rd.beginSchedule(p, ActorScheduler, nil).add("paused", schedule.Paused{Why: "failures", Failures: failures}, nil)
		return
	}
	var entry *scheduleEntry // begun when there is something to write
	skip := func(first, last schedule.Occurrence, why string, payload []byte) {
		if entry == nil {
			entry = rd.beginSchedule(p, ActorScheduler, nil)
		}
		entry.skip(first, last, why, payload)
		p.after(last.At)
	}
	isDue := func() bool { return p.ok && !p.next.Due.After(wall) }

	tooLate := wall.Add(-time.Duration(def.MaxLateness)*time.Microsecond - time.Microsecond)
	if last, some := p.latest(tooLate); some {
		skip(p.next, last, schedule.SkipLate, nil)
	}
	lives := rd.lives(p.LastTask)
	waits := lives && def.Overlap == "buffer_one"
	if last, some := p.latest(wall); some && (def.CatchUp != "all" || waits) {
		why := schedule.SkipCatchUp
		if waits {
			why = schedule.SkipOverlap
		}
		if last.At.After(p.next.At) {
			before, _ := p.latest(last.Due.Add(-time.Nanosecond))
			skip(p.next, before, why, nil)
		}
		if def.CatchUp == "none" && !waits && wall.Sub(p.next.Due) > onTime.Duration() {
			skip(p.next, p.next, why, nil)
		}
	}
	if !isDue() {
		return
	}
	switch {
	case waits:
		p.held = true
		return
	case p.next.Shifted && def.Gap == "skip":
		skip(p.next, p.next, schedule.SkipGap, nil)
		return
	case lives && def.Overlap == "skip":
		skip(p.next, p.next, schedule.SkipOverlap, nil)
		return
	}
	f, why := l.decideFiring(rd, p, ActorScheduler, 1)
	if f == nil {
		if why.err != nil { // the views or the log cannot say for now
			p.again = rd.wall + task.Second
			l.s.o.Logger.Warn("a schedule cannot submit for now", "schedule", p.Name, "error", why.err)
			return
		}
		skip(p.next, p.next, why.why, why.payload)
		return
	}
	if entry == nil {
		entry = rd.beginSchedule(p, ActorScheduler, nil)
	}
	if lives && def.Overlap == "cancel_other" {
		rd.cancelLast(p)
	}
	entry.fire(f, 0, schedule.Fired{
		Nominal: p.next.Nominal, Due: p.next.At.UnixMicro(), Jitter: p.next.Due.Sub(p.next.At).Microseconds(),
		Late: max(0, wall.Sub(p.next.Due).Microseconds()), Failures: failures,
	})
}

// latest is the last occurrence from next on that is due by a moment; false if none is.
func (p *plan) latest(due time.Time) (schedule.Occurrence, bool) {
	if !p.ok || p.next.Due.After(due) {
		return schedule.Occurrence{}, false
	}
	if second, ok := p.calendar.Next(p.next.At); !ok || second.Due.After(due) {
		return p.next, true
	}
	last, ok := p.calendar.Latest(p.next.At.Add(-time.Nanosecond), due)
	for ok && p.final[last.Nominal] { // next is not
		last, ok = p.calendar.Latest(p.next.At.Add(-time.Nanosecond), last.Due.Add(-time.Nanosecond))
	}
	return last, ok
}

// skip adds that the runs from first to last do not fire.
func (e *scheduleEntry) skip(first, last schedule.Occurrence, why string, payload []byte) {
	data := schedule.Skipped{Nominal: first.Nominal, Due: first.At.UnixMicro(), Why: why,
		Late: max(0, e.rd.wall.Time().Sub(first.Due).Microseconds())}
	if last.At.After(first.At) {
		data.Last, data.LastDue = last.Nominal, last.At.UnixMicro()
		data.Count = e.p.calendar.Count(first.At.Add(-time.Nanosecond), last.At, countedSkips+1)
		if data.More = data.Count > countedSkips; data.More {
			data.Count = countedSkips
		}
	}
	if why == schedule.SkipOverlap {
		data.Task = e.p.LastTask
	}
	e.add("skipped", data, payload)
}

// cancelLast cancels the task of the run before, in the latest entry.
func (rd *round) cancelLast(p *plan) {
	id, _ := task.ParseID(p.LastTask)
	state := rd.get(id)
	if state == nil {
		return
	}
	decided, refusal := rd.decideOn(state, task.Cancel{Reason: reasonCancelled})
	if refusal != nil || len(decided) == 0 {
		return
	}
	rd.add(rd.own(id, state), id, decided)
	rd.size++
}

func errorPayload(err error) []byte { return textPayload("error", err.Error()) }

// textPayload is a payload with one text; nil for "".
func textPayload(key, text string) []byte {
	if text == "" {
		return nil
	}
	body, _ := json.Marshal(map[string]string{key: strings.ToValidUTF8(text, "\uFFFD")}) // strings always marshal
	return body
}
