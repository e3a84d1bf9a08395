package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// parameters puts together a JSON object and KEY=VALUE pairs; a pair wins.
func parameters(object string, pairs []string) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if object != "" {
		if err := json.Unmarshal([]byte(object), &all); err != nil {
			return nil, misuse("the parameters must be a JSON object: %w", err)
		}
	}
	for _, pair := range pairs {
		key, text, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, misuse("-p %s: it must be key=value, such as -p seconds=3", pair)
		}
		value, err := parameter(text)
		if err != nil {
			return nil, fmt.Errorf("-p %s: %w", key, err)
		}
		all[key] = value
	}
	return all, nil
}

// parameter is the value that text stands for: JSON where it is JSON, the content of a
// file after an @, else a string.
func parameter(text string) (json.RawMessage, error) {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text), nil
	}
	if path, ok := strings.CutPrefix(text, "@"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		text = string(content)
	}
	return json.Marshal(text)
}
