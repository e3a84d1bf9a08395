package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"daybook/files"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// MaxResult is the most bytes of JSON that a result may have.
const MaxResult = 16 << 20

// encode turns what a handler returned into JSON and lists the files it names.
func (t *registered) encode(value any) (result []byte, fileIDs []string, err error) {
	if value == nil {
		return nil, nil, nil
	}
	result, err = resultJSON(value)
	if err != nil {
		return nil, nil, Permanent(fmt.Errorf("write the result as JSON: %w", err))
	}
	if len(result) > MaxResult {
		return nil, nil, Permanent(fmt.Errorf("result has %d bytes; the most is %d", len(result), MaxResult))
	}
	fileIDs, err = t.filesOf(value, result)
	if err != nil {
		return nil, nil, Permanent(err)
	}
	return result, fileIDs, nil
}

func resultJSON(value any) ([]byte, error) {
	if raw, ok := value.(json.RawMessage); ok {
		if !json.Valid(raw) {
			return nil, errors.New("it is not valid")
		}
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
			return nil, fmt.Errorf("read the result: %w", err)
		}
		ids = t.resultFiles.collect(nil, decoded)
	}
	for _, id := range ids {
		if !files.ValidID(id) {
			return nil, fmt.Errorf("result names %q, which is no id of a file", id)
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
