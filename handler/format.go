package handler

import (
	"daybook/files"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Format is a "format" of JSON Schema that a task type adds for its own schemas: they are those
// that its method Formats() []Format returns.
type Format struct {
	Name   string
	Valid  func(text string) bool
	Detail string // what a refused value is told: "must be one character"
}

// fileFormat marks the id of a file.
const fileFormat = "daybook-file"

func formatsOf(h Handler) []Format {
	formats := []Format{{fileFormat, files.ValidID, "must be the id of a file, 64 lower-case hex digits"}}
	if more, ok := h.(interface{ Formats() []Format }); ok {
		formats = append(formats, more.Formats()...)
	}
	return formats
}

// formatError is the Detail of a Format, as the error of a value.
type formatError string

func (e formatError) Error() string { return string(e) }

// newCompiler returns a compiler that loads nothing from disk or network.
func newCompiler(formats ...Format) *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	c.AssertFormat()
	c.UseRegexpEngine(compilePattern)
	for _, f := range formats {
		c.RegisterFormat(&jsonschema.Format{Name: f.Name, Validate: func(v any) error {
			if text, ok := v.(string); ok && !f.Valid(text) {
				return formatError(f.Detail)
			}
			return nil
		}})
	}
	return c
}
