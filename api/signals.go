package api

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
)

// usualKeep is how long an event is kept by default.
const usualKeep = 7 * 24 * time.Hour

// sendEvent answers POST /api/events: something has happened that tasks may wait for.
func (a *API) sendEvent(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	var name string
	var payload []byte
	keep := usualKeep
	o := object{"", &bad}
	o.each(text, func(o object, key string, value []byte) bool {
		switch key {
		case "name":
			if name = o.text(value, 1, task.MaxSignalName); name != "" && !task.ValidSignalName(name) {
				o.wrong(signalNameRule)
			}
		case "payload":
			if payload = bytes.Clone(value); len(payload) > task.MaxSignalValue {
				o.wrong("has " + strconv.Itoa(len(payload)) + " bytes; the payload of an event has at most " + strconv.Itoa(task.MaxSignalValue) +
					": upload larger ones with POST /api/files and send the id of the file")
			}
		case "keep_seconds":
			if !jsontext.IsNull(value) {
				keep = o.span(value, 1, scheduler.MostKept.Seconds()).Duration()
			}
		default:
			return false
		}
		return true
	})
	if name == "" && bad == nil {
		object{"/name", &bad}.wrong("must be given: the name that tasks wait for, such as paid:42")
	}
	if bad != nil {
		return invalids(bad)
	}
	sent, again, err := a.sched().SendSignal(r.Context(), p.caller.actor(), name, payload, keep)
	if err != nil {
		return err
	}
	var w jsontext.Writer
	w.Object()
	w.Key("first").Bool(!again)
	w.Key("name").String(sent.Name)
	w.Key("at").Time(int64(sent.At))
	w.Key("until").Time(int64(sent.Until))
	w.Key("payload").Raw(sent.Payload)
	w.EndObject()
	return p.send(typeJSON, w)
}
