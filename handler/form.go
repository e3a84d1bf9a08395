package handler

import (
	"encoding/json"
	"strings"

	"daybook/task"
)

// CheckFields lists what is wrong with a JSON Schema of the answer of a person; its place is pointer.
func (r *Registry) CheckFields(pointer string, schema []byte) []task.FieldError {
	return moved(r.CheckDeclared(formOf(schema)), parametersSchema, pointer)
}

// CheckAnswer checks an answer, an object, against a schema that CheckFields has found right, and adds its defaults. What is wrong has
// pointers below /answer.
func (r *Registry) CheckAnswer(schema, answer []byte) (filled []byte, bad []task.FieldError) {
	t, err := register(outside{withSchemas(formOf(schema))})
	if err != nil { // it was right once
		return answer, nil
	}
	filled, _, bad = t.prepare(answer)
	return filled, moved(bad, "/parameters", "/answer")
}

// formOf is a type whose parameters are the answer.
func formOf(schema []byte) task.TypeSpec {
	return task.TypeSpec{Name: "FORM", ParametersSchema: json.RawMessage(schema)}
}

// moved moves pointers from one place to another.
func moved(bad []task.FieldError, from, to string) []task.FieldError {
	for i := range bad {
		bad[i].Pointer = to + strings.TrimPrefix(bad[i].Pointer, from)
	}
	return bad
}
