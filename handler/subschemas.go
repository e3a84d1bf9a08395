package handler

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// holding appends the schema and those that apply to the value because it does: the ones it refers
// to, and the branches of anyOf and oneOf that the value fits, or every branch.
func holding(all []*jsonschema.Schema, s *jsonschema.Schema, value any, every bool) []*jsonschema.Schema {
	if s == nil || slices.Contains(all, s) {
		return all
	}
	all = append(all, s)
	all = holding(all, s.Ref, value, every)
	all = holding(all, s.RecursiveRef, value, every)
	if s.DynamicRef != nil {
		all = holding(all, s.DynamicRef.Ref, value, every)
	}
	for _, one := range s.AllOf {
		all = holding(all, one, value, every)
	}
	for _, one := range slices.Concat(s.AnyOf, s.OneOf) {
		if every || one.Validate(value) == nil {
			all = holding(all, one, value, every)
		}
	}
	if s.If != nil {
		if s.If.Validate(value) == nil {
			all = holding(holding(all, s.If, value, every), s.Then, value, every)
		} else {
			all = holding(all, s.Else, value, every)
		}
	}
	object, _ := value.(map[string]any)
	for name, one := range s.DependentSchemas {
		if _, there := object[name]; there {
			all = holding(all, one, value, every)
		}
	}
	return all
}

// ofProperty returns the schemas of a property of an object that all apply to.
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

// ofItem returns the schemas of item i of an array that all apply to.
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
