package handler

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	maxDepth       = 32  // of parameters
	maxNumber      = 400 // characters of a number, and the size of its exponent
	maxFieldErrors = 50  // that one answer lists
)

// prepare checks parameters and adds defaults. The quick check comes first; the schema checks what
// that does not accept.
func (t *registered) prepare(parameters []byte) ([]byte, []string, []task.FieldError) {
	if len(parameters) == 0 {
		parameters = []byte("{}")
	}
	if t.empty != nil && string(parameters) == "{}" {
		return t.empty, nil, nil
	}
	if t.quick != nil {
		if seen, ok := t.quick.accepts(parameters); ok {
			prepared := t.appendDefaults(parameters, func(i int) bool { return seen&t.quick.defaults[i] == 0 })
			return prepared, nil, nil
		}
	}
	return t.check(parameters)
}

// check validates by the schema itself.
func (t *registered) check(parameters []byte) ([]byte, []string, []task.FieldError) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters))
	if err != nil {
		return nil, nil, []task.FieldError{{Pointer: "/parameters", Detail: "must be a JSON value"}}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, nil, []task.FieldError{{Pointer: "/parameters", Detail: "must be an object"}}
	}
	// The validator uses exact fractions, which would take much memory for such numbers.
	if bad := hugeNumbers(nil, nil, value); bad != nil {
		return nil, nil, tidy(bad)
	}
	var prepared []byte
	var ids []string
	var bad []task.FieldError
	if !t.steps.within(len(parameters), func() { prepared, ids, bad = t.checkObject(parameters, object) }) {
		return nil, nil, tooManySteps("/parameters")
	}
	return prepared, ids, bad
}

// checkObject validates parameters, of which object is the decoded form.
func (t *registered) checkObject(parameters []byte, object map[string]any) ([]byte, []string, []task.FieldError) {
	parameters = t.withoutNulls(parameters, object)
	if err := t.schema.Validate(object); err != nil {
		return nil, nil, fieldErrors(object, err)
	}
	parameters = t.wholeNumbers(parameters, object)
	prepared := t.appendDefaults(parameters, func(i int) bool {
		_, given := object[t.defaults[i].name]
		return !given && object[t.defaults[i].unless] == nil
	})
	return prepared, t.parameterFiles(object), nil
}

// withoutNulls removes the parameters that are null although they have a default, or are optional
// and cannot be null: many clients send null for a parameter that is not given. They are deleted
// from object too.
func (t *registered) withoutNulls(parameters []byte, object map[string]any) []byte {
	var out []string
	for name, value := range object {
		if value == nil && t.nullIsAbsent(name) {
			out = append(out, name)
			delete(object, name)
		}
	}
	if out == nil {
		return parameters
	}
	var kept jsontext.Writer
	kept.Object()
	for key, value := range jsontext.QuotedMembers(parameters) {
		if !slices.Contains(out, jsontext.Unquote(key)) {
			kept.QuotedKey(key).Raw(value)
		}
	}
	kept.EndObject()
	return kept
}

// nullIsAbsent reports whether null for the parameter means that it is not given.
func (t *registered) nullIsAbsent(name string) bool {
	if slices.ContainsFunc(t.defaults, func(d member) bool { return d.name == name }) {
		return true
	}
	property := t.schema.Properties[name]
	return property != nil && !slices.Contains(t.schema.Required, name) && property.Validate(nil) != nil
}

// hugeNumbers lists the numbers that are out of the range of float64.
func hugeNumbers(bad []task.FieldError, location []string, value any) []task.FieldError {
	switch v := value.(type) {
	case json.Number:
		if isHuge(string(v)) {
			bad = append(bad, task.FieldError{Pointer: pointerTo(location), Detail: "must be a number of at most 400 digits, within ±1e308"})
		}
	case []any:
		for i, item := range v {
			bad = hugeNumbers(bad, append(location, strconv.Itoa(i)), item)
		}
	case map[string]any:
		for key, item := range v {
			bad = hugeNumbers(bad, append(location, key), item)
		}
	}
	return bad
}

func isHuge(number string) bool {
	if len(number) > maxNumber {
		return true
	}
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		exponent, err := strconv.Atoi(number[i+1:])
		if err != nil || exponent > maxNumber || exponent < -maxNumber {
			return true
		}
	}
	_, err := strconv.ParseFloat(number, 64)
	return err != nil
}

// tidy sorts field errors by pointer, drops duplicates and shortens the list.
func tidy(list []task.FieldError) []task.FieldError {
	slices.SortFunc(list, func(a, b task.FieldError) int {
		if c := strings.Compare(a.Pointer, b.Pointer); c != 0 {
			return c
		}
		return strings.Compare(a.Detail, b.Detail)
	})
	list = slices.Compact(list)
	return list[:min(len(list), maxFieldErrors)]
}
