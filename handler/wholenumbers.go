package handler

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// wholeNumbers writes numbers that the schema takes as integers without fraction and
// exponent: JSON Schema takes 1000.0 and 1e3 for 1000, an int64 of Go does not. object is
// the decoded form of the parameters, which are valid.
func (t *registered) wholeNumbers(parameters []byte, object map[string]any) []byte {
	changed := map[string]any{}
	for name, value := range object {
		if whole, ok := toWhole(t.schema.Properties[name], value); ok {
			changed[name] = whole
		}
	}
	if len(changed) == 0 {
		return parameters
	}
	return rewritten(parameters, func(name string, value []byte) []byte {
		whole, ok := changed[name]
		if !ok {
			return value
		}
		text, err := json.Marshal(whole)
		if err != nil {
			return value
		}
		return text
	})
}

// toWhole changes the value as wholeNumbers says. ok is false if there was nothing to change.
func toWhole(schema *jsonschema.Schema, value any) (whole any, ok bool) {
	for schema != nil && schema.Ref != nil {
		schema = schema.Ref
	}
	if schema == nil {
		return value, false
	}
	switch v := value.(type) {
	case json.Number:
		if !onlyInteger(schema) || !strings.ContainsAny(string(v), ".eE") {
			return value, false
		}
		n, valid := new(big.Rat).SetString(string(v)) // of bounded size: see hugeNumbers
		if !valid || !n.IsInt() {
			return value, false
		}
		return json.Number(n.Num().String()), true
	case map[string]any:
		for name, item := range v {
			if whole, changed := toWhole(schema.Properties[name], item); changed {
				v[name], ok = whole, true
			}
		}
	case []any:
		items := schema.Items2020
		if items == nil {
			items, _ = schema.Items.(*jsonschema.Schema)
		}
		for i, item := range v {
			if whole, changed := toWhole(items, item); changed {
				v[i], ok = whole, true
			}
		}
	}
	return value, ok
}

// onlyInteger reports whether the only numbers that the schema takes are integers.
func onlyInteger(schema *jsonschema.Schema) bool {
	if schema.Types == nil {
		return false
	}
	types := schema.Types.ToStrings()
	return slices.Contains(types, "integer") && !slices.Contains(types, "number")
}
