package intake

import (
	"strconv"

	"daybook/internal/jsontext"
	"daybook/task"
)

// dependencies reads a list of tasks to wait for: ids, or objects {"task","when","name"}.
func (r *request) dependencies(value []byte) []task.Dependency {
	if !jsontext.IsArray(value) {
		r.wrong("/depends_on", `must be a list of ids of tasks, or of objects such as {"task":"01J…","when":"failed"}`)
		return nil
	}
	var list []task.Dependency
	for item := range jsontext.Items(value) {
		if len(r.bad) > mostFlowErrors {
			break
		}
		if len(list) == task.MaxDependencies {
			r.wrong("/depends_on", "must have at most "+strconv.Itoa(task.MaxDependencies)+" items")
			break
		}
		list = append(list, r.dependency("/depends_on/"+strconv.Itoa(len(list)), item))
	}
	return list
}

// dependency reads one task to wait for.
func (r *request) dependency(at string, value []byte) (d task.Dependency) {
	if !jsontext.IsObject(value) {
		r.dependencyID(at, value, &d)
		return d
	}
	given := false
	for key, value := range jsontext.Members(value) {
		switch string(key) {
		case "task":
			given = true
			r.dependencyID(at+"/task", value, &d)
		case "when":
			var known bool
			if value[0] == '"' {
				d.When, known = task.ParseWhen(jsontext.Unquote(value))
			}
			if !known && !jsontext.IsNull(value) {
				r.wrong(at+"/when", "must be "+task.WhenNames)
			}
		case "name":
			if jsontext.IsNull(value) {
				continue
			}
			if d.Name = r.text(at+"/name", value); !task.NewName(d.Name) {
				r.wrong(at+"/name", task.NameRule)
			}
		default:
			r.wrong(at+"/"+jsontext.EscapePointer(string(key)), "is not a field of a dependency; it has task, when and name")
		}
	}
	if !given {
		r.wrong(at+"/task", "is required: the id of a task")
	}
	return d
}

func (r *request) dependencyID(at string, value []byte, into *task.Dependency) {
	var known bool
	if r.siblings != nil {
		r.sibling(at, value, into)
		return
	}
	if value[0] == '"' {
		into.Task, known = task.ParseID(jsontext.Unquote(value))
	}
	if !known {
		r.wrong(at, "must be the id of a task")
	}
}

// onDependencyFailure reads what becomes of the task if a dependency does not end as it needs, and reports whether it runs then.
func (r *request) onDependencyFailure(value []byte) bool {
	if value[0] == '"' {
		switch jsontext.Unquote(value) {
		case "cancel":
			return false
		case "run":
			return true
		}
	}
	r.wrong("/on_dependency_failure", "must be cancel or run")
	return false
}

// aroundResults prepares parameters that refer to results of the task's dependencies; refs is false if they do not: those of a task without
// dependencies that is in no workflow.
func (r *request) aroundResults(parameters []byte) (prepared []byte, bad []task.FieldError, refs bool, err error) {
	s := r.into
	if len(s.DependsOn) == 0 && r.siblings == nil || !task.MayHaveRefs(parameters) {
		return nil, nil, false, nil
	}
	list, bad := task.ResultRefs(parameters)
	if len(list) == 0 {
		return nil, nil, false, nil
	}
	known := make(map[string]bool, 2*len(s.DependsOn))
	for i := range s.DependsOn {
		known[s.DependsOn[i].Name] = true
		known[s.DependsOn[i].Task.String()] = true
	}
	if r.self == OnEnd { // it comes after all others
		for name := range r.siblings {
			known[name] = true
		}
	}
	places := make([]string, len(list))
	for i, ref := range list {
		if places[i] = ref.At; ref.From == "" || !known[ref.From] {
			bad = append(bad, task.FieldError{Pointer: ref.At + "/$from", Detail: "must be the name or the id of a task in depends_on" + r.notYet(ref.From)})
		}
	}
	prepared, more, err := r.in.Types.PrepareAround(s.Type, parameters, places)
	return prepared, append(bad, more...), true, err
}

// notYet is what to do about a reference to a task that is not in depends_on.
func (r *request) notYet(name string) string {
	if _, sibling := r.siblings[name]; sibling && name != r.self {
		return ": " + name + " is not a dependency of this task, add it to depends_on"
	}
	return ""
}

// sibling reads the name of another task of the same workflow.
func (r *request) sibling(at string, value []byte, into *task.Dependency) {
	name := r.text(at, value)
	place, known := r.siblings[name]
	switch {
	case name == "":
	case !known:
		r.wrong(at, "must be the name of another task of the workflow; there is none called "+name)
	case name == r.self:
		r.wrong(at, "must be another task: a task cannot wait for itself")
	default:
		into.Task, into.Name = idOfPlace(place), name
	}
}
