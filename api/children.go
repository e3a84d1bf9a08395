package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
)

// children answers POST /api/leases/{token}/children.
func (a *API) children(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	c := a.readChildren(object{"", &bad}, text)
	if bad != nil {
		return wrongOrUnknown(bad)
	}
	traced(r, c.Submits)
	if err := p.caller.maySubmit(c.Submits); err != nil {
		return err
	}
	made, err := a.sched().MakeChildren(r.Context(), p.caller.worker(a.sched().WorkerOf(p.id)), p.id, c)
	if err != nil {
		return otherChildren(c, stopped(err))
	}
	var w jsontext.Writer
	w.Object()
	w.Key("tasks").Object()
	for i := range made {
		w.Key(c.Names[i]).Object()
		writeID(w.Key("id"), made[i].Task.ID)
		w.Key("status").String(made[i].Task.Status.String())
		w.EndObject()
	}
	w.EndObject()
	w.EndObject()
	return p.send(typeJSON, w)
}

// readChildren reads the body of a call that makes children.
func (a *API) readChildren(o object, body []byte) *scheduler.NewChildren {
	c := new(scheduler.NewChildren)
	var bodies [][]byte
	detached := false
	o.each(body, func(o object, key string, value []byte) bool {
		if jsontext.IsNull(value) && key != "step" && key != "tasks" {
			return slices.Contains([]string{"on_failure", "join", "detached"}, key)
		}
		switch key {
		case "step":
			if c.Step = o.text(value, 1, task.MaxStepName); c.Step != "" && !task.ValidStepName(c.Step) {
				o.wrong(stepNameRule)
			}
		case "tasks":
			o.each(value, func(o object, name string, value []byte) bool {
				c.Names, bodies = append(c.Names, name), append(bodies, value)
				return true
			})
		case "on_failure":
			c.OnFailure, _ = task.ParseOnChildFailure(o.choice(value, []string{"fail", "collect", "cancel_rest"}))
		case "join":
			c.Any = o.choice(value, []string{"all", "any"}) == "any"
		case "detached":
			detached = o.yes(value)
		default:
			return false
		}
		return true
	})
	switch at := (object{"/tasks", o.bad}); {
	case len(*o.bad) > 0:
	case c.Step == "":
		object{"/step", o.bad}.wrong("must be given: the name of the step that makes the children")
	case len(bodies) == 0:
		at.wrong("must be given: a submit for each name, at least one")
	case len(bodies) > task.MaxStepChildren:
		at.wrong("has " + strconv.Itoa(len(bodies)) + " members; a step makes at most " + strconv.Itoa(task.MaxStepChildren) + " children. Make them in several steps")
	default:
		c.Request = c.Hash(detached, bodies)
		a.readSubmits(at, c, detached, bodies)
	}
	return c
}

// mostChildErrors is how many things that are wrong with children are said at once.
const mostChildErrors = 100

// readSubmits reads the submits of children.
func (a *API) readSubmits(o object, c *scheduler.NewChildren, detached bool, bodies [][]byte) {
	c.Submits = make([]task.Submit, len(bodies))
	now := a.sched().Now()
	for i, body := range bodies {
		at := object{o.at + "/" + jsontext.EscapePointer(c.Names[i]), o.bad}
		if !task.ValidStepName(c.Names[i]) {
			at.wrong("has a name that " + stepNameRule)
		}
		if len(body) > maxSubmit {
			at.wrong("must be at most " + itoa(maxSubmit) + " bytes")
			continue
		}
		for _, f := range a.Intake.Read(body, "", now, &c.Submits[i]) {
			*o.bad = append(*o.bad, task.FieldError{Pointer: at.at + f.Pointer, Detail: f.Detail, Err: f.Err})
		}
		if detached {
			c.Submits[i].Kin = &task.Kin{Detached: true}
		}
		if len(*o.bad) >= mostChildErrors {
			return
		}
	}
}

// otherChildren makes a problem of the refusal of children: its pointers go by their names, and what the step has made before is in it.
func otherChildren(c *scheduler.NewChildren, err error) error {
	var batch *scheduler.BatchError
	var refusal *task.Refusal
	var other *scheduler.OtherValueError
	switch {
	case errors.As(err, &batch) && errors.As(batch.Err, &refusal) && len(refusal.Fields) > 0:
		fields := make([]task.FieldError, len(refusal.Fields))
		for i, f := range refusal.Fields {
			fields[i] = task.FieldError{Pointer: "/tasks/" + jsontext.EscapePointer(c.Names[batch.Index]) + f.Pointer, Detail: f.Detail, Err: f.Err}
		}
		return wrongOrUnknown(fields)
	case batch != nil:
		return batch.Err
	case errors.As(err, &other):
		var w jsontext.Writer
		writeStep(&w, &other.First[0])
		return &problem{Status: http.StatusConflict, Kind: kindOtherStep, Step: w, Detail: "The step " + c.Step +
			" was recorded before and was asked for something else; it is in this answer as step. Ask for the same children again, or use another name."}
	}
	return err
}
