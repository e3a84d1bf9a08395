package api

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
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
	body, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
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
	return a.changeSchedule(p, r, s.command(do))
}

// changeSchedule carries out a command and answers with the schedule.
func (a *API) changeSchedule(p *reply, r *http.Request, c scheduler.ScheduleCommand) error {
	if c.Do == scheduler.SchedulePut {
		if err := mayChange("schedule", c.Name, a.scheduleDeclaredIn(c.Name)); err != nil {
			return err
		}
	}
	if _, err := a.sched().Schedule(r.Context(), p.caller.actor(), c); err != nil {
		return err
	}
	return a.sendSchedule(p, r, c.Name)
}

// patchSchedule answers PATCH /api/schedules/{name}: the fields that are given replace those that
// are there, null takes one away.
func (a *API) patchSchedule(p *reply, r *http.Request) error {
	body, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
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
		if jsontext.IsNull(value) {
			continue
		}
		switch string(key) { // one stands for the other
		case "cron":
			delete(fields, "every_seconds")
		case "every_seconds":
			delete(fields, "cron")
		case "task":
			delete(fields, "workflow")
		case "workflow":
			delete(fields, "task")
		}
	}
	var changed jsontext.Writer
	changed.Object()
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		changed.StringKey(key).Raw(fields[key])
	}
	changed.EndObject()
	s, err := a.readSchedule(changed, p.id)
	if err != nil {
		return err
	}
	put := s.command(scheduler.SchedulePut)
	put.Seen = old.DefinedSeq
	return a.changeSchedule(p, r, put)
}

// deleteSchedule answers DELETE /api/schedules/{name}.
func (a *API) deleteSchedule(p *reply, r *http.Request) error {
	if err := a.plainCall(p, r); err != nil {
		return err
	}
	if err := mayChange("schedule", p.id, a.scheduleDeclaredIn(p.id)); err != nil {
		return err
	}
	if _, err := a.sched().Schedule(r.Context(), p.caller.actor(), scheduler.ScheduleCommand{Do: scheduler.ScheduleDelete, Name: p.id}); err != nil {
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
	body, err := a.optionalObject(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	reason := ""
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		if key == "reason" && !jsontext.IsNull(value) {
			reason = o.plainText(value, 1, 1000)
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

// runSchedule answers POST /api/schedules/{name}/run with the task, or that of the workflow.
func (a *API) runSchedule(p *reply, r *http.Request) error {
	if err := a.plainCall(p, r); err != nil {
		return err
	}
	run, err := a.sched().Schedule(r.Context(), p.caller.actor(), scheduler.ScheduleCommand{Do: scheduler.ScheduleRun, Name: p.id})
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

// previewSchedule answers POST /api/schedules/preview.
func (a *API) previewSchedule(p *reply, r *http.Request) error {
	body, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
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
	calendar := checkTimes(&def, &bad)
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
