package handler

import "strings"

// fileWalk says where in a value of some schema the ids of files lie. It follows
// properties, additionalProperties, items, prefixItems, allOf, anyOf, oneOf and
// references within the document; nil finds nothing.
type fileWalk struct {
	here       bool // a string here is an id
	properties map[string]*fileWalk
	additional *fileWalk // of keys that properties do not name
	first      []*fileWalk
	items      *fileWalk // of what comes after first
	also       []*fileWalk
}

// walkOf works out the walk of a schema, nil when it has no files.
func walkOf(document map[string]any) *fileWalk {
	return walker{document}.walk(document, 0)
}

type walker struct{ document map[string]any }

func (w walker) walk(schema any, depth int) *fileWalk {
	s, ok := schema.(map[string]any)
	if !ok || depth > maxDepth {
		return nil
	}
	walk := &fileWalk{here: s["format"] == fileFormat}
	found := walk.here
	keep := func(sub *fileWalk) *fileWalk {
		found = found || sub != nil
		return sub
	}
	if properties, ok := s["properties"].(map[string]any); ok {
		walk.properties = map[string]*fileWalk{}
		for name, property := range properties {
			walk.properties[name] = keep(w.walk(property, depth+1))
		}
	}
	walk.additional = keep(w.walk(s["additionalProperties"], depth+1))
	walk.items = keep(w.walk(s["items"], depth+1))
	if list, ok := s["prefixItems"].([]any); ok {
		for _, item := range list {
			walk.first = append(walk.first, keep(w.walk(item, depth+1)))
		}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := s[key].([]any)
		for _, branch := range list {
			walk.also = append(walk.also, keep(w.walk(branch, depth+1)))
		}
	}
	if reference, ok := s["$ref"].(string); ok {
		walk.also = append(walk.also, keep(w.walk(w.resolve(reference), depth+1)))
	}
	if !found {
		return nil
	}
	return walk
}

// resolve finds what a reference like #/$defs/picture means.
func (w walker) resolve(reference string) any {
	path, ok := strings.CutPrefix(reference, "#/")
	if !ok {
		return nil
	}
	var at any = w.document
	for token := range strings.SplitSeq(path, "/") {
		object, _ := at.(map[string]any)
		at = object[token]
	}
	return at
}

// collect appends the ids found in value to ids, each once.
func (w *fileWalk) collect(ids []string, value any) []string {
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
	for _, also := range w.also {
		ids = also.collect(ids, value)
	}
	return ids
}
