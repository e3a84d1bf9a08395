package api

import (
	"errors"
	"maps"
	"net/http"
	"slices"
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

// putResults puts the results of its dependencies into the parameters of a task that a worker gets. If that cannot be, the task
// has failed for good, and the worker does not get it.
func (a *API) putResults(r *http.Request, worker string, l *scheduler.Leased, one *row, into *map[string]scheduler.DependencyResult) (failed bool, err error) {
	parameters, results, err := a.sched().WithResults(r.Context(), &l.Task, one.parameters)
	var permanent interface{ Permanent() bool }
	if errors.As(err, &permanent) {
		_, err = a.sched().Report(r.Context(), worker, l.Token, task.Fail{Code: task.CodePermanent, Error: err.Error()})
		return true, err
	}
	one.parameters, *into = parameters, results
	return false, err
}

// writeDependencyResults writes what a task depends on, as it ended.
func writeDependencyResults(w *jsontext.Writer, results map[string]scheduler.DependencyResult) {
	w.Object()
	for _, name := range slices.Sorted(maps.Keys(results)) {
		d := results[name]
		w.StringKey(name).Object()
		writeID(w.Key("id"), d.ID)
		w.Key("status").String(d.Status.String())
		w.Key("result_data").Raw(d.Result)
		if d.Truncated {
			w.Key("result_truncated").Bool(true)
		}
		w.EndObject()
	}
	w.EndObject()
}
