package api

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// Limits of the declaration of a task type, in bytes.
const (
	maxDeclaration = 256 << 10 // of all of it
	maxTypeTitle   = 200
	maxTypeText    = 10_000 // of the description
)

// declareType answers PUT /api/task-types/{name}: it says what a type that workers run takes, gives and needs.
func (a *API) declareType(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	if !task.NewName(p.id) {
		return invalid("", "has a name that "+task.NameRule)
	}
	declared, defaults, bad := readDeclaration(text)
	if bad == nil {
		bad = a.Intake.Types.CheckDeclared(specOf(p.id, &declared))
	}
	if bad != nil {
		return invalids(bad)
	}
	if err := a.mayDeclare(p, defaults.Queue); err != nil {
		return err
	}
	made, data := false, encodeDeclaration(&declared)
	err = a.sched().Record(r.Context(), p.caller.actor(), func() ([]scheduler.Other, error) {
		before := a.Views.DeclaredType(p.id)
		if made = before == nil; !made && before.Data == string(data) {
			return nil, nil
		}
		list, size := a.Views.DeclaredTypes()
		if !made {
			size -= len(before.Data)
		}
		full := made && (len(list) >= projection.MaxDeclaredTypes || !a.Intake.Types.Knows(p.id) && len(a.Intake.Types.Specs()) >= projection.MaxDeclaredTypes)
		if full || size+len(data) > projection.MaxDeclaredBytes {
			return nil, task.ErrTooManyTypes
		}
		return []scheduler.Other{{Stream: "type:" + p.id, Type: projection.TypeDeclared, V: 1, Data: data}}, nil
	})
	if err != nil {
		return err
	}
	p.shows(a.Views.Seq())
	specs := a.Intake.Types.Specs()
	at := slices.IndexFunc(specs, func(s task.TypeSpec) bool { return s.Name == p.id })
	if at < 0 { // the configuration has taken the name meanwhile
		return notFound("The server does not know the task type any more. Send the request again.")
	}
	var w jsontext.Writer
	a.writeType(&w, &specs[at])
	if made {
		return p.sendAs(http.StatusCreated, typeJSON, w)
	}
	return p.send(typeJSON, w)
}

// mayDeclare refuses a type that is not the caller's to declare.
func (a *API) mayDeclare(p *reply, queue string) error {
	if types := a.Intake.Types; types.Reserved(p.id) || types.Runs(p.id) {
		return &problem{Status: http.StatusConflict, Kind: kindBuiltIn,
			Detail: fmt.Sprintf("The server itself runs the task type %s and says what it takes. Nothing was changed; use another name.", p.id)}
	}
	if t := p.caller.token; p.caller.limited() && (!slices.Contains(t.TaskTypes, p.id) || queue != "" && !t.Allows(p.id, queue)) {
		return p.caller.outside()
	}
	return mayChange("task type", p.id, a.typeDeclaredIn(p.id))
}

// typeDeclaredIn is the file that has defaults of a task type, "" for none.
func (a *API) typeDeclaredIn(name string) string {
	if !a.Intake.Configured(name) {
		return ""
	}
	if d := a.declared.Load(); d != nil && d.file != "" {
		return d.file
	}
	return "the settings of the program"
}

// readDeclaration reads the body of PUT /api/task-types/{name}.
func readDeclaration(body []byte) (d projection.Declaration, defaults intake.Defaults, bad []task.FieldError) {
	if len(body) > maxDeclaration {
		return d, defaults, []task.FieldError{{Pointer: "", Detail: fmt.Sprintf("must have at most %d bytes", maxDeclaration)}}
	}
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		null := jsontext.IsNull(value)
		switch {
		case key == "title" && !null:
			d.Title = o.plainText(value, 0, maxTypeTitle)
		case key == "description" && !null:
			d.Description = o.plainText(value, 0, maxTypeText)
		case key == "parameters_schema" && !null:
			d.ParametersSchema = o.schema(value)
		case key == "result_schema" && !null:
			d.ResultSchema = o.schema(value)
		case key == "defaults" && !null:
			var wrong []task.FieldError
			d.Defaults = bytes.Clone(value)
			defaults, wrong = intake.ReadDefaults(d.Defaults)
			*o.bad = append(*o.bad, under(o.at, wrong)...)
		}
		return slices.Contains([]string{"title", "description", "parameters_schema", "result_schema", "defaults"}, key)
	})
	return d, defaults, bad
}

// schema is an object that describes values.
func (o object) schema(value []byte) []byte {
	if !jsontext.IsObject(value) {
		o.wrong("must be a JSON Schema: an object")
		return nil
	}
	return bytes.Clone(value)
}

// encodeDeclaration is the data of type.declared. Schemas keep the order of their keys: the page draws its form in it.
func encodeDeclaration(d *projection.Declaration) []byte {
	var w jsontext.Writer
	w.Object()
	if d.Title != "" {
		w.Key("title").String(d.Title)
	}
	if d.Description != "" {
		w.Key("description").String(d.Description)
	}
	for _, one := range []struct {
		key  string
		text []byte
	}{{"parameters_schema", d.ParametersSchema}, {"result_schema", d.ResultSchema}, {"defaults", d.Defaults}} {
		if one.text != nil {
			w.Key(one.key).Raw(one.text)
		}
	}
	w.EndObject()
	return w
}

// specOf describes a declared type.
func specOf(name string, d *projection.Declaration) task.TypeSpec {
	return task.TypeSpec{Name: name, Title: d.Title, Description: d.Description, ParametersSchema: d.ParametersSchema, ResultSchema: d.ResultSchema}
}
