package projection

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// typeEvents are the events of the stream of a task type, "type:NAME".
var typeEvents = map[string]int{TypeDeclared: 1}

// TypeDeclared is the type of the event that declares a task type, or declares it anew.
const TypeDeclared = "type.declared"

// Limits of declarations. They are kept in memory and written with each checkpoint.
const (
	MaxDeclaredTypes = 1000
	MaxDeclaredBytes = 4 << 20 // of all of them
)

// Declaration is the data of type.declared: all that is said of a task type.
type Declaration struct {
	Title            string          `json:"title,omitempty"`
	Description      string          `json:"description,omitempty"`
	ParametersSchema json.RawMessage `json:"parameters_schema,omitempty"` // JSON Schema 2020-12; none = any object
	ResultSchema     json.RawMessage `json:"result_schema,omitempty"`     // none = any result
	Defaults         json.RawMessage `json:"defaults,omitempty"`          // of tasks: an object; none = those of the server
}

// DeclaredType is a task type that somebody has declared. It is not to be changed.
type DeclaredType struct {
	Name       string      `json:"name"`
	Version    int64       `json:"version"` // of the latest event of its stream
	DeclaredAt task.Micros `json:"declared_at"`
	DeclaredBy string      `json:"declared_by"` // actor
	Data       string      `json:"data"`        // of that event
}

// Declaration reads what was declared.
func (t *DeclaredType) Declaration() (d Declaration) {
	_ = json.Unmarshal([]byte(t.Data), &d) // apply has checked it
	return d
}

// declaredTypes is the fold of the streams of task types.
type declaredTypes struct {
	List []*DeclaredType `json:"list,omitempty"` // by name
	Size int             `json:"size,omitempty"` // bytes of all of them
}

func (f *declaredTypes) apply(e *eventlog.Event) error {
	_, name, _ := strings.Cut(e.Stream, ":")
	if !task.ValidName(name) {
		return fmt.Errorf("%w: the name of a task type is %q", task.ErrData, name)
	}
	if err := json.Unmarshal(e.Data, new(Declaration)); err != nil {
		return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
	}
	now := &DeclaredType{Name: strings.Clone(name), Version: e.Version, DeclaredAt: task.Micros(e.At),
		DeclaredBy: strings.Clone(e.Actor), Data: string(e.Data)}
	f.Size += len(now.Data)
	at, known := f.find(name)
	f.List = slices.Clone(f.List) // readers have the one of before
	if known {
		f.Size -= len(f.List[at].Data)
		f.List[at] = now
	} else {
		f.List = slices.Insert(f.List, at, now)
	}
	return nil
}

func (f *declaredTypes) find(name string) (at int, known bool) {
	return slices.BinarySearchFunc(f.List, name, func(t *DeclaredType, name string) int { return cmp.Compare(t.Name, name) })
}

func (f *declaredTypes) version(stream string) int64 {
	_, name, _ := strings.Cut(stream, ":")
	if at, known := f.find(name); known {
		return f.List[at].Version
	}
	return 0
}

// DeclaredTypes lists the task types that were declared, by name, and how many bytes they have. The
// list is not to be changed.
func (v *Views) DeclaredTypes() (list []*DeclaredType, size int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f := foldIn[*declaredTypes](v.streams)
	return f.List, f.Size
}

// DeclaredType returns one of DeclaredTypes, nil if the type was not declared.
func (v *Views) DeclaredType(name string) *DeclaredType {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f := foldIn[*declaredTypes](v.streams)
	if at, known := f.find(name); known {
		return f.List[at]
	}
	return nil
}
