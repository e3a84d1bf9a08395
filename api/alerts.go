package api

import (
	"net/http"
	"slices"
	"time"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"
)

const (
	mostAbove     = 1e12
	usualAlertFor = 30 * task.Second
	longestFor    = 24 * 3600 // seconds
	usualWindow   = 300 * task.Second
	longestWindow = 24 * 3600 // seconds
	usualLeast    = 10
)

// alertNames are the measures as clients see them.
var alertNames = []string{string(projection.OldestReady), string(projection.QueueDepth), string(projection.FailureRate)}

// createAlert answers POST /api/alerts.
func (a *API) createAlert(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	name, rule, bad := readAlert(text)
	if bad != nil {
		return invalids(bad)
	}
	if err := a.sched().CreateAlert(r.Context(), p.caller.actor(), name, rule); err != nil {
		return err
	}
	made, seq := a.Views.Alert(name)
	if made == nil { // it was deleted already
		made = &projection.Alert{Name: name, AlertRule: rule}
	}
	var w jsontext.Writer
	a.writeAlert(&w, made)
	p.shows(seq)
	return p.send(typeJSON, w)
}

// readAlert reads the body of POST /api/alerts.
func readAlert(body []byte) (name string, rule projection.AlertRule, bad []task.FieldError) {
	rule.For = usualAlertFor
	var given []string // fields that not every measure has
	above := false
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		null := jsontext.IsNull(value)
		if !null && (key == "queue" || key == "task_type" || key == "window_seconds" || key == "least_tasks") {
			given = append(given, key)
		}
		switch key {
		case "name":
			if name = o.text(value, 1, 64); name != "" && !task.NewName(name) {
				o.wrong(task.NameRule)
			}
		case "when":
			rule.When = projection.Measure(o.text(value, 1, 64))
			if rule.When != "" && !slices.Contains(alertNames, string(rule.When)) {
				o.wrong("must be oldest_ready_seconds, queue_depth or failure_rate")
			}
		case "above":
			rule.Above, above = o.number(value, 0, mostAbove), true
		case "queue", "task_type":
			if null {
				break
			}
			of := o.text(value, 1, 64)
			if of != "" && !task.NewName(of) {
				o.wrong(task.NameRule)
			}
			if key == "queue" {
				rule.Queue = of
			} else {
				rule.TaskType = of
			}
		case "window_seconds":
			if !null {
				rule.Window = o.span(value, 60, longestWindow)
			}
		case "least_tasks":
			if !null {
				rule.Least = int64(o.integer(value, 1, 1_000_000))
			}
		case "for_seconds":
			if !null {
				rule.For = o.span(value, 0, longestFor)
			}
		default:
			return false
		}
		return true
	})
	if bad != nil {
		return name, rule, bad
	}
	wrong := func(is bool, pointer, detail string) {
		if is {
			object{pointer, &bad}.wrong(detail)
		}
	}
	rate := rule.When == projection.FailureRate
	wrong(name == "", "/name", "must be given: what the alert is called, such as slow-orders")
	wrong(rule.When == "", "/when", "must be given: oldest_ready_seconds, queue_depth or failure_rate")
	wrong(!above, "/above", "must be given: the alert holds while the measure is larger")
	wrong(rate && rule.Above >= 1, "/above", "must be below 1 for failure_rate: 0.1 is one task in ten")
	for _, field := range given {
		wrong(rule.When != "" && rate == (field == "queue"), "/"+field, "does not go with "+string(rule.When)+
			": failure_rate has task_type, window_seconds and least_tasks, the others have queue")
	}
	if rate && rule.Window == 0 {
		rule.Window = usualWindow
	}
	if rate && rule.Least == 0 {
		rule.Least = usualLeast
	}
	return name, rule, bad
}

// alerts answers GET /api/alerts.
func (a *API) alerts(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	all, seq := a.Views.Alerts()
	var w jsontext.Writer
	w.Array()
	for _, one := range all {
		a.writeAlert(w.Item(), one)
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// writeAlert writes an alert with what it measures now.
func (a *API) writeAlert(w *jsontext.Writer, one *projection.Alert) {
	w.Object()
	w.Key("name").String(one.Name)
	w.Key("when").String(string(one.When))
	w.Key("above").Float(one.Above)
	w.Key("queue").OptionalString(one.Queue)
	w.Key("task_type").OptionalString(one.TaskType)
	if one.When == projection.FailureRate {
		w.Key("window_seconds").Seconds(int64(one.Window))
		w.Key("least_tasks").Int(one.Least)
	} else {
		w.Key("window_seconds").Null()
		w.Key("least_tasks").Null()
	}
	w.Key("for_seconds").Seconds(int64(one.For))
	w.Key("firing").Bool(one.Firing)
	w.Key("value").Float(a.Views.Measure(one, task.MicrosOf(time.Now())))
	w.Key("fired").Int(one.Fired)
	w.Key("fired_at").OptionalTime(int64(one.FiredAt))
	w.Key("recovered_at").OptionalTime(int64(one.RecoveredAt))
	w.Key("created_at").OptionalTime(int64(one.CreatedAt))
	w.Key("created_by").String(one.CreatedBy)
	w.EndObject()
}

// deleteAlert answers DELETE /api/alerts/{name}.
func (a *API) deleteAlert(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	if err := a.sched().DeleteAlert(r.Context(), p.caller.actor(), p.id); err != nil {
		return err
	}
	return p.sendDeleted()
}

// sendDeleted answers that what the path names is deleted.
func (p *reply) sendDeleted() error {
	var w jsontext.Writer
	w.Object()
	w.Key("name").String(p.id)
	w.Key("deleted").Bool(true)
	w.EndObject()
	return p.send(typeJSON, w)
}
