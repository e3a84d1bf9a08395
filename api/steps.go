package api

import (
	"errors"
	"net/http"
	"strconv"

	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
)

const stepNameRule = "must be 1 to 128 of A-Z a-z 0-9 . _ - : @ #, and not only dots"

// maxStepReason is the most bytes of why a person lets a step be done again.
const maxStepReason = 1000

// recordStep answers PUT /api/leases/{token}/steps/{step}.
func (a *API) recordStep(p *reply, r *http.Request) error {
	value, err := a.optionalBody(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	o := object{"", &bad}
	if value == nil {
		o.wrong("must not be empty: send the value of the step as JSON, or null")
	}
	o.stepOf(p.step, value)
	if bad != nil {
		return invalids(bad)
	}
	steps, err := a.sched().RecordSteps(r.Context(), p.caller.worker(a.sched().WorkerOf(p.id)), p.id, []task.NewStep{{Name: p.step, Value: value}})
	if err != nil {
		return otherValue(err, 1)
	}
	var w jsontext.Writer
	writeStep(&w, &steps[0])
	return p.send(typeJSON, w)
}

// recordSteps answers PUT /api/leases/{token}/steps: many steps in one commit.
func (a *API) recordSteps(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	var steps []task.NewStep
	said := false
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		if key != "steps" {
			return false
		}
		said = true
		o.each(value, func(o object, name string, value []byte) bool {
			o.stepOf(name, value)
			steps = append(steps, task.NewStep{Name: name, Value: value})
			return true
		})
		return true
	})
	if bad == nil && !said {
		object{"/steps", &bad}.wrong("must be given: an object with a value for each name")
	}
	if len(steps) > task.MaxSteps {
		object{"/steps", &bad}.wrong("must have at most " + strconv.Itoa(task.MaxSteps) + " members: a task has no more steps")
	}
	if bad != nil {
		return invalids(bad)
	}
	if len(steps) == 0 {
		if _, _, _, err := a.sched().Heartbeat(p.id); err != nil {
			return err
		}
		return p.send(typeJSON, []byte(`{"steps":{}}`))
	}
	recorded, err := a.sched().RecordSteps(r.Context(), p.caller.worker(a.sched().WorkerOf(p.id)), p.id, steps)
	if err != nil {
		return otherValue(err, len(steps))
	}
	var w jsontext.Writer
	w.Object()
	writeSteps(w.Key("steps"), recorded)
	w.EndObject()
	return p.send(typeJSON, w)
}

// stepOf checks the name and the value of a step that is sent.
func (o object) stepOf(name string, value []byte) {
	if !task.ValidStepName(name) {
		o.wrong("has a name that " + stepNameRule)
	}
	if len(value) > task.MaxStepValue {
		o.wrong("has " + strconv.Itoa(len(value)) + " bytes; a step has at most " + strconv.Itoa(task.MaxStepValue) +
			": upload larger values with POST /api/files and record the id of the file")
	}
}

// otherValue makes a problem of the error of a step that has another value, with the first in it. sent is how many steps were sent.
func otherValue(err error, sent int) error {
	var other *scheduler.OtherValueError
	if !errors.As(err, &other) {
		return err
	}
	var w jsontext.Writer
	if len(other.First) == 1 {
		writeStep(&w, &other.First[0])
	} else {
		writeSteps(&w, other.First)
	}
	found := &problem{Status: http.StatusConflict, Kind: kindOtherStep, Detail: "The step " + other.First[0].Name +
		" has another value, which stays; it is in this answer as step. Go on with it: what the step does was done before."}
	if len(other.First) > 1 {
		found.Detail = strconv.Itoa(len(other.First)) + " of the steps have other values, which stay; they are in this answer as steps. " +
			"The others were recorded. Go on with the first values: what these steps do was done before."
		found.Steps = w
		return found
	}
	if sent > 1 {
		found.Detail += " The other steps of the request were recorded."
	}
	found.Step = w
	return found
}

// writeSteps writes steps by name.
func writeSteps(w *jsontext.Writer, steps []scheduler.Step) {
	w.Object()
	for i := range steps {
		writeStep(w.Key(steps[i].Name), &steps[i])
	}
	w.EndObject()
}

// writeStep writes one step.
func writeStep(w *jsontext.Writer, s *scheduler.Step) {
	w.Object()
	w.Key("name").String(s.Name)
	w.Key("kind").String(s.Kind.String())
	w.Key("outcome").String(s.Outcome.String())
	if s.Signal != "" {
		w.Key("event").String(s.Signal)
	}
	w.Key("value").Raw(s.Value)
	if s.Damaged {
		w.Key("damaged").Bool(true)
	}
	w.Key("at").Time(int64(s.At))
	w.Key("attempt").Int(int64(s.Attempt))
	w.Key("build").OptionalString(s.Build)
	w.EndObject()
}

// steps answers GET /api/tasks/{id}/steps.
func (a *API) steps(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	_, seq, err := a.Views.Get(r.Context(), id)
	if err != nil {
		return err
	}
	steps, err := a.sched().Steps(r.Context(), id)
	if err != nil {
		return err
	}
	buffer := borrow()
	defer giveBack(buffer)
	w := (*jsontext.Writer)(buffer)
	w.Array()
	for i := range steps {
		writeStep(w.Item(), &steps[i])
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, *w)
}

// notRepeatable says why no step of a task can be forgotten.
func notRepeatable(detail string) *problem {
	return &problem{Status: http.StatusBadRequest, Kind: "not-retryable", Detail: detail}
}

// forgetStep answers POST /api/tasks/{id}/steps/{step}/forget.
func (a *API) forgetStep(p *reply, r *http.Request) error {
	text, err := a.optionalObject(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	var reason string
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		if key != "reason" {
			return false
		}
		reason = o.plainText(value, 0, maxStepReason)
		return true
	})
	if reason == "" && bad == nil {
		object{"/reason", &bad}.wrong("must be given: why the step is to be done again")
	}
	if bad != nil {
		return invalids(bad)
	}
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	t, err := a.sched().ForgetStep(r.Context(), p.caller.actor(), id, p.step, reason)
	if errors.Is(err, scheduler.ErrNoStep) {
		return notFound("The task has no step of that name. GET /api/tasks/" + id.String() + "/steps lists its steps.")
	}
	switch {
	case errors.Is(err, task.ErrErased):
		return notRepeatable("The task was erased, and its steps with it: there is nothing to forget. Submit a new one.")
	case errors.Is(err, task.ErrSucceeded):
		return notRepeatable("The task has succeeded, so its steps are not done again. Submit a new one to do them again.")
	case err != nil:
		return err
	}
	return a.sendTask(p, r, &t, t.LastSeq)
}
