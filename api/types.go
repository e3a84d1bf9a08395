package api

import (
	"net/http"

	"daybook/internal/jsontext"
	"daybook/task"
)

// taskTypes answers GET /api/task-types.
func (a *API) taskTypes(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	p.shows(a.Views.Seq())
	var w jsontext.Writer
	w.Array()
	for _, spec := range a.Intake.Types.Specs() {
		if a.Intake.Closed(spec.Name) {
			continue
		}
		a.writeType(w.Item(), &spec)
	}
	w.EndArray()
	return p.send(typeJSON, w)
}

// writeType writes one type. Its defaults are those of parameters, as for built-in types; those of tasks are
// task_defaults.
func (a *API) writeType(w *jsontext.Writer, spec *task.TypeSpec) {
	w.Object()
	w.Key("name").String(spec.Name)
	w.Key("title").String(spec.Title)
	w.Key("description").String(spec.Description)
	for _, one := range []struct {
		key  string
		text []byte
	}{{"parameters_schema", spec.ParametersSchema}, {"result_schema", spec.ResultSchema}, {"defaults", spec.Defaults}} {
		writeObject(w.Key(one.key), one.text)
	}
	defaults, _ := a.Intake.DefaultsOf(spec.Name)
	writeObject(w.Key("task_defaults"), defaults.Text)
	if declared := a.Views.DeclaredType(spec.Name); declared != nil {
		w.Key("declared_by").String(declared.DeclaredBy)
		w.Key("declared_at").Time(int64(declared.DeclaredAt))
	} else {
		w.Key("declared_by").Null()
		w.Key("declared_at").Null()
	}
	w.Key("declared_in").OptionalString(a.typeDeclaredIn(spec.Name))
	w.EndObject()
}

// writeObject writes the text of an object, or an empty one.
func writeObject(w *jsontext.Writer, text []byte) {
	if len(text) == 0 {
		text = []byte("{}")
	}
	w.Raw(text)
}
