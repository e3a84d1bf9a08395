package handler

import (
	"encoding/json"
	"slices"
	"strings"
)

// quick is a fast check for schemas that use only common keywords. It accepts parameters that are
// certainly valid. All others are checked by the schema itself, which also finds what is wrong.
type quick struct {
	object   *quickSchema
	defaults []uint64 // for each default, the bit of its property
}

// quickSchema is what a value must be. A nil one accepts nothing.
type quickSchema struct {
	kinds  kinds
	size   span            // of a number
	length span            // of a text, in characters
	words  map[string]bool // the texts that it may be; nil = any

	items *quickSchema // of a list
	count span         // of its items

	properties map[string]quickProperty // of an object
	required   uint64                   // bits of properties
	others     *quickSchema             // what properties does not name
}

type quickProperty struct {
	bit    uint64 // 0 beyond the 64th
	schema *quickSchema
}

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNumber kinds = 1 << iota
	kindFraction
	kindBoolean
	kindText
	kindNull
	kindList
	kindObject
	kindAny = kindNumber | kindFraction | kindBoolean | kindText | kindNull | kindList | kindObject
)

var kindNames = map[string]kinds{
	"number": kindNumber | kindFraction, "integer": kindNumber, "boolean": kindBoolean, "string": kindText,
	"null": kindNull, "array": kindList, "object": kindObject,
}

// span is from and to, both included.
type span struct{ from, to float64 }

func (s span) has(n float64) bool { return s.from <= n && n <= s.to }

// all is a span that has every number.
var all = span{-1e308, 1e308}

// quickAny is a value of any kind, with values of any kind in it.
var quickAny = func() *quickSchema {
	s := &quickSchema{kinds: kindAny, size: all, length: all, count: all}
	s.items, s.others = s, s
	return s
}()

// annotations are the keywords that refuse no value.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "examples": true, "$schema": true, "$comment": true, "$defs": true,
	"deprecated": true, "readOnly": true, "writeOnly": true,
}

// quickOf returns the quick check of a schema, nil if the schema uses a keyword for the whole object
// that the check does not support.
func quickOf(document map[string]any, defaults []member) *quick {
	b := quickBuilder{document: document, known: map[string]*quickSchema{}}
	q := &quick{object: b.schema(document)}
	if q.object == nil || q.object.kinds&kindObject == 0 || q.object.words != nil {
		return nil
	}
	for _, d := range defaults {
		bit := q.object.properties[d.name].bit
		if bit == 0 || d.unless != "" {
			return nil
		}
		q.defaults = append(q.defaults, bit)
	}
	return q
}

// quickBuilder makes the quick checks of one document.
type quickBuilder struct {
	document map[string]any
	known    map[string]*quickSchema // by name in $defs; nil while it is made
}

// schema returns the check of one schema, nil if it has a keyword that is not supported.
func (b *quickBuilder) schema(schema any) *quickSchema {
	if schema == true {
		return quickAny
	}
	document, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	if ref, ok := document["$ref"]; ok {
		return b.reference(ref, document)
	}
	s := *quickAny
	for _, keyword := range sortedKeys(document) {
		if !annotations[keyword] && !b.keyword(&s, document, keyword, document[keyword]) {
			return nil
		}
	}
	return &s
}

// reference follows "#/$defs/NAME" if the schema has no other keyword. A schema that refers to
// itself is not supported.
func (b *quickBuilder) reference(ref any, document map[string]any) *quickSchema {
	text, _ := ref.(string)
	name, local := strings.CutPrefix(text, "#/$defs/")
	for keyword := range document {
		local = local && (keyword == "$ref" || annotations[keyword])
	}
	if !local || strings.ContainsAny(name, "/~%") {
		return nil
	}
	if s, ok := b.known[name]; ok {
		return s
	}
	b.known[name] = nil
	definitions, _ := b.document["$defs"].(map[string]any)
	b.known[name] = b.schema(definitions[name])
	return b.known[name]
}

// keyword adds one keyword to the check, and reports whether the check supports it.
func (b *quickBuilder) keyword(s *quickSchema, document map[string]any, keyword string, value any) bool {
	switch keyword {
	case "type":
		return s.types(value)
	case "minimum":
		return readNumber(value, &s.size.from)
	case "maximum":
		return readNumber(value, &s.size.to)
	case "minLength":
		return readNumber(value, &s.length.from)
	case "maxLength":
		return readNumber(value, &s.length.to)
	case "minItems":
		return readNumber(value, &s.count.from)
	case "maxItems":
		return readNumber(value, &s.count.to)
	case "enum":
		return s.enum(value)
	case "items":
		s.items = b.schema(value)
	case "properties":
		return b.properties(s, value)
	case "required":
		return s.require(value, document["properties"])
	case "additionalProperties":
		s.others = b.schema(value)
	default:
		return false
	}
	return true
}

func (s *quickSchema) types(value any) bool {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	s.kinds = 0
	for _, one := range list {
		name, _ := one.(string)
		kind, ok := kindNames[name]
		if !ok {
			return false
		}
		s.kinds |= kind
	}
	return true
}

// enum reads a list of values, of which only the strings are accepted.
func (s *quickSchema) enum(value any) bool {
	list, ok := value.([]any)
	s.words = map[string]bool{}
	for _, one := range list {
		if word, ok := one.(string); ok {
			s.words[word] = true
		}
	}
	return ok
}

func (b *quickBuilder) properties(s *quickSchema, value any) bool {
	known, ok := value.(map[string]any)
	s.properties = make(map[string]quickProperty, len(known))
	for i, name := range sortedKeys(known) {
		s.properties[name] = quickProperty{bitOf(i), b.schema(known[name])}
	}
	return ok
}

// require reads the required properties; properties gives their bits.
func (s *quickSchema) require(value, properties any) bool {
	list, ok := value.([]any)
	known, _ := properties.(map[string]any)
	names := sortedKeys(known)
	for _, one := range list {
		name, _ := one.(string)
		i, found := slices.BinarySearch(names, name)
		if !found || bitOf(i) == 0 {
			return false
		}
		s.required |= bitOf(i)
	}
	return ok
}

// bitOf is the bit of property i; 0 from the 65th on.
func bitOf(i int) uint64 { return 1 << i }

func readNumber(value any, into *float64) bool {
	number, ok := value.(json.Number)
	if !ok {
		return false
	}
	f, err := number.Float64()
	*into = f
	return err == nil
}
