package handler

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"daybook/internal/jsontext"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// wholeNumbers writes numbers that the schema takes as integers without fraction and
// exponent: JSON Schema takes 1000.0 and 1e3 for 1000, an int64 of Go does not. All else stays as
// it is spelled. object is the decoded form of the parameters, which are valid and canonical.
func (t *registered) wholeNumbers(parameters []byte, object map[string]any) []byte {
	return appendWhole(make([]byte, 0, len(parameters)), []*jsonschema.Schema{t.schema}, parameters, object)
}

// appendWhole appends text with its numbers as wholeNumbers says. value is the decoded form of
// text, for which the schemas hold.
func appendWhole(dst []byte, schemas []*jsonschema.Schema, text []byte, value any) []byte {
	var all []*jsonschema.Schema
	for _, s := range schemas {
		all = holding(all, s, value)
	}
	if len(all) == 0 {
		return append(dst, text...)
	}
	switch v := value.(type) {
	case json.Number:
		if slices.ContainsFunc(all, onlyInteger) {
			return append(dst, whole(string(v))...)
		}
	case map[string]any:
		w := jsontext.Writer(dst)
		w.Object()
		for key, inner := range jsontext.QuotedMembers(text) {
			name := jsontext.Unquote(key)
			w.QuotedKey(key)
			w = appendWhole(w, ofProperty(all, name), inner, v[name])
		}
		w.EndObject()
		return w
	case []any:
		w := jsontext.Writer(dst)
		w.Array()
		i := 0
		for inner := range jsontext.Items(text) {
			w.Item()
			w = appendWhole(w, ofItem(all, i), inner, v[i])
			i++
		}
		w.EndArray()
		return w
	}
	return append(dst, text...)
}

// whole is a number without fraction and exponent, if it is whole.
func whole(number string) string {
	if !strings.ContainsAny(number, ".eE") {
		return number
	}
	n, valid := new(big.Rat).SetString(number) // of bounded size: see hugeNumbers
	if !valid || !n.IsInt() {
		return number
	}
	return n.Num().String()
}

// onlyInteger reports whether the only numbers that the schema takes are integers.
func onlyInteger(schema *jsonschema.Schema) bool {
	if schema.Types == nil {
		return false
	}
	types := schema.Types.ToStrings()
	return slices.Contains(types, "integer") && !slices.Contains(types, "number")
}

// holding appends the schema, and all that hold for the value because it does: what it refers to,
// and the branches of it that the value fits.
func holding(all []*jsonschema.Schema, s *jsonschema.Schema, value any) []*jsonschema.Schema {
	if s == nil || slices.Contains(all, s) {
		return all
	}
	all = append(all, s)
	all = holding(all, s.Ref, value)
	all = holding(all, s.RecursiveRef, value)
	if s.DynamicRef != nil {
		all = holding(all, s.DynamicRef.Ref, value)
	}
	for _, one := range s.AllOf {
		all = holding(all, one, value)
	}
	for _, one := range slices.Concat(s.AnyOf, s.OneOf) {
		if one.Validate(value) == nil {
			all = holding(all, one, value)
		}
	}
	if s.If != nil {
		if s.If.Validate(value) == nil {
			all = holding(holding(all, s.If, value), s.Then, value)
		} else {
			all = holding(all, s.Else, value)
		}
	}
	object, _ := value.(map[string]any)
	for name, one := range s.DependentSchemas {
		if _, there := object[name]; there {
			all = holding(all, one, value)
		}
	}
	return all
}

// ofProperty are the schemas of a property of an object for which all hold.
func ofProperty(all []*jsonschema.Schema, name string) (found []*jsonschema.Schema) {
	for _, s := range all {
		before := len(found)
		if one := s.Properties[name]; one != nil {
			found = append(found, one)
		}
		for pattern, one := range s.PatternProperties {
			if pattern.MatchString(name) {
				found = append(found, one)
			}
		}
		if one, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && len(found) == before {
			found = append(found, one)
		}
	}
	for _, s := range all {
		if s.UnevaluatedProperties != nil && len(found) == 0 {
			return []*jsonschema.Schema{s.UnevaluatedProperties}
		}
	}
	return found
}

// ofItem are the schemas of item i of an array for which all hold.
func ofItem(all []*jsonschema.Schema, i int) (found []*jsonschema.Schema) {
	for _, s := range all {
		listed, _ := s.Items.([]*jsonschema.Schema) // of older drafts, as AdditionalItems
		listed = append(listed[:len(listed):len(listed)], s.PrefixItems...)
		rest := s.Items2020
		if rest == nil {
			rest, _ = s.Items.(*jsonschema.Schema)
		}
		if rest == nil {
			rest, _ = s.AdditionalItems.(*jsonschema.Schema)
		}
		switch {
		case i < len(listed):
			found = append(found, listed[i])
		case rest != nil:
			found = append(found, rest)
		}
	}
	for _, s := range all {
		if s.UnevaluatedItems != nil && len(found) == 0 {
			return []*jsonschema.Schema{s.UnevaluatedItems}
		}
	}
	return found
}
