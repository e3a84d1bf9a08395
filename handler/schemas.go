package handler

import (
	"embed"
	"encoding/json"
	"fmt"

	"daybook/task"
)

//go:embed schemas/*.json
var schemaFiles embed.FS

// schemaOf returns schemas/NAME.json. It panics when there is none: a mistake in the
// program itself, which any test finds.
func schemaOf(name string) json.RawMessage {
	text, err := schemaFiles.ReadFile("schemas/" + name + ".json")
	if err != nil {
		panic(fmt.Sprintf("handler: read a built-in schema: %v", err))
	}
	canonical, err := task.CanonicalJSON(nil, text, maxDepth)
	if err != nil {
		panic(fmt.Sprintf("handler: read the built-in schema %s: %v", name, err))
	}
	return canonical
}
