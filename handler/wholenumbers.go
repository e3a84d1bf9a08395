package handler

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"daybook/internal/jsontext"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// wholeNumbers rewrites integers that have a fraction or an exponent: to JSON Schema 1000.0 and 1e3
// are integers, but Go cannot decode them into an int64. All else keeps its spelling. object is the
// decoded form of the parameters, which are valid and canonical.
func (t *registered) wholeNumbers(parameters []byte, object map[string]any) []byte {
	return appendWhole(make([]byte, 0, len(parameters)), []*jsonschema.Schema{t.schema}, parameters, object)
}

// appendWhole appends text with its numbers as wholeNumbers says. value is the decoded form of
// text, for which the schemas hold.
func appendWhole(dst []byte, schemas []*jsonschema.Schema, text []byte, value any) []byte {
	var all []*jsonschema.Schema
	for _, s := range schemas {
		all = holding(all, s, value, false)
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

// onlyInteger reports whether the schema accepts no numbers but integers.
func onlyInteger(schema *jsonschema.Schema) bool {
	if schema.Types == nil {
		return false
	}
	types := schema.Types.ToStrings()
	return slices.Contains(types, "integer") && !slices.Contains(types, "number")
}
