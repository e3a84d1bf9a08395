package handler

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// mentionsFiles reports whether a schema, as compact JSON, says of any value that it is the id of a
// file.
func mentionsFiles(schema json.RawMessage) bool {
	return bytes.Contains(schema, []byte(`"format":"`+fileFormat+`"`))
}

// appendFileIDs appends the ids of files that a value holds, each once: the strings of which one of
// the schemas says "format":"daybook-file", in whatever branch of it.
func appendFileIDs(ids []string, schemas []*jsonschema.Schema, value any) []string {
	var all []*jsonschema.Schema
	for _, s := range schemas {
		all = holding(all, s, value, true)
	}
	if len(all) == 0 {
		return ids
	}
	switch v := value.(type) {
	case string:
		if slices.ContainsFunc(all, isFileID) {
			ids = appendNew(ids, v)
		}
	case []any:
		for i, item := range v {
			ids = appendFileIDs(ids, ofItem(all, i), item)
		}
	case map[string]any:
		for _, name := range sortedKeys(v) {
			ids = appendFileIDs(ids, ofProperty(all, name), v[name])
		}
	}
	return ids
}

func isFileID(s *jsonschema.Schema) bool { return s.Format != nil && s.Format.Name == fileFormat }
