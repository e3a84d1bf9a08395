package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/schedule"
	"daybook/scheduler"
	"daybook/task"
)

// Limits of a schedule.
const (
	longestLateness = 366 * 86400 // seconds
	usualLateness   = 3600
	mostPreview     = 100
	usualPreview    = 5
	lastMoment      = 4102444800 * task.Second // 2100
)

// scheduleRequest is a schedule as a request gives it.
type scheduleRequest struct {
	def      schedule.Definition
	task     []byte // what it submits, canonical JSON; nil = workflow is
	workflow []byte
}

// command is the command that creates or replaces the schedule.
func (s *scheduleRequest) command(do scheduler.ScheduleDo) scheduler.ScheduleCommand {
	body := s.task
	if body == nil {
		body = s.workflow
	}
	return scheduler.ScheduleCommand{Do: do, Name: s.def.Name, Definition: s.def, Task: body}
}

// readSchedule reads a schedule. name is that of the path, "" if the body has it.
func (a *API) readSchedule(body []byte, name string) (*scheduleRequest, error) {
	return readSchedule(a.Intake, body, name)
}

// readSchedule reads a schedule, whose task in checks.
func readSchedule(in *intake.Intake, body []byte, name string) (*scheduleRequest, error) {
	var bad []task.FieldError
	s := &scheduleRequest{def: schedule.Definition{Name: name, Timezone: "UTC", Gap: schedule.Gaps[0], Twice: schedule.Overlaps[0],
		Overlap: schedule.Policies[0], CatchUp: schedule.CatchUps[0], MaxLateness: usualLateness * int64(task.Second)}}
	o := object{"", &bad}
	o.each(body, func(o object, key string, value []byte) bool {
		if key == "name" {
			if given := o.scheduleName(value); name != "" && given != name {
				o.wrong("must be the name in the path, or be left out")
			} else {
				s.def.Name = given
			}
			return true
		}
		return s.field(o, key, value)
	})
	checkTimes(&s.def, &bad)
	if s.def.Name == "" && !o.has("/name") {
		object{"/name", &bad}.wrong("is required")
	}
	switch {
	case s.task != nil && s.workflow != nil:
		object{"/workflow", &bad}.wrong("must not be given together with task; a schedule submits one of them")
	case s.workflow != nil:
		s.checkWorkflow(in, &bad)
	case s.task != nil:
		s.checkTask(in, &bad)
	default:
		object{"/task", &bad}.wrong("is required: the body of POST /api/tasks/submit; or give workflow, the body of POST /api/workflows")
	}
	if bad != nil {
		return nil, invalids(bad)
	}
	return s, nil
}

func (o object) scheduleName(value []byte) string {
	name := o.text(value, 1, 64)
	if name != "" && (!task.NewName(name) || name == "preview") {
		o.wrong(task.NameRule + `, and not "preview"`)
	}
	return name
}

// field reads a field that is not the name.
func (s *scheduleRequest) field(o object, key string, value []byte) bool {
	if jsontext.IsNull(value) {
		return slices.Contains(scheduleFields, key)
	}
	switch key {
	case "task":
		if !jsontext.IsObject(value) {
			o.wrong("must be a JSON object: the body of POST /api/tasks/submit")
		}
		s.task = bytes.Clone(value)
	case "workflow":
		if !jsontext.IsObject(value) {
			o.wrong("must be a JSON object: the body of POST /api/workflows")
		}
		s.workflow = bytes.Clone(value)
	case "overlap":
		s.def.Overlap = o.choice(value, schedule.Policies)
	case "catch_up":
		s.def.CatchUp = o.choice(value, schedule.CatchUps)
	case "max_lateness_seconds":
		s.def.MaxLateness = int64(o.span(value, 1, longestLateness))
	case "pause_on_failure":
		s.def.PauseOnFailure = o.integer(value, 1, 1000)
	default:
		return readTimes(&s.def, o, key, value)
	}
	return true
}

// scheduleFields are the fields of a schedule, all but its name.
var scheduleFields = []string{"task", "workflow", "cron", "every_seconds", "timezone", "dst", "overlap", "catch_up", "max_lateness_seconds",
	"jitter_seconds", "starts_at", "ends_at", "pause_on_failure"}

// readTimes reads a field that says when a schedule is due.
func readTimes(def *schedule.Definition, o object, key string, value []byte) bool {
	if jsontext.IsNull(value) {
		return slices.Contains(scheduleFields, key)
	}
	switch key {
	case "cron":
		def.Cron = o.text(value, 1, 256)
	case "every_seconds":
		def.Every = int64(o.span(value, 1, schedule.MaxEvery.Seconds()))
	case "timezone":
		def.Timezone = o.text(value, 1, 64)
	case "jitter_seconds":
		def.Jitter = int64(o.span(value, 0, schedule.MaxJitter.Seconds()))
	case "starts_at":
		def.StartsAt = o.bound(value)
	case "ends_at":
		def.EndsAt = o.bound(value)
	case "dst":
		o.each(value, func(o object, key string, value []byte) bool {
			switch key {
			case "gap":
				def.Gap = o.choice(value, schedule.Gaps)
			case "overlap":
				def.Twice = o.choice(value, schedule.Overlaps)
			default:
				return false
			}
			return true
		})
	default:
		return false
	}
	return true
}

// choice is one of some words.
func (o object) choice(value []byte, of []string) string {
	text := ""
	if value[0] == '"' {
		text = jsontext.Unquote(value)
	}
	if !slices.Contains(of, text) {
		o.wrong("must be one of " + strings.Join(of, ", "))
		return of[0]
	}
	return text
}

// bound is a moment before 2100.
func (o object) bound(value []byte) int64 {
	at := o.moment(value)
	if at >= lastMoment {
		o.wrong("must be before 2100")
	}
	return int64(at)
}

// checkTimes checks when the schedule is due. What is wrong with a field that could not be read has been
// noted already; nil if something is wrong.
func checkTimes(def *schedule.Definition, bad *[]task.FieldError) *schedule.Calendar {
	o := object{"", bad}
	for _, wrong := range schedule.Check(def.Spec()) {
		unread := wrong.Field == "cron" && def.Cron == "" && o.has("/every_seconds")
		if field := "/" + wrong.Field; !o.has(field) && !unread {
			object{field, bad}.wrong(wrong.Detail)
		}
	}
	if len(*bad) > 0 {
		return nil
	}
	calendar, err := schedule.Parse(def.Spec())
	if err != nil {
		o.wrong("cannot be understood: " + err.Error()) // Check has refused all that Parse does
		return nil
	}
	before := time.Time{}
	for _, o := range upcoming(calendar, time.Now(), 10) {
		if jitter := time.Duration(def.Jitter) * time.Microsecond; !before.IsZero() && jitter >= o.At.Sub(before) {
			object{"/jitter_seconds", bad}.wrong("must be less than the time between two runs")
			return nil
		}
		before = o.At
	}
	return calendar
}

// checkTask checks the task as a submit.
func (s *scheduleRequest) checkTask(in *intake.Intake, bad *[]task.FieldError) {
	if !jsontext.IsObject(s.task) {
		return
	}
	eachAnew(s.task, "/task", bad)
	var submit task.Submit
	wrong := in.Read(bytes.Clone(s.task), "", task.MicrosOf(time.Now()), &submit)
	if wrong == nil {
		wrong = submit.Validate()
	}
	*bad = append(*bad, under("/task", wrong)...)
	s.def.TaskType, s.def.TaskHash = submit.Type, hashOf(s.task)
}

// eachAnew refuses the fields of a task that cannot be the same in each run. at is its place.
func eachAnew(body []byte, at string, bad *[]task.FieldError) {
	if !jsontext.IsObject(body) {
		return
	}
	for key := range jsontext.Members(body) {
		switch string(key) {
		case "idempotency_key", "run_at", "traceparent":
			object{at + "/" + string(key), bad}.wrong("must be left out: each run is a task of its own, submitted when it is due")
		}
	}
}

// hashOf is the SHA-256 of the form of RFC 8785.
func hashOf(body []byte) string {
	hash := sha256.Sum256(jsontext.AppendRFC8785(nil, body))
	return hex.EncodeToString(hash[:])
}

// checkWorkflow checks the workflow as a submit of one.
func (s *scheduleRequest) checkWorkflow(in *intake.Intake, bad *[]task.FieldError) {
	if !jsontext.IsObject(s.workflow) {
		return
	}
	before := len(*bad)
	for key, value := range jsontext.Members(s.workflow) {
		switch {
		case string(key) == task.NameOnEnd:
			eachAnew(value, "/workflow/on_end", bad)
		case string(key) == "tasks" && jsontext.IsObject(value):
			for name, one := range jsontext.Members(value) {
				eachAnew(one, "/workflow/tasks/"+jsontext.EscapePointer(string(name)), bad)
			}
		}
	}
	w, wrong := in.ReadWorkflow(bytes.Clone(s.workflow), "", task.MicrosOf(time.Now()))
	if wrong == nil {
		wrong = w.Validate()
	}
	for _, one := range under("/workflow", wrong) {
		if !(object{"", bad}).has(one.Pointer) {
			*bad = append(*bad, one)
		}
	}
	*bad = (*bad)[:min(len(*bad), before+mostWrong)]
	s.def.TaskType, s.def.TaskHash = task.TypeWorkflow, hashOf(s.workflow)
}

// mostWrong is how many errors of a workflow an answer lists.
const mostWrong = 50

// upcoming lists the next occurrences after a moment.
func upcoming(c *schedule.Calendar, after time.Time, n int) (list []schedule.Occurrence) {
	for len(list) < n {
		o, ok := c.Next(after)
		if !ok {
			break
		}
		list, after = append(list, o), o.At
	}
	return list
}
