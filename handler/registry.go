package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"daybook/internal/jsontext"
	"daybook/task"
)

// ErrUnknownType: no type of that name is registered.
var ErrUnknownType = errors.New("unknown task type")

// MaxTypes is the maximum number of types in a registry.
const MaxTypes = 1000

// Registry is the set of known types. Safe for concurrent use.
type Registry struct {
	reserved []string // never changed once the registry is used
	adding   sync.Mutex
	around   []Middleware                           // guarded by adding; the outermost first
	types    atomic.Pointer[map[string]*registered] // the map itself is never changed
}

// NewRegistry returns a registry with these handlers. Errors: a name that is invalid or used
// twice, a schema that does not compile.
func NewRegistry(handlers ...Handler) (*Registry, error) {
	r := &Registry{}
	r.types.Store(&map[string]*registered{})
	for _, h := range handlers {
		if err := r.Add(h); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Reserve keeps these names for handlers of this process, whether there is one now or not: no worker can
// offer them. To be called before the registry is used.
func (r *Registry) Reserve(names ...string) { r.reserved = append(r.reserved, names...) }

// Reserved reports whether the name is kept for handlers of this process.
func (r *Registry) Reserved(name string) bool { return slices.Contains(r.reserved, name) }

// Add adds a type. Errors: those of NewRegistry.
func (r *Registry) Add(h Handler) error {
	r.adding.Lock()
	defer r.adding.Unlock()
	known := *r.types.Load()
	t, err := register(h)
	switch {
	case err != nil:
		return err
	case known[t.spec.Name] != nil:
		return fmt.Errorf("register task type %s: there is one of that name already", t.spec.Name)
	case len(known) >= MaxTypes:
		return fmt.Errorf("register task type %s: there are %d types already", t.spec.Name, MaxTypes)
	}
	t.wrap(r.around)
	more := maps.Clone(known)
	more[t.spec.Name] = t
	r.types.Store(&more)
	return nil
}

// Replace removes the types of these names, then adds others, in the place of those that have their
// names. Attempts that run go on as they began. Errors: those of NewRegistry; then nothing changes.
func (r *Registry) Replace(remove []string, add ...Handler) error {
	r.adding.Lock()
	defer r.adding.Unlock()
	more := maps.Clone(*r.types.Load())
	for _, name := range remove {
		delete(more, name)
	}
	for _, h := range add {
		t, err := register(h)
		if err != nil {
			return err
		}
		t.wrap(r.around)
		more[t.spec.Name] = t
	}
	if len(more) > MaxTypes {
		return fmt.Errorf("register task types: there are %d types already", MaxTypes)
	}
	r.types.Store(&more)
	return nil
}

// Use puts middleware around the handlers of all types, including those added later.
// The first one is the outermost; a later call adds inside the ones before.
func (r *Registry) Use(around ...Middleware) {
	r.adding.Lock()
	defer r.adding.Unlock()
	r.around = append(r.around, around...)
	wrapped := make(map[string]*registered)
	for name, t := range *r.types.Load() {
		other := *t
		if t.handler != nil {
			other.wrap(r.around)
		}
		wrapped[name] = &other
	}
	r.types.Store(&wrapped)
}

func (t *registered) wrap(around []Middleware) {
	t.run = t.handler.Run
	for _, m := range slices.Backward(around) {
		t.run = m(t.run)
	}
}

// Specs lists the types by name.
func (r *Registry) Specs() []task.TypeSpec {
	specs := make([]task.TypeSpec, 0, len(*r.types.Load()))
	for _, t := range *r.types.Load() {
		specs = append(specs, t.spec)
	}
	slices.SortFunc(specs, func(a, b task.TypeSpec) int { return strings.Compare(a.Name, b.Name) })
	return specs
}

// Offer makes types known that workers outside of the process run, and that nobody has described:
// their parameters are any object. Those that are known or reserved stay as they are. Errors: a name that is not
// valid, task.ErrTooManyTypes; then none is added.
func (r *Registry) Offer(names []string) error {
	if !slices.ContainsFunc(names, func(name string) bool { return !r.Knows(name) && !r.Reserved(name) }) {
		return nil
	}
	r.adding.Lock()
	defer r.adding.Unlock()
	more := maps.Clone(*r.types.Load())
	for _, name := range names {
		if more[name] != nil || r.Reserved(name) {
			continue
		}
		t, err := register(outside{task.TypeSpec{Name: name, Title: name,
			Description:      "Run by workers outside of the server, which have not described it.",
			ParametersSchema: json.RawMessage(`{"type":"object"}`)}})
		if err != nil {
			return err
		}
		t.handler = nil
		more[name] = t
	}
	if len(more) > MaxTypes {
		return fmt.Errorf("%w: there are %d already; offer fewer", task.ErrTooManyTypes, len(*r.types.Load()))
	}
	r.types.Store(&more)
	return nil
}

// outside is a type that this process does not run.
type outside struct{ spec task.TypeSpec }

func (o outside) Spec() task.TypeSpec { return o.spec }

func (o outside) Run(context.Context, Call) (any, error) {
	return nil, errors.New("nobody in this process runs the type")
}

// Runs reports whether this process has a handler for the type.
func (r *Registry) Runs(name string) bool {
	t := (*r.types.Load())[name]
	return t != nil && t.handler != nil
}

// Knows reports whether the type is registered.
func (r *Registry) Knows(name string) bool { return (*r.types.Load())[name] != nil }

// Prepare checks parameters (strict canonical JSON, see jsontext.Canonical) against the
// type's schema, appends the defaults of those that are missing, and lists the files that
// they name (values whose schema says "format":"daybook-file"). fields are the faults,
// with pointers below /parameters. Error: ErrUnknownType.
//
// Only top-level parameters get defaults, not keys of objects inside them. Empty parameters count
// as {}. The returned slices are shared and must not be changed.
func (r *Registry) Prepare(name string, parameters []byte) (prepared []byte, fileIDs []string, fields []task.FieldError, err error) {
	t := (*r.types.Load())[name]
	if t == nil {
		return nil, nil, nil, ErrUnknownType
	}
	prepared, fileIDs, fields = t.prepare(parameters)
	return prepared, fileIDs, fields, nil
}

// PrepareAround is Prepare for parameters in which other values stand at some places when the task runs; pointers lead to these. What is wrong
// there is not known yet, nor which files they name.
func (r *Registry) PrepareAround(name string, parameters []byte, places []string) (prepared []byte, fields []task.FieldError, err error) {
	t := (*r.types.Load())[name]
	if t == nil {
		return nil, nil, ErrUnknownType
	}
	prepared, _, fields = t.prepare(parameters)
	fields = slices.DeleteFunc(fields, func(f task.FieldError) bool {
		at := strings.TrimPrefix(f.Pointer, "/parameters")
		return slices.ContainsFunc(places, func(place string) bool {
			return at == place || strings.HasPrefix(at, place+"/")
		})
	})
	if prepared == nil && len(fields) == 0 {
		given := make(map[string]bool)
		for key := range jsontext.Members(parameters) {
			given[string(key)] = true
		}
		prepared = t.appendDefaults(parameters, func(i int) bool { return !given[t.defaults[i].name] && !given[t.defaults[i].unless] })
	}
	return prepared, fields, nil
}

// Defaults returns the parameters that Prepare adds if they are missing, as a canonical object; nil
// for an unknown type. It must not be changed.
func (r *Registry) Defaults(name string) []byte {
	t := (*r.types.Load())[name]
	if t == nil {
		return nil
	}
	return t.added
}

// Run runs one attempt of the type. The files of the result are those that its method
// Files() []string returns, otherwise the values whose schema says "format":"daybook-file".
// A result that cannot be marshalled is a permanent error. One that is a json.RawMessage is returned
// unchecked. Errors: ErrUnknownType, those of the handler.
func (r *Registry) Run(ctx context.Context, name string, call Call) (Result, error) {
	t := (*r.types.Load())[name]
	if t == nil {
		return Result{}, ErrUnknownType
	}
	if err := t.checkFiles(ctx, call); err != nil {
		return Result{}, err
	}
	value, err := t.run(ctx, call)
	if err != nil {
		return Result{}, err
	}
	return t.encode(value)
}
