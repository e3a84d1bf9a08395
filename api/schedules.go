package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/schedule"
	"daybook/scheduler"
	"daybook/task"
)

// shownRuns is how many runs that are to come a schedule shows.
const shownRuns = 5

// schedules answers GET /api/schedules.
func (a *API) schedules(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	list, seq := a.Views.Schedules()
	var w jsontext.Writer
	w.Array()
	for _, s := range list {
		if err := a.writeSchedule(r.Context(), w.Item(), s); err != nil {
			return err
		}
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// schedule answers GET /api/schedules/{name}.
func (a *API) schedule(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	return a.sendSchedule(p, r, p.id)
}

func (a *API) sendSchedule(p *reply, r *http.Request, name string) error {
	s, seq := a.Views.Schedule(name)
	if s == nil {
		return scheduler.ErrNoSchedule
	}
	var w jsontext.Writer
	if err := a.writeSchedule(r.Context(), &w, s); err != nil {
		return err
	}
	p.shows(seq)
	return p.send(typeJSON, w)
}

// createSchedule answers POST /api/schedules.
func (a *API) createSchedule(p *reply, r *http.Request) error {
	return a.defineSchedule(p, r, "", scheduler.ScheduleCreate)
}

// putSchedule answers PUT /api/schedules/{name}.
func (a *API) putSchedule(p *reply, r *http.Request) error {
	return a.defineSchedule(p, r, p.id, scheduler.SchedulePut)
}

func (a *API) defineSchedule(p *reply, r *http.Request, name string, do scheduler.ScheduleDo) error {
	body, done, err := a.workerBody(p, r)
	if err != nil {
		return err
	}
	defer done()
	if name != "" {
		var bad []task.FieldError
		if (object{"/name", &bad}).scheduleName(jsontext.AppendString(nil, name)); bad != nil {
			return invalids(bad)
		}
	}
	s, err := a.readSchedule(body, name)
	if err != nil {
		return err
	}
	return a.changeSchedule(p, r, scheduler.ScheduleCommand{Do: do, Name: s.def.Name, Definition: s.def, Task: s.task})
}

// changeSchedule carries out a command and answers with the schedule.
func (a *API) changeSchedule(p *reply, r *http.Request, c scheduler.ScheduleCommand) error {
	if _, err := a.Scheduler.Schedule(r.Context(), p.caller.actor(), c); err != nil {
		return err
	}
	return a.sendSchedule(p, r, c.Name)
}

// patchSchedule answers PATCH /api/schedules/{name}: the fields that are given replace those that
// are there, null takes one away.
func (a *API) patchSchedule(p *reply, r *http.Request) error {
	body, done, err := a.workerBody(p, r)
	if err != nil {
		return err
	}
	defer done()
	if !jsontext.IsObject(body) {
		return invalid("", "must be a JSON object")
	}
	old, _ := a.Views.Schedule(p.id)
	if old == nil {
		return scheduler.ErrNoSchedule
	}
	taskBody, err := a.Payloads.Get(r.Context(), old.DefinedSeq)
	if err != nil && !errors.Is(err, eventlog.ErrNotFound) {
		return err
	}
	var w jsontext.Writer
	w.Object()
	writeDefinition(&w, &old.Definition, taskBody)
	w.EndObject()
	fields := map[string]json.RawMessage{}
	for key, value := range jsontext.Members(w) {
		fields[string(key)] = value
	}
	for key, value := range jsontext.Members(body) {
		fields[string(key)] = value
		switch string(key) { // one stands for the other
		case "cron":
			delete(fields, "every_seconds")
		case "every_seconds":
			delete(fields, "cron")
		}
	}
	w = w[:0]
	w.Object()
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		w.StringKey(key).Raw(fields[key])
	}
	w.EndObject()
	s, err := a.readSchedule(w, p.id)
	if err != nil {
		return err
	}
	return a.changeSchedule(p, r, scheduler.ScheduleCommand{Do: scheduler.SchedulePut, Name: p.id, Definition: s.def, Task: s.task, Seen: old.DefinedSeq})
}

// deleteSchedule answers DELETE /api/schedules/{name}.
func (a *API) deleteSchedule(p *reply, r *http.Request) error {
	if err := a.plainCall(p, r); err != nil {
		return err
	}
	if _, err := a.Scheduler.Schedule(r.Context(), p.caller.actor(), scheduler.ScheduleCommand{Do: scheduler.ScheduleDelete, Name: p.id}); err != nil {
		return err
	}
	var w jsontext.Writer
	w.Object()
	w.Key("message").String("Schedule deleted; tasks that it has made go on")
	w.Key("name").String(p.id)
	w.EndObject()
	return p.send(typeJSON, w)
}

// plainCall checks a request that is a path and nothing else.
func (a *API) plainCall(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	return a.noBody(p, r)
}

// pauseSchedule answers POST /api/schedules/{name}/pause.
func (a *API) pauseSchedule(p *reply, r *http.Request) error {
	body, done, err := a.workerBody(p, r)
	if err != nil {
		return err
	}
	defer done()
	var bad []task.FieldError
	reason := ""
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		if key == "reason" && !jsontext.IsNull(value) {
			reason = o.text(value, 1, 1000)
		}
		return key == "reason"
	})
	if bad != nil {
		return invalids(bad)
	}
	return a.changeSchedule(p, r, scheduler.ScheduleCommand{Do: scheduler.SchedulePause, Name: p.id, Reason: reason})
}

// resumeSchedule answers POST /api/schedules/{name}/resume.
func (a *API) resumeSchedule(p *reply, r *http.Request) error {
	if err := a.plainCall(p, r); err != nil {
		return err
	}
	return a.changeSchedule(p, r, scheduler.ScheduleCommand{Do: scheduler.ScheduleResume, Name: p.id})
}

// runSchedule answers POST /api/schedules/{name}/run with the task.
func (a *API) runSchedule(p *reply, r *http.Request) error {
	if err := a.plainCall(p, r); err != nil {
		return err
	}
	run, err := a.Scheduler.Schedule(r.Context(), p.caller.actor(), scheduler.ScheduleCommand{Do: scheduler.ScheduleRun, Name: p.id})
	if err != nil {
		return single(err)
	}
	return a.sendTask(p, r, &run.Task, run.Task.LastSeq)
}

// scheduleRuns answers GET /api/schedules/{name}/runs: the latest first.
func (a *API) scheduleRuns(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	s, seq := a.Views.Schedule(p.id)
	if s == nil {
		return scheduler.ErrNoSchedule
	}
	var w jsontext.Writer
	w.Array()
	events, err := a.runEvents(r.Context(), s, len(s.Runs))
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := a.writeRun(r.Context(), w.Item(), e); err != nil {
			return err
		}
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// runEvents are the events of the latest runs of a schedule, the latest first.
func (a *API) runEvents(ctx context.Context, s *projection.Schedule, most int) ([]*eventlog.Event, error) {
	var seqs []int64
	for _, run := range s.Runs {
		seqs = append(seqs, run.Seq)
	}
	slices.Sort(seqs)
	slices.Reverse(seqs)
	seqs = slices.Compact(seqs[:min(most, len(seqs))])
	if len(seqs) == 0 {
		return nil, nil
	}
	return a.Log.Events(ctx, seqs)
}

// writeRun writes what became of a nominal time.
func (a *API) writeRun(ctx context.Context, w *jsontext.Writer, e *eventlog.Event) error {
	var d struct {
		schedule.Skipped
		Jitter int64  `json:"jitter"`
		Task   string `json:"task"`
	}
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("read event %d: %w", e.Seq, err)
	}
	w.Object()
	w.Key("nominal").OptionalString(d.Nominal)
	w.Key("due").Time(d.Due + d.Jitter)
	w.Key("at").Time(e.At)
	w.Key("late_seconds").Seconds(d.Late)
	if e.Type == "schedule.fired" {
		w.Key("outcome").String("fired")
	} else {
		w.Key("outcome").String("skipped")
	}
	w.Key("why").OptionalString(d.Why)
	w.Key("detail")
	if e.HasPayload {
		detail, err := a.textOf(ctx, e.Seq, "error")
		if err != nil {
			return err
		}
		w.OptionalString(detail)
	} else {
		w.Null()
	}
	w.Key("task_id").OptionalString(d.Task)
	w.Key("status")
	if id, ok := task.ParseID(d.Task); ok && e.Type == "schedule.fired" {
		status := ""
		if t, err := a.Views.Find(id); err == nil && t != nil {
			status = t.Status.String()
		}
		w.OptionalString(status)
	} else {
		w.Null()
	}
	w.Key("count").Int(int64(max(d.Count, 1)))
	w.Key("more").Bool(d.More)
	w.Key("last").OptionalString(d.Last)
	w.Key("seq").Int(e.Seq)
	w.EndObject()
	return nil
}

// textOf is one text of a payload, "" if it is gone.
func (a *API) textOf(ctx context.Context, seq int64, key string) (string, error) {
	body, err := a.Payloads.Get(ctx, seq)
	if errors.Is(err, eventlog.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var texts map[string]string
	_ = json.Unmarshal(body, &texts) // "" for what is none
	return texts[key], nil
}

// writeDefinition writes the fields of a schedule as a request has them.
func writeDefinition(w *jsontext.Writer, d *schedule.Definition, body []byte) {
	w.Key("name").String(d.Name)
	w.Key("cron").OptionalString(d.Cron)
	w.Key("every_seconds").OptionalSeconds(d.Every)
	w.Key("timezone").String(d.Timezone)
	w.Key("dst").Object()
	w.Key("gap").String(d.Gap)
	w.Key("overlap").String(d.Twice)
	w.EndObject()
	w.Key("task").Raw(body)
	w.Key("overlap").String(d.Overlap)
	w.Key("catch_up").String(d.CatchUp)
	w.Key("max_lateness_seconds").Seconds(d.MaxLateness)
	w.Key("jitter_seconds").OptionalSeconds(d.Jitter)
	w.Key("starts_at").OptionalTime(d.StartsAt)
	w.Key("ends_at").OptionalTime(d.EndsAt)
	w.Key("pause_on_failure")
	if d.PauseOnFailure == 0 {
		w.Null()
	} else {
		w.Int(int64(d.PauseOnFailure))
	}
}

func (a *API) writeSchedule(ctx context.Context, w *jsontext.Writer, s *projection.Schedule) error {
	body, err := a.Payloads.Get(ctx, s.DefinedSeq)
	if err != nil && !errors.Is(err, eventlog.ErrNotFound) { // it may have been erased
		return err
	}
	w.Object()
	writeDefinition(w, &s.Definition, body)
	var next []schedule.Occurrence
	words := ""
	if calendar, err := schedule.Parse(s.Spec()); err == nil {
		words = calendar.Words()
		if s.PausedAt == 0 {
			next = upcoming(calendar, max(s.Mark, task.MicrosOf(time.Now())).Time(), shownRuns)
		}
	}
	w.Key("in_words").String(words)
	writeTimes(w.Key("next_runs"), next)
	w.Key("last_run")
	latest, err := a.runEvents(ctx, s, 1)
	if err != nil {
		return err
	}
	if len(latest) == 0 {
		w.Null()
	} else if err := a.writeRun(ctx, w, latest[0]); err != nil {
		return err
	}
	w.Key("paused").Bool(s.PausedAt != 0)
	w.Key("paused_at").OptionalTime(int64(s.PausedAt))
	w.Key("paused_why").OptionalString(s.PausedWhy)
	reason := ""
	if s.PausedSeq != 0 {
		if reason, err = a.textOf(ctx, s.PausedSeq, "reason"); err != nil {
			return err
		}
	}
	w.Key("paused_reason").OptionalString(reason)
	w.Key("failures_in_row").Int(int64(s.Failures))
	w.Key("fired").Int(s.Fired)
	w.Key("skipped").Int(s.Skipped)
	w.Key("created_at").Time(int64(s.CreatedAt))
	w.Key("changed_at").Time(int64(s.ChangedAt))
	w.Key("stream").String(s.Stream())
	w.EndObject()
	return nil
}

func writeTimes(w *jsontext.Writer, list []schedule.Occurrence) {
	w.Array()
	for _, o := range list {
		w.Item().Time(o.Due.UnixMicro())
	}
	w.EndArray()
}

// previewSchedule answers POST /api/schedules/preview.
func (a *API) previewSchedule(p *reply, r *http.Request) error {
	body, done, err := a.workerBody(p, r)
	if err != nil {
		return err
	}
	defer done()
	var bad []task.FieldError
	def := schedule.Definition{Timezone: "UTC"}
	count := usualPreview
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		switch key {
		case "count":
			if !jsontext.IsNull(value) {
				count = o.integer(value, 1, mostPreview)
			}
			return true
		case "task":
			return false
		}
		return readTimes(&def, o, key, value)
	})
	var calendar *schedule.Calendar
	if bad == nil {
		calendar = checkTimes(&def, &bad)
	}
	if bad != nil {
		return invalids(bad)
	}
	var w jsontext.Writer
	w.Object()
	w.Key("in_words").String(calendar.Words())
	writeTimes(w.Key("next_runs"), upcoming(calendar, time.Now(), count))
	w.EndObject()
	return p.send(typeJSON, w)
}
