package handler

import (
	"sync"

	"daybook/task"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of the work that it takes to check one value by the schema of a declared type.
const (
	freeSteps    = 100_000
	stepsPerByte = 4         // more, for each byte of the value
	mostSteps    = 1_000_000 // of the largest value; one that fails keeps about 300 bytes until the check ends
	matchPerStep = 500       // characters × instructions of a pattern that count as one step
	textsPerStep = 20        // strings of an enum that count as one step; each other value counts as one
)

// steps counts the evaluations of the schemas of a type. A schema in which anyOf and $ref branch at each level takes a
// number of them that grows exponentially with the depth of the value. Once no step is left, each evaluation fails at
// once, and so the whole check ends. The validator has no hook for this but the format, which it checks early in each
// evaluation.
type steps struct {
	mu   sync.Mutex // held during a check
	left int
}

// within carries out a check of a value of so many bytes. It reports false if the steps did not suffice; then the outcome
// means nothing.
func (s *steps) within(size int, check func()) bool {
	if s == nil {
		check()
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock() // also if the validator panics
	s.left = min(freeSteps+stepsPerByte*size, mostSteps)
	check()
	return s.left >= 0
}

var errNoSteps = formatError("takes too many steps to check")

// tooManySteps is what is wrong with a value that was not checked to the end.
func tooManySteps(pointer string) []task.FieldError {
	return []task.FieldError{{Pointer: pointer, Detail: "must be a value that can be checked in fewer steps: give it fewer items and levels, " +
		"or declare the task type with fewer alternatives (anyOf, oneOf) and references in its schema"}}
}

// count makes each evaluation of a compiled schema count.
func (s *steps) count(root *jsonschema.Schema) {
	for _, one := range reachable(root) {
		format, own, each, pattern := one.Format, 1+enumSteps(sameValue(one)), 1+enumSteps(innerValues(one)), 0
		if one.Pattern != nil {
			pattern, _ = patternSize(one.Pattern.String())
		}
		for name := range one.PatternProperties {
			size, _ := patternSize(name.String())
			each += 1 + size/100
		}
		counting := &jsonschema.Format{Validate: func(v any) error {
			s.left -= own
			switch v := v.(type) {
			case map[string]any:
				s.left -= len(v) * each
			case []any:
				s.left -= len(v) * each
			case string:
				s.left -= len(v) * pattern / matchPerStep
			}
			if s.left < 0 {
				return errNoSteps
			}
			if format == nil {
				return nil
			}
			return format.Validate(v)
		}}
		if format != nil {
			counting.Name = format.Name
		}
		one.Format = counting
	}
}

// enumSteps is how many steps it takes to compare a value with the enums of schemas. They come before the format.
func enumSteps(list []*jsonschema.Schema) (n int) {
	for _, one := range list {
		if one.Enum == nil {
			continue
		}
		texts := 0
		for _, value := range one.Enum.Values {
			if _, ok := value.(string); ok {
				texts++
			}
		}
		n += len(one.Enum.Values) - texts + texts/textsPerStep
	}
	return n
}

// reachable lists the schema and all that it applies, each once.
func reachable(root *jsonschema.Schema) []*jsonschema.Schema {
	all, seen := []*jsonschema.Schema{root}, map[*jsonschema.Schema]bool{root: true}
	for i := 0; i < len(all); i++ {
		for _, one := range append(sameValue(all[i]), innerValues(all[i])...) {
			if !seen[one] {
				seen[one], all = true, append(all, one)
			}
		}
	}
	return all
}

// sameValue lists the schemas that a schema applies to the value itself.
func sameValue(s *jsonschema.Schema) (list []*jsonschema.Schema) {
	for _, one := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else} {
		list = appendSchema(list, one)
	}
	if s.DynamicRef != nil {
		list = appendSchema(list, s.DynamicRef.Ref)
	}
	list = append(append(append(list, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, one := range s.DependentSchemas {
		list = append(list, one)
	}
	for _, one := range s.Dependencies {
		list = appendSchema(list, one)
	}
	return list
}

// innerValues lists the schemas that a schema applies to what is inside the value.
func innerValues(s *jsonschema.Schema) (list []*jsonschema.Schema) {
	for _, one := range []any{s.PropertyNames, s.AdditionalProperties, s.UnevaluatedProperties, s.Contains, s.Items, s.AdditionalItems,
		s.Items2020, s.UnevaluatedItems, s.ContentSchema} {
		list = appendSchema(list, one)
	}
	list = append(list, s.PrefixItems...)
	if listed, ok := s.Items.([]*jsonschema.Schema); ok {
		list = append(list, listed...)
	}
	for _, one := range s.Properties {
		list = append(list, one)
	}
	for _, one := range s.PatternProperties {
		list = append(list, one)
	}
	return list
}

// appendSchema appends one if it is a schema.
func appendSchema(list []*jsonschema.Schema, one any) []*jsonschema.Schema {
	if s, ok := one.(*jsonschema.Schema); ok && s != nil {
		list = append(list, s)
	}
	return list
}
