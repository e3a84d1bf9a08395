package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/schedule"
	"daybook/scheduler"
	"daybook/task"
)

const (
	mostBackfill = 10_000  // tasks or workflows of a backfill
	mostTimes    = 200_000 // times of its range, with those that have fired
)

// backfillRequest is the body of a backfill.
type backfillRequest struct {
	from, to task.Micros
	dryRun   bool
}

// backfillTime is a time of a backfill, with its task once that is submitted.
type backfillTime struct {
	schedule.Occurrence
	task string
}

// backfillSchedule answers POST /api/schedules/{name}/backfill: it submits the task or workflow of the schedule for the times of a
// range that is over, each once. It is done in parts: after an error, the same again goes on.
func (a *API) backfillSchedule(p *reply, r *http.Request) error {
	body, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	want, err := readBackfill(body, task.MicrosOf(time.Now()))
	if err != nil {
		return err
	}
	f := fired{of: p.id, nominal: make(map[string]bool)}
	var times []backfillTime
	leftOut := 0
	for done := 0; ; {
		s, _ := a.Views.Schedule(p.id)
		if s == nil {
			return scheduler.ErrNoSchedule
		}
		if err := f.read(r.Context(), a.Log); err != nil {
			return err
		}
		if done == 0 {
			if times, leftOut, err = f.open(s, want); err != nil {
				return err
			}
		}
		if want.dryRun || done == len(times) {
			break
		}
		part := times[done:min(done+scheduler.MostBackfilled, len(times))]
		occurrences := make([]schedule.Occurrence, len(part))
		for i := range part {
			occurrences[i] = part[i].Occurrence
		}
		tasks, err := a.sched().Backfill(r.Context(), p.caller.actor(), p.id, s.LastSeq, occurrences)
		if errors.Is(err, scheduler.ErrScheduleChanged) { // it has fired meanwhile, or was changed
			if now, _ := a.Views.Schedule(p.id); done == 0 || now != nil && now.DefinedSeq == s.DefinedSeq {
				continue
			}
		}
		if err != nil {
			return single(err)
		}
		for i := range tasks {
			part[i].task = tasks[i].Task.ID.String()
		}
		done += len(tasks)
	}
	return a.sendBackfill(p, want, times, leftOut)
}

func (a *API) sendBackfill(p *reply, want backfillRequest, times []backfillTime, leftOut int) error {
	var w jsontext.Writer
	w.Object()
	w.Key("name").String(p.id)
	w.Key("dry_run").Bool(want.dryRun)
	submitted := len(times)
	if want.dryRun {
		submitted = 0
	}
	w.Key("submitted").Int(int64(submitted))
	w.Key("left_out").Int(int64(leftOut))
	w.Key("times").Array()
	for i := range times {
		t := &times[i]
		w.Item().Object()
		w.Key("nominal").String(t.Nominal)
		w.Key("due").Time(t.At.UnixMicro())
		w.Key("task_id").OptionalString(t.task)
		w.EndObject()
	}
	w.EndArray()
	w.EndObject()
	p.shows(a.Views.Seq())
	return p.send(typeJSON, w)
}

func readBackfill(body []byte, now task.Micros) (want backfillRequest, err error) {
	var bad []task.FieldError
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		switch key {
		case "from":
			want.from = o.moment(value)
		case "to":
			want.to = o.moment(value)
		case "dry_run":
			want.dryRun = o.yes(value)
		default:
			return false
		}
		return true
	})
	if bad != nil {
		return want, invalids(bad)
	}
	for _, one := range []struct {
		key string
		at  task.Micros
	}{{"/from", want.from}, {"/to", want.to}} {
		if one.at == 0 {
			object{one.key, &bad}.wrong("is required: a time like 2026-11-24T12:00:00Z")
		}
	}
	switch {
	case bad != nil:
	case want.to > now:
		object{"/to", &bad}.wrong("must not be in the future; the schedule fires by itself then")
	case want.from >= want.to:
		object{"/from", &bad}.wrong("must be before to")
	}
	if bad != nil {
		return want, invalids(bad)
	}
	return want, nil
}

// fired is the nominal times of the schedules of one name that have fired, as far as the log was read.
type fired struct {
	of      string
	streams []string
	nominal map[string]bool
	after   int64
}

// read reads what the log has since.
func (f *fired) read(ctx context.Context, log eventlog.Log) error {
	filter := eventlog.Filter{Types: []string{"schedule.created", "schedule.fired"}}
	for head := log.Head().Seq; f.after < head; {
		page, err := log.Read(ctx, f.after, filter, eventPage)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := f.add(e); err != nil {
				return fmt.Errorf("read event %d: %w", e.Seq, err)
			}
		}
		if page.Scanned <= f.after {
			return nil
		}
		f.after = page.Scanned
	}
	return nil
}

func (f *fired) add(e *eventlog.Event) error {
	if e.Type == "schedule.created" {
		var d schedule.Defined
		err := json.Unmarshal(e.Data, &d)
		if d.Name == f.of {
			f.streams = append(f.streams, strings.Clone(e.Stream))
		}
		return err
	}
	if !slices.Contains(f.streams, e.Stream) {
		return nil
	}
	var d schedule.Fired
	err := json.Unmarshal(e.Data, &d)
	f.nominal[d.Nominal] = true
	return err
}

// open lists the times of the range that have not fired, and counts those that have, or that the schedule is still
// to decide.
func (f *fired) open(s *projection.Schedule, want backfillRequest) (list []backfillTime, leftOut int, err error) {
	calendar, err := schedule.Parse(s.Spec())
	if err != nil {
		return nil, 0, invalid("", "the schedule cannot be used; change it first")
	}
	var bad []task.FieldError
	for at := want.from.Time().Add(-time.Nanosecond); ; {
		o, ok := calendar.Next(at)
		if !ok || !o.At.Before(want.to.Time()) {
			return list, leftOut, nil
		}
		at = o.At
		switch {
		case f.nominal[o.Nominal], s.Mark < task.MicrosOf(o.At):
			leftOut++
		default:
			list = append(list, backfillTime{Occurrence: o})
		}
		if len(list) > mostBackfill || len(list)+leftOut > mostTimes {
			object{"/to", &bad}.wrong("leaves over " + itoa(mostBackfill) + " tasks to submit, or too many times to look at; take a shorter range")
			return nil, 0, invalids(bad)
		}
	}
}
