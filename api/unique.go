package api

import (
	"strings"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// writeUnique writes the key that the task holds, and for how long; null for none.
func writeUnique(w *jsontext.Writer, u *task.Unique) {
	if u.Key == "" {
		w.Null()
		return
	}
	w.Object()
	w.Key("key").String(u.Key)
	if u.For == 0 {
		w.Key("while").String("live")
	} else {
		w.Key("for_seconds").Seconds(int64(u.For))
		w.Key("until").OptionalTime(int64(u.Until()))
	}
	w.Key("since").OptionalTime(int64(u.Since))
	w.EndObject()
}

// writeLinks writes what ties the task to others.
func writeLinks(w *jsontext.Writer, t *task.Task) {
	var l task.Links
	if t.Links != nil {
		l = *t.Links
	}
	writeUnique(w.Key("unique"), &l.Unique)
	writeID(w.Key("retry_of"), l.RetryOf)
	writeID(w.Key("retried_as"), l.RetriedAs)
	writeID(w.Key("replaced_by"), l.ReplacedBy)
	writeID(w.Key("parent_id"), t.Parent())
	w.Key("child_name").OptionalString(t.KinNow().Name)
	writeID(w.Key("workflow_id"), t.InWorkflow())
	w.Key("traceparent").OptionalString(l.TraceParent)
	writeDependencies(w, &l)
}

// csvLinks are the columns of writeLinks.
func csvLinks(t *task.Task) []string {
	if t.Links == nil {
		return []string{"", "", "", "", ""}
	}
	l := t.Links
	return []string{harmless(l.Unique.Key), csvID(l.RetryOf), csvID(l.RetriedAs), csvID(l.ReplacedBy), l.TraceParent}
}

func csvID(id ulid.ULID) string {
	if id == (ulid.ULID{}) {
		return ""
	}
	return id.String()
}

// idList is ids with commas between them, at most a few.
func idList(ids []ulid.ULID) string {
	const most = 20
	var list []string
	for _, id := range ids[:min(len(ids), most)] {
		list = append(list, id.String())
	}
	return strings.Join(list, ", ")
}
