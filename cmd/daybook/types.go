package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"daybook/client"
)

type typesCmd struct {
	Ls      typesLsCmd      `cmd:"" default:"withargs" help:"List the task types."`
	Declare typesDeclareCmd `cmd:"" help:"Declare a task type that workers run."`
}

type typesLsCmd struct{ remote }

func (typesLsCmd) Help() string {
	return `Lists the task types that the server can run, with their parameters.

Examples:

    daybook types
    daybook types --json | jq '.[0].parameters_schema'`
}

func (c *typesLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		types, err := server.TaskTypes(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(types)
		}
		for _, t := range types {
			line := t.Name + "\t" + oneLine(t.Description) + "\t" + strings.Join(parameterNames(t.ParametersSchema), " ")
			if s.outTerminal {
				line = fmt.Sprintf("%s  %s\n%s\n", s.bold(t.Name), oneLine(t.Description), indent(s.dim(strings.Join(parameterNames(t.ParametersSchema), " "))))
			}
			if _, err := fmt.Fprintln(s.out, line); err != nil {
				return err
			}
		}
		return nil
	})
}

type typesDeclareCmd struct {
	remote
	Name string `arg:"" help:"Name of the task type."`
	File string `arg:"" help:"File with the declaration as JSON; - reads it from the standard input."`
}

func (typesDeclareCmd) Help() string {
	return `Says what a task type that workers run takes and gives: title, description, parameters_schema, result_schema and
defaults. The same declaration again changes nothing. docs/worker-protocol.md describes the fields.

Examples:

    daybook types declare resize resize.json
    echo '{"parameters_schema":{"type":"object","required":["width"]}}' | daybook types declare resize -`
}

func (c *typesDeclareCmd) Run(ctx context.Context, s *stdio) error {
	text, err := c.read(s)
	if err != nil {
		return err
	}
	var d client.TypeDeclaration
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&d); err != nil {
		return misuse("%s is not a declaration: %s", c.File, strings.TrimPrefix(err.Error(), "json: "))
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		declared, err := server.DeclareTaskType(ctx, c.Name, d)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(declared)
		}
		_, err = fmt.Fprintln(s.out, declared.Name+"\tdeclared\t"+strings.Join(parameterNames(declared.ParametersSchema), " "))
		return err
	})
}

// read reads the file.
func (c *typesDeclareCmd) read(s *stdio) ([]byte, error) {
	if c.File == "-" {
		return io.ReadAll(s.in)
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, misuse("the declaration cannot be read: %w", err)
	}
	return text, nil
}
