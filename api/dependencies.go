package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// mayDependOn refuses submits that depend on tasks which the caller may not see, as if they did not exist.
func (a *API) mayDependOn(p *reply, r *http.Request, submits []task.Submit) error {
	if !p.caller.limited() {
		return nil
	}
	for i := range submits {
		for k := range submits[i].DependsOn {
			t, _, err := a.Views.Get(r.Context(), submits[i].DependsOn[k].Task)
			if errors.Is(err, projection.ErrNotFound) {
				continue // it may come until this is decided
			}
			if err != nil {
				return err
			}
			if !p.caller.token.Allows(t.Type, t.Queue) {
				return &scheduler.BatchError{Index: i, Err: &task.Refusal{Kind: task.ErrInvalid,
					Fields: []task.FieldError{{Pointer: "/depends_on/" + strconv.Itoa(k), Detail: scheduler.UnknownDependency}}}}
			}
		}
	}
	return nil
}

// writeDependencies writes what the task depends on.
func writeDependencies(w *jsontext.Writer, l *task.Links) {
	w.Key("depends_on").Array()
	for i := range l.DependsOn {
		d := &l.DependsOn[i]
		w.Item().Object()
		writeID(w.Key("task"), d.Task)
		w.Key("when").String(d.When.String())
		w.Key("name").OptionalString(d.Name)
		w.EndObject()
	}
	w.EndArray()
	w.Key("on_dependency_failure").OptionalString(onFailure(l))
	writeID(w.Key("because"), l.Because)
}

// csvDependencies are the columns of writeDependencies: only the ids of the other tasks.
func csvDependencies(t *task.Task) []string {
	if t.Links == nil {
		return []string{"", "", ""}
	}
	var on []string
	for _, d := range t.Links.DependsOn {
		on = append(on, d.Task.String())
	}
	return []string{strings.Join(on, ","), onFailure(t.Links), csvID(t.Links.Because)}
}

// onFailure says what becomes of the task if a dependency does not end as it needs; "" if it has none.
func onFailure(l *task.Links) string {
	switch {
	case len(l.DependsOn) == 0:
		return ""
	case l.RunAnyway:
		return "run"
	}
	return "cancel"
}
