package handler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"daybook/files"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// encode turns what a handler returned into JSON and lists the files it names. Whether the
// log can take that, the scheduler checks.
func (t *registered) encode(value any) (result []byte, fileIDs []string, err error) {
	if value == nil {
		return nil, nil, nil
	}
	result, err = resultJSON(value)
	if err != nil {
		return nil, nil, Permanent(fmt.Errorf("the result is not valid JSON: %w", err))
	}
	fileIDs, err = t.filesOf(value, result)
	if err != nil {
		return nil, nil, Permanent(err)
	}
	return result, fileIDs, nil
}

func resultJSON(value any) ([]byte, error) {
	if raw, ok := value.(json.RawMessage); ok {
		return raw, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (t *registered) filesOf(value any, result []byte) (ids []string, err error) {
	if says, ok := value.(interface{ Files() []string }); ok {
		for _, id := range says.Files() {
			ids = appendNew(ids, id)
		}
	} else if t.resultFiles != nil {
		decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(result))
		if err != nil {
			return nil, fmt.Errorf("the result is not valid JSON: %w", err)
		}
		ids = t.resultFiles.collect(nil, decoded)
	}
	for _, id := range ids {
		if !files.ValidID(id) {
			return nil, fmt.Errorf("the result names %.80q, which is no id of a file", id)
		}
	}
	return ids, nil
}

func appendNew(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

func sortedKeys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
