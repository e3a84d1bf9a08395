package api

import (
	"daybook/internal/jsontext"
	"daybook/scheduler"

	"github.com/oklog/ulid/v2"
)

// writeWaiting writes why the task waits; null for one that does not.
func writeWaiting(w *jsontext.Writer, waiting *scheduler.Waiting) {
	if waiting == nil {
		w.Null()
		return
	}
	w.Object()
	writeReason(w, waiting)
	if len(waiting.Also) > 0 {
		w.Key("also").Array()
		for i := range waiting.Also {
			w.Item().Object()
			writeReason(w, &waiting.Also[i])
			w.EndObject()
		}
		w.EndArray()
	}
	w.EndObject()
}

// writeReason writes the fields of one reason.
func writeReason(w *jsontext.Writer, r *scheduler.Waiting) {
	w.Key("reason").String(r.Reason)
	if r.Until != 0 {
		w.Key("until").Time(int64(r.Until))
	}
	if r.Step != "" {
		w.Key("step").String(r.Step)
	}
	if r.Reason == "children" {
		w.Key("open").Int(int64(r.Open))
	}
	if r.Names != nil {
		w.Key("names").Strings(r.Names)
	}
	if r.Role != "" {
		w.Key("role").String(r.Role)
	}
	if r.Task != (ulid.ULID{}) {
		writeID(w.Key("task_id"), r.Task)
	}
	if r.WaitingOn != nil {
		w.Key("waiting_on").Array()
		for _, id := range r.WaitingOn {
			writeID(w.Item(), id)
		}
		w.EndArray()
		w.Key("open").Int(int64(r.Open))
	}
	if r.Attempt != 0 {
		w.Key("attempt").Int(int64(r.Attempt))
	}
	if r.Reason == "capacity" || r.Limit != 0 {
		w.Key("running").Int(int64(r.Running))
	}
	if r.Slots != 0 {
		w.Key("slots").Int(int64(r.Slots))
	}
	if r.Key != "" {
		w.Key("key").String(r.Key)
	}
	if r.Reason == "concurrency_key" {
		w.Key("held_by").Array()
		for _, id := range r.HeldBy {
			writeID(w.Item(), id)
		}
		w.EndArray()
	}
	if r.Limit != 0 {
		w.Key("limit").Int(int64(r.Limit))
	}
	if r.By != "" {
		w.Key("by").String(r.By)
		w.Key("since").Time(int64(r.Since))
	}
	if r.Reason == "turn" {
		w.Key("ahead").Int(int64(r.Ahead))
		if r.AheadMore {
			w.Key("ahead_relation").String("gte")
		}
	}
}
