package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

const (
	maxWaitSeconds  = 10 * 366 * 86400 // 10 years
	maxApproval     = 64 << 10         // bytes of what is asked
	maxTitle        = 200
	signalNameRule  = "must be 1 to 200 of A-Z a-z 0-9 . _ - : @ # /"
	defaultApprover = projection.Operator
)

// suspension is the body of a call that suspends a task.
type suspension struct {
	command    task.Suspend
	seconds    task.Micros // of a sleep, from now; −1 = not said
	timeout    task.Micros // of the others; −1 = not said
	title      string
	fields     []byte
	asksPerson bool
}

// errNotSuspended is also the answer to a suspend that is sent again: the first one has ended the lease.
var errNotSuspended = &problem{Status: http.StatusConflict, Kind: "stale-lease", Detail: "The token does not hold the task: its lease ran out, or the task has ended or is suspended. " +
	"If the answer to an earlier suspend was lost, its wait may have been kept: the task then goes on with another lease when the wait is over. Stop work on it and report nothing."}

// suspend answers POST /api/leases/{token}/suspend.
func (a *API) suspend(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	s := readSuspension(object{"", &bad}, text)
	if bad == nil && s.fields != nil {
		bad = a.Intake.Types.CheckFields("/approval/fields", s.fields)
	}
	if bad != nil {
		return invalids(bad)
	}
	c := s.command
	now := a.sched().Now()
	switch {
	case s.seconds >= 0:
		c.Until = now + s.seconds
	case s.timeout >= 0:
		c.Until = now + s.timeout
	}
	if s.asksPerson {
		c.Detail = s.detail()
	}
	step, err := a.sched().Suspend(r.Context(), p.caller.worker(a.sched().WorkerOf(p.id)), p.id, c)
	if errors.Is(err, scheduler.ErrNoLease) {
		return errNotSuspended
	}
	if err != nil {
		return stopped(err)
	}
	var w jsontext.Writer
	w.Object()
	w.Key("suspended").Bool(step == nil)
	if step != nil {
		writeStep(w.Key("step"), step)
	}
	w.EndObject()
	return p.send(typeJSON, w)
}

func readSuspension(o object, body []byte) (s suspension) {
	s.seconds, s.timeout = -1, -1
	c := &s.command
	matched := false
	kinds := 0 // of what it waits for
	o.each(body, func(o object, key string, value []byte) bool {
		if jsontext.IsNull(value) && key != "step" {
			return slices.Contains([]string{"until", "seconds", "events", "match", "approval", "children", "timeout_seconds"}, key)
		}
		switch key {
		case "step":
			if c.Step = o.text(value, 1, task.MaxStepName); c.Step != "" && !task.ValidStepName(c.Step) {
				o.wrong(stepNameRule)
			}
		case "until":
			c.Kind, c.Until = task.StepSleep, o.moment(value)
			kinds++
		case "seconds":
			c.Kind, s.seconds = task.StepSleep, o.span(value, 0, maxWaitSeconds)
			kinds++
		case "events":
			c.Kind, c.Signals = task.StepSignal, o.signals(value)
			kinds++
		case "match":
			matched, c.All = true, o.choice(value, []string{"any", "all"}) == "all"
		case "approval":
			c.Kind, s.asksPerson = task.StepApproval, true
			s.readApproval(o, value)
			kinds++
		case "children":
			c.Kind, c.Of = task.StepChildren, o.stepOfChildren(value)
			kinds++
		case "timeout_seconds":
			s.timeout = o.span(value, 0.001, maxWaitSeconds)
		default:
			return false
		}
		return true
	})
	if len(*o.bad) > 0 {
		return s
	}
	switch {
	case c.Step == "":
		object{"/step", o.bad}.wrong("must be given: the name of the step that is recorded when the wait is over")
	case kinds != 1:
		o.wrong("must say what the task waits for, by one of until, seconds, events, approval and children")
	case matched && c.Kind != task.StepSignal:
		object{"/match", o.bad}.wrong("goes only with events")
	case s.timeout >= 0 && c.Kind == task.StepSleep:
		object{"/timeout_seconds", o.bad}.wrong("goes only with events, approval or children: a sleep ends by itself")
	}
	return s
}

// stepOfChildren is the step whose children are waited for; "" = all.
func (o object) stepOfChildren(value []byte) string {
	switch {
	case string(value) == "true":
		return ""
	case value[0] != '"':
		o.wrong("must be true, for all children, or the name of the step that has made them")
		return ""
	}
	name := o.text(value, 1, task.MaxStepName)
	if name != "" && !task.ValidStepName(name) {
		o.wrong(stepNameRule)
	}
	return name
}

// signals are the names of signals, each once.
func (o object) signals(value []byte) (names []string) {
	o.items(value, task.MaxSignals, func(o object, value []byte) {
		name := o.text(value, 1, task.MaxSignalName)
		if name != "" && !task.ValidSignalName(name) {
			o.wrong(signalNameRule)
		}
		if slices.Contains(names, name) {
			o.wrong("must not be there twice")
		}
		names = append(names, name)
	})
	if len(names) == 0 && !o.has(o.at) {
		o.wrong("must name at least one event")
	}
	return names
}

// readApproval reads what is asked of a person.
func (s *suspension) readApproval(o object, value []byte) {
	s.command.Role = string(defaultApprover)
	o.each(value, func(o object, key string, value []byte) bool {
		if jsontext.IsNull(value) {
			return key == "role" || key == "title" || key == "fields"
		}
		switch key {
		case "role":
			s.command.Role = o.choice(value, []string{string(projection.Submitter), string(projection.Operator), string(projection.Admin)})
		case "title":
			s.title = o.plainText(value, 0, 4*maxTitle)
			if len([]rune(s.title)) > maxTitle {
				o.wrong("must have at most " + strconv.Itoa(maxTitle) + " characters")
			}
		case "fields":
			if s.fields = o.schema(value); len(s.fields) > maxApproval {
				o.wrong("must have at most " + strconv.Itoa(maxApproval) + " bytes")
			}
		default:
			return false
		}
		return true
	})
}

// detail is what is asked, as the log keeps it.
func (s *suspension) detail() []byte {
	var w jsontext.Writer
	w.Object()
	w.Key("title").String(s.title)
	if s.fields != nil {
		w.Key("fields").Raw(s.fields)
	}
	w.EndObject()
	return w
}
