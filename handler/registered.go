package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"daybook/files"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// registered is a type with what is computed from its schemas.
type registered struct {
	handler Handler
	run     RunFunc // of the handler, in its middleware
	spec    task.TypeSpec

	schema   *jsonschema.Schema // of the parameters
	result   *jsonschema.Schema // of the result
	steps    *steps             // nil for a type that this process runs: its schemas are trusted
	added    []byte             // the defaults, as a canonical object
	defaults []member           // the members of added
	empty    []byte             // {} with the defaults; nil if {} is invalid
	quick    *quick             // nil if it does not support the schema
}

// member is one key of an object with its value, as JSON text.
type member struct {
	name   string
	key    []byte // quoted, with its colon
	value  []byte
	unless string // of a default: not added if this parameter is given; "" = always added
}

func register(h Handler) (*registered, error) {
	t := &registered{handler: h, spec: h.Spec()}
	for _, text := range []*json.RawMessage{&t.spec.ParametersSchema, &t.spec.ResultSchema, &t.spec.Defaults} {
		*text = compacted(*text)
	}
	if !task.NewName(t.spec.Name) {
		return nil, fmt.Errorf("register task type %q: its name %s", t.spec.Name, task.NameRule)
	}
	if err := t.compile(); err != nil {
		return nil, fmt.Errorf("register task type %s: %w", t.spec.Name, err)
	}
	if prepared, _, bad := t.check([]byte("{}")); bad == nil {
		t.empty = slices.Clip(prepared)
	}
	return t, nil
}

// compacted is a copy of JSON text without the space between its tokens, and of any other text as it is.
func compacted(text json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return slices.Clone(text)
	}
	return b.Bytes()
}

// checkFiles reads the files that the parameters name, so that no handler works on a damaged one. A
// missing one is left to the handler. Errors: *files.DamagedError, which is permanent, those of
// reading, ctx's.
func (t *registered) checkFiles(ctx context.Context, call Call) error {
	if !mentionsFiles(t.spec.ParametersSchema) || call.Files == nil {
		return nil
	}
	var parameters any
	if json.Unmarshal(call.Parameters, &parameters) != nil {
		return nil // the handler says so
	}
	for _, id := range t.parameterFiles(parameters) {
		if err := call.Files.Check(ctx, id); err != nil && !errors.Is(err, files.ErrNotFound) {
			return err
		}
	}
	return nil
}

// parameterFiles lists the files that parameters name.
func (t *registered) parameterFiles(parameters any) []string {
	if !mentionsFiles(t.spec.ParametersSchema) {
		return nil
	}
	return appendFileIDs(nil, []*jsonschema.Schema{t.schema}, parameters)
}

func (t *registered) compile() error {
	if len(t.spec.ParametersSchema) == 0 {
		t.spec.ParametersSchema = json.RawMessage(`{"type":"object","additionalProperties":false}`)
	}
	if len(t.spec.ResultSchema) == 0 {
		t.spec.ResultSchema = json.RawMessage(`{}`)
	}
	const parameters, result = "daybook:///parameters.json", "daybook:///result.json"
	compiler := newCompiler(formatsOf(t.handler)...)
	parametersDocument, err := addSchema(compiler, parameters, t.spec.ParametersSchema)
	if err != nil {
		return fmt.Errorf("read the schema of its parameters: %w", err)
	}
	if _, err = addSchema(compiler, result, t.spec.ResultSchema); err != nil {
		return fmt.Errorf("read the schema of its result: %w", err)
	}
	if t.schema, err = compiler.Compile(parameters); err != nil {
		return fmt.Errorf("compile the schema of its parameters: %w", err)
	}
	if t.result, err = compiler.Compile(result); err != nil {
		return fmt.Errorf("compile the schema of its result: %w", err)
	}
	if _, ok := t.handler.(outside); ok {
		t.steps = &steps{left: freeSteps}
		t.steps.count(t.schema)
		t.steps.count(t.result)
	}
	if err := t.readDefaults(parametersDocument); err != nil {
		return err
	}
	t.quick = quickOf(parametersDocument, t.defaults)
	return nil
}

func addSchema(c *jsonschema.Compiler, url string, text json.RawMessage) (map[string]any, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	document, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("it is not an object")
	}
	return document, c.AddResource(url, value)
}

// readDefaults reads the defaults of the spec, or otherwise those of the properties in the schema. A
// default of null counts as none.
func (t *registered) readDefaults(document map[string]any) error {
	if len(t.spec.Defaults) == 0 {
		t.spec.Defaults = schemaDefaults(document)
	}
	canonical, err := jsontext.Canonical(nil, t.spec.Defaults, maxDepth)
	if err != nil {
		return fmt.Errorf("read its defaults: %w", err)
	}
	t.added = canonical
	t.defaults, err = membersOf(canonical)
	if err != nil {
		return fmt.Errorf("read its defaults: %w", err)
	}
	for i, d := range t.defaults {
		t.defaults[i].unless = unlessOf(document, d.name)
		property := t.schema.Properties[d.name]
		if property == nil {
			return fmt.Errorf("read its defaults: %q is not in the schema", d.name)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.value))
		if err == nil {
			err = property.Validate(value)
		}
		if err != nil {
			return &defaultError{d.name, value, err}
		}
	}
	return nil
}

// defaultError is a default that does not fit its parameter.
type defaultError struct {
	name  string
	value any
	err   error
}

func (e *defaultError) Error() string {
	return fmt.Sprintf("check the default of %q: %v", e.name, e.err)
}

func (e *defaultError) Unwrap() error { return e.err }

// unlessKeyword of a property names another one: if that is given, the default of the first would
// mean nothing and is not added.
const unlessKeyword = "x-default-unless"

func unlessOf(document map[string]any, name string) string {
	properties, _ := document["properties"].(map[string]any)
	property, _ := properties[name].(map[string]any)
	unless, _ := property[unlessKeyword].(string)
	return unless
}

func schemaDefaults(document map[string]any) json.RawMessage {
	defaults := map[string]any{}
	properties, _ := document["properties"].(map[string]any)
	for name, property := range properties {
		property, _ := property.(map[string]any)
		if value := property["default"]; value != nil {
			defaults[name] = value
		}
	}
	text, _ := json.Marshal(defaults) // it came from JSON
	return text
}

// membersOf splits a canonical object into its members, in order.
func membersOf(object []byte) (list []member, err error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("they are not an object")
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		name := key.(string)
		quoted, _ := json.Marshal(name)
		list = append(list, member{name: name, key: append(quoted, ':'), value: value})
	}
	return list, nil
}

// appendDefaults appends the defaults for which missing is true to a canonical object.
func (t *registered) appendDefaults(object []byte, missing func(i int) bool) []byte {
	size := 0
	for i, d := range t.defaults {
		if missing(i) {
			size += len(d.key) + len(d.value) + 1
		}
	}
	if size == 0 {
		return object
	}
	out := make([]byte, 0, len(object)+size)
	out = append(out, object[:len(object)-1]...)
	for i, d := range t.defaults {
		if !missing(i) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, d.key...)
		out = append(out, d.value...)
	}
	return append(out, '}')
}

// pointerTo is the RFC 6901 pointer of a place below /parameters.
func pointerTo(location []string) string {
	var b strings.Builder
	b.WriteString("/parameters")
	for _, token := range location {
		b.WriteByte('/')
		b.WriteString(pointerEscaper.Replace(token))
	}
	return b.String()
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")
