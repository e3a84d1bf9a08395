package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"daybook/task"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// fieldErrors returns what is wrong with a value, in plain English, with pointers.
func fieldErrors(value any, err error) []task.FieldError {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []task.FieldError{{Pointer: "/parameters", Detail: "must fit the schema of the type"}}
	}
	locateNames(value, v)
	return tidy(collectErrors(nil, v))
}

// locateNames finds the places of errors about the names of properties: the library overwrites all of
// them but their length.
func locateNames(value any, e *jsonschema.ValidationError) {
	if k, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		if at, found := objectWith(value, k.Property, make([]string, 0, len(e.InstanceLocation)), len(e.InstanceLocation)); found {
			e.InstanceLocation = at
		}
	}
	for _, cause := range e.Causes {
		locateNames(value, cause)
	}
}

// objectWith finds an object with the property, at that depth below a value.
func objectWith(value any, property string, at []string, depth int) ([]string, bool) {
	switch v := value.(type) {
	case map[string]any:
		if depth == 0 {
			_, ok := v[property]
			return slices.Clone(at), ok
		}
		for _, name := range sortedKeys(v) {
			if found, ok := objectWith(v[name], property, append(at, name), depth-1); ok {
				return found, true
			}
		}
	case []any:
		for i := 0; depth > 0 && i < len(v); i++ {
			if found, ok := objectWith(v[i], property, append(at, strconv.Itoa(i)), depth-1); ok {
				return found, true
			}
		}
	}
	return nil, false
}

func collectErrors(list []task.FieldError, e *jsonschema.ValidationError) []task.FieldError {
	at := func(detail string, more ...string) {
		pointer := pointerTo(append(slices.Clone(e.InstanceLocation), more...))
		list = append(list, task.FieldError{Pointer: pointer, Detail: detail})
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			at("is required", name)
		}
	case *kind.DependentRequired:
		for _, name := range k.Missing {
			at("is required with "+k.Prop, name)
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			at("unknown field", name)
		}
	case *kind.PropertyNames:
		for _, cause := range e.Causes {
			at(detailOf(cause.ErrorKind), k.Property)
		}
	case *kind.OneOf, *kind.AnyOf:
		if detail := alternatives(e); detail != "" {
			at(detail)
			break
		}
		for _, cause := range e.Causes {
			list = collectErrors(list, cause)
		}
	default:
		if len(e.Causes) == 0 {
			at(detailOf(e.ErrorKind))
		}
		for _, cause := range e.Causes {
			list = collectErrors(list, cause)
		}
	}
	return list
}

// alternatives joins the details of branches that all failed, if they are about one value: "must be
// a string or null".
func alternatives(e *jsonschema.ValidationError) string {
	if len(e.Causes) == 0 {
		return "must fit exactly one of the forms that the schema gives"
	}
	var details []string
	for _, cause := range e.Causes {
		if len(cause.Causes) > 0 || len(cause.InstanceLocation) != len(e.InstanceLocation) {
			return ""
		}
		switch cause.ErrorKind.(type) {
		case *kind.Required, *kind.AdditionalProperties, *kind.DependentRequired:
			return ""
		}
		detail := detailOf(cause.ErrorKind)
		if len(details) > 0 {
			detail = strings.TrimPrefix(detail, "must be ")
		}
		details = append(details, detail)
	}
	return strings.Join(details, " or ")
}

var english = message.NewPrinter(language.English)

func detailOf(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + typeNames(k.Want)
	case *kind.Enum:
		return "must be one of " + valueList(k.Want)
	case *kind.Const:
		return "must be " + valueText(k.Want)
	case *kind.Minimum:
		return "must be at least " + ratText(k.Want)
	case *kind.Maximum:
		return "must be at most " + ratText(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + ratText(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + ratText(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + ratText(k.Want)
	case *kind.MinLength:
		if k.Want == 1 {
			return "must not be empty"
		}
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return "must have at most " + Count(int64(k.Want), "character")
	case *kind.Pattern:
		return "must match the pattern " + k.Want
	case *kind.MinItems:
		return "must have at least " + Count(int64(k.Want), "item")
	case *kind.MaxItems:
		return "must have at most " + Count(int64(k.Want), "item")
	case *kind.MinProperties:
		return "must have at least " + Count(int64(k.Want), "field")
	case *kind.MaxProperties:
		return "must have at most " + Count(int64(k.Want), "field")
	case *kind.UniqueItems:
		return fmt.Sprintf("must not repeat: items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	case *kind.Format:
		return formatDetail(k)
	case *kind.FalseSchema, *kind.Not:
		return "must not be given like this"
	}
	return k.LocalizedString(english)
}

func formatDetail(k *kind.Format) string {
	if refused, ok := errors.AsType[formatError](k.Err); ok {
		return string(refused)
	}
	switch k.Want {
	case "email":
		return "must be an e-mail address"
	case "uri":
		return "must be a URL"
	case "regex":
		return regexDetail
	case "date-time":
		return "must be a time like 2026-11-24T12:00:00Z"
	}
	return "must be a valid " + k.Want
}

const regexDetail = "must be a regular expression in the syntax of RE2, which has no look-ahead and no back-references"

func typeNames(types []string) string {
	names := map[string]string{
		"number": "a number", "integer": "an integer", "string": "a string", "boolean": "true or false",
		"object": "an object", "array": "an array", "null": "null",
	}
	var list []string
	for _, t := range types {
		list = append(list, names[t])
	}
	return strings.Join(list, " or ")
}

func valueList(values []any) string {
	const most = 100
	var list []string
	for _, v := range values[:min(len(values), most)] {
		list = append(list, valueText(v))
	}
	if more := len(values) - most; more > 0 {
		list = append(list, fmt.Sprintf("… (%d more)", more))
	}
	return strings.Join(list, ", ")
}

func valueText(v any) string {
	text, _ := json.Marshal(v) // it came from JSON
	return string(text)
}

func ratText(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}
