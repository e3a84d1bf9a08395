package daybook

import (
	"strings"

	"daybook/eventlog"
	"daybook/intake"
	"daybook/projection"
	"daybook/task"
)

// declarations makes the task types known that are declared in the log, as they are folded. It implements
// projection.Observer.
type declarations struct{ d *Daybook }

// TaskChanged does nothing: tasks declare no types.
func (declarations) TaskChanged(*task.Task, task.Status, *task.Event) {}

// StreamChanged takes over what a type.declared says.
func (o declarations) StreamChanged(e *eventlog.Event) {
	if e.Type != projection.TypeDeclared {
		return
	}
	_, name, _ := strings.Cut(e.Stream, ":")
	o.d.declareType(&projection.DeclaredType{Name: strings.Clone(name), Data: string(e.Data)})
}

// declareType makes a type known as it was declared. A declaration that this version cannot read is left out: the
// type is then one of which nothing is said.
func (d *Daybook) declareType(t *projection.DeclaredType) {
	said := t.Declaration()
	err := d.registry.Declare(task.TypeSpec{Name: t.Name, Title: said.Title, Description: said.Description,
		ParametersSchema: said.ParametersSchema, ResultSchema: said.ResultSchema})
	if err != nil {
		d.o.Logger.Error("the declaration of a task type cannot be used; declare it again", "type", t.Name, "error", err)
		_ = d.registry.Declare(task.TypeSpec{Name: t.Name})
	}
	if len(said.Defaults) == 0 {
		said.Defaults = []byte("{}")
	}
	defaults, bad := intake.ReadDefaults(said.Defaults)
	if bad != nil {
		d.o.Logger.Error("the defaults of a task type cannot be used; declare it again", "type", t.Name, "error", bad[0].Pointer+" "+bad[0].Detail)
		defaults = intake.Defaults{}
	}
	d.intake.Declare(t.Name, defaults)
}
