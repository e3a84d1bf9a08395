package handler

import (
	"reflect"
	"strings"
)

// fileWalk says where in a value of some schema the ids of files lie. It follows
// properties, additionalProperties, items, prefixItems, allOf, anyOf, oneOf and
// references within the document; nil finds nothing. A schema that refers to itself makes
// a walk that leads back to itself.
type fileWalk struct {
	here       bool // a string here is an id
	properties map[string]*fileWalk
	additional *fileWalk // of keys that properties do not name
	first      []*fileWalk
	items      *fileWalk // of what comes after first
	also       []*fileWalk
}

// maxAlso is how many steps of allOf, anyOf, oneOf and $ref are taken at one value.
const maxAlso = 8

// walkOf works out the walk of a schema, nil when it has no files.
func walkOf(document map[string]any) *fileWalk {
	w := walker{document: document, known: map[uintptr]*fileWalk{}}
	walk := w.walk(document)
	if !w.found {
		return nil
	}
	return walk
}

type walker struct {
	document map[string]any
	known    map[uintptr]*fileWalk // by the identity of the schema's map
	found    bool
}

func (w *walker) walk(schema any) *fileWalk {
	s, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	identity := reflect.ValueOf(s).Pointer()
	if walk := w.known[identity]; walk != nil {
		return walk
	}
	walk := &fileWalk{here: s["format"] == fileFormat}
	w.known[identity] = walk
	w.found = w.found || walk.here
	if properties, ok := s["properties"].(map[string]any); ok {
		walk.properties = map[string]*fileWalk{}
		for name, property := range properties {
			walk.properties[name] = w.walk(property)
		}
	}
	walk.additional = w.walk(s["additionalProperties"])
	walk.items = w.walk(s["items"])
	walk.first = w.walkAll(s["prefixItems"])
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		walk.also = append(walk.also, w.walkAll(s[key])...)
	}
	if reference, ok := s["$ref"].(string); ok {
		walk.also = append(walk.also, w.walk(w.resolve(reference)))
	}
	return walk
}

func (w *walker) walkAll(schemas any) (walks []*fileWalk) {
	list, _ := schemas.([]any)
	for _, schema := range list {
		walks = append(walks, w.walk(schema))
	}
	return walks
}

// resolve finds what a reference like # or #/$defs/picture means.
func (w *walker) resolve(reference string) any {
	path, ok := strings.CutPrefix(reference, "#")
	if !ok {
		return nil
	}
	var at any = w.document
	for token := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" {
			break
		}
		object, _ := at.(map[string]any)
		at = object[token]
	}
	return at
}

// collect appends the ids found in value to ids, each once.
func (w *fileWalk) collect(ids []string, value any) []string {
	return w.gather(ids, value, maxAlso)
}

func (w *fileWalk) gather(ids []string, value any, also int) []string {
	if w == nil {
		return ids
	}
	switch v := value.(type) {
	case string:
		if w.here {
			ids = appendNew(ids, v)
		}
	case []any:
		for i, item := range v {
			if i < len(w.first) {
				ids = w.first[i].collect(ids, item)
			} else {
				ids = w.items.collect(ids, item)
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if property, ok := w.properties[key]; ok {
				ids = property.collect(ids, v[key])
			} else {
				ids = w.additional.collect(ids, v[key])
			}
		}
	}
	if also > 0 {
		for _, other := range w.also {
			ids = other.gather(ids, value, also-1)
		}
	}
	return ids
}
