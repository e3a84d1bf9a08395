package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// CheckDeclared lists what is wrong with the schemas of a type that workers run, with pointers such as
// /parameters_schema/properties/width/type.
func (*Registry) CheckDeclared(spec task.TypeSpec) []task.FieldError {
	var bad []task.FieldError
	for _, one := range []struct {
		pointer string
		schema  json.RawMessage
	}{{parametersSchema, spec.ParametersSchema}, {"/result_schema", spec.ResultSchema}} {
		if len(one.schema) > 0 {
			bad = append(bad, checkSchema(one.pointer, one.schema)...)
		}
	}
	if bad != nil {
		return bad
	}
	_, err := register(outside{withSchemas(spec)})
	if wrong, ok := errors.AsType[*defaultError](err); ok {
		bad = fieldErrors(wrong.value, wrong.err)
		for i := range bad {
			bad[i].Pointer = "/parameters_schema/properties/" + jsontext.EscapePointer(wrong.name) + "/default" + strings.TrimPrefix(bad[i].Pointer, "/parameters")
		}
	} else if err != nil {
		bad = []task.FieldError{{Pointer: "/parameters_schema", Detail: "cannot be used: " + err.Error()}}
	}
	return bad
}

// checkSchema lists what is wrong with a schema.
func checkSchema(pointer string, schema json.RawMessage) []task.FieldError {
	compiler := newCompiler(formatsOf(nil)...)
	document, err := addSchema(compiler, schemaURL, schema)
	if err != nil {
		return schemaErrors(pointer, schema, err)
	}
	if bad := checkText(pointer, document); bad != nil {
		return bad
	}
	compiled, err := compiler.Compile(schemaURL)
	if err != nil {
		return schemaErrors(pointer, schema, err)
	}
	return checkGraph(pointer, compiled)
}

const schemaURL = "daybook:///schema.json"

// schemaErrors are the errors of a schema that does not compile.
func schemaErrors(pointer string, schema []byte, err error) []task.FieldError {
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		var value any
		value, _ = jsonschema.UnmarshalJSON(bytes.NewReader(schema))
		bad := fieldErrors(value, invalid.Err)
		for i := range bad {
			bad[i].Pointer = pointer + fragmentOf(invalid.URL) + strings.TrimPrefix(bad[i].Pointer, "/parameters")
		}
		return slices.DeleteFunc(bad, func(f task.FieldError) bool { // a type may be a list too; who wrote a wrong one meant none
			return strings.HasSuffix(f.Pointer, "/type") && f.Detail == "must be an array" &&
				slices.ContainsFunc(bad, func(other task.FieldError) bool { return other.Pointer == f.Pointer && other.Detail != f.Detail })
		})
	}
	at, detail := "", "must be a JSON Schema 2020-12: "+strings.ReplaceAll(err.Error(), schemaURL, "")
	if regex, ok := errors.AsType[*jsonschema.InvalidRegexError](err); ok {
		at, detail = regex.URL, regexDetail
	} else if lost, ok := errors.AsType[*jsonschema.JSONPointerNotFoundError](err); ok {
		detail = "must have what its $ref names: there is no " + lost.URL[strings.Index(lost.URL, "#")+1:]
	} else if other, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		detail = "must not refer to other documents: " + other.URL + " is not loaded"
	}
	return []task.FieldError{{Pointer: pointer + fragmentOf(at), Detail: detail}}
}

// fragmentOf is the JSON pointer at the end of a URL, "" if it has none.
func fragmentOf(url string) string {
	_, fragment, _ := strings.Cut(url, "#")
	return fragment
}

// withSchemas fills in what a declaration leaves out: any object goes in, any value comes out.
func withSchemas(spec task.TypeSpec) task.TypeSpec {
	if spec.Title == "" {
		spec.Title = spec.Name
	}
	if len(spec.ParametersSchema) == 0 {
		spec.ParametersSchema = json.RawMessage(`{"type":"object"}`)
	}
	spec.Defaults = nil // of parameters: those of its schema
	return spec
}

// Declare makes a type that workers run known, in the place of what is known of it. A reserved one, and one with a
// handler in this process, stays as it is. Errors: those of schemas that do not compile; then it stays too.
func (r *Registry) Declare(spec task.TypeSpec) error {
	r.adding.Lock()
	defer r.adding.Unlock()
	if r.Reserved(spec.Name) || r.Runs(spec.Name) {
		return nil
	}
	t, err := register(outside{withSchemas(spec)})
	if err != nil {
		return err
	}
	t.handler = nil
	more := maps.Clone(*r.types.Load())
	more[spec.Name] = t
	r.types.Store(&more)
	return nil
}

// CheckResult lists what is wrong with the result of a worker by the schema of its type, with pointers below
// /result. nil = no result.
func (r *Registry) CheckResult(name string, result []byte) []task.FieldError {
	t := (*r.types.Load())[name]
	if t == nil || len(t.spec.ResultSchema) <= len("{}") {
		return nil
	}
	if result == nil {
		result = []byte("null")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(result))
	if err != nil {
		return []task.FieldError{{Pointer: "/result", Detail: "must be a JSON value"}}
	}
	bad := hugeNumbers(nil, nil, value)
	if bad == nil {
		var err error
		if !t.steps.within(len(result), func() { err = t.result.Validate(value) }) {
			return tooManySteps("/result")
		}
		if err == nil {
			return nil
		}
		bad = fieldErrors(value, err)
	}
	bad = tidy(bad)
	for i := range bad {
		bad[i].Pointer = "/result" + strings.TrimPrefix(bad[i].Pointer, "/parameters")
	}
	return bad
}
