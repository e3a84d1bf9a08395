package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// tool is one tool.
type tool struct {
	name        string
	title       string
	description string
	role        string // the weakest that gets it; the API checks it again
	schema      string // JSON Schema of the arguments
	reads       bool   // it changes nothing
	ofAll       bool   // it shows what a token for some queues or types may not see
	destroys    bool   // what it changes may be lost
	do          func(ctx context.Context, c *caller, args arguments) (any, error)
}

// arguments are the arguments of a call, by name. The SDK has not checked them: the tool and the API do.
type arguments map[string]json.RawMessage

// mostAnswer is the most bytes of an answer. An agent can read no more.
const mostAnswer = 128 << 10

func (t *tool) declaration() *sdk.Tool {
	no := false
	return &sdk.Tool{Name: t.name, Title: t.title, Description: t.description, InputSchema: json.RawMessage(t.schema),
		Annotations: &sdk.ToolAnnotations{Title: t.title, ReadOnlyHint: t.reads, DestructiveHint: &t.destroys, OpenWorldHint: &no}}
}

// handler calls the tool. What the API refuses is an answer that the agent can read and act on.
func (t *tool) handler(of *caller) sdk.ToolHandler {
	known := t.fields()
	return func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		c := *of
		c.agent = agentOf(r)
		args := arguments{}
		if text := r.Params.Arguments; len(text) > 0 {
			if err := json.Unmarshal(text, &args); err != nil {
				return said("The arguments must be a JSON object.", true), nil
			}
		}
		for name := range args {
			if !known[name] {
				return said(fmt.Sprintf("The tool %s has no argument %q.", t.name, name), true), nil
			}
		}
		result, err := t.do(ctx, &c, args)
		var why *refusal
		switch {
		case errors.As(err, &why):
			return said(why.text, true), nil
		case err != nil:
			return nil, err
		}
		text, err := json.Marshal(result)
		if err != nil {
			return nil, fmt.Errorf("encode the answer of %s: %w", t.name, err)
		}
		if len(text) > mostAnswer {
			return said(fmt.Sprintf("The answer has %d bytes, and %d is the most. Ask for less: a smaller limit or a narrower filter.", len(text), mostAnswer), true), nil
		}
		return said(string(text), false), nil
	}
}

// fields are the names of the arguments that the schema has.
func (t *tool) fields() map[string]bool {
	var schema struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(t.schema), &schema); err != nil {
		panic("mcp: the schema of " + t.name + " is no JSON: " + err.Error())
	}
	known := make(map[string]bool)
	for name := range schema.Properties {
		known[name] = true
	}
	return known
}

func said(text string, isError bool) *sdk.CallToolResult {
	return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}, IsError: isError}
}

// mostAgent is the most bytes of the name of an agent.
const mostAgent = 60

// agentOf is the name that the agent has given itself, for people.
func agentOf(r *sdk.CallToolRequest) string {
	name := ""
	if info := r.ClientInfo(); info != nil {
		name = strings.TrimSpace(info.Name + " " + info.Version)
	}
	if name == "" && r.Extra != nil {
		name, _, _ = strings.Cut(r.Extra.Header.Get("User-Agent"), " ")
	}
	name = strings.Map(func(c rune) rune {
		if c > ' ' && c < 0x7f || c == ' ' {
			return c
		}
		return -1
	}, name)
	if name = strings.TrimSpace(name[:min(len(name), mostAgent)]); name == "" {
		return "unknown"
	}
	return name
}

// text is an argument that is a string; "" if it is left out.
func (a arguments) text(name string) (s string, err error) {
	if value, given := a[name]; given && string(value) != "null" && json.Unmarshal(value, &s) != nil {
		return "", &refusal{name + " must be a string."}
	}
	return s, nil
}

// needed is an argument that is a string and must be there.
func (a arguments) needed(name string) (string, error) {
	s, err := a.text(name)
	if err == nil && strings.TrimSpace(s) == "" {
		err = &refusal{name + " must be given."}
	}
	return s, err
}

// mostReason is the most bytes of a reason: with the name of the agent it has at most 1,000.
const mostReason = 900

// reason is why something is changed.
func (a arguments) reason(c *caller) (string, error) {
	s, err := a.needed("reason")
	switch {
	case err != nil:
		return "", &refusal{"reason must be given: say in one sentence why; people read it in the history of the task."}
	case len(s) > mostReason:
		return "", &refusal{fmt.Sprintf("reason has %d bytes, and %d is the most.", len(s), mostReason)}
	}
	return c.reason(s), nil
}

// change is what is changed, the id in a member, and why.
func (a arguments) change(name string, c *caller) (id, reason string, err error) {
	if id, err = a.needed(name); err == nil {
		reason, err = a.reason(c)
	}
	return id, reason, err
}

// number is a whole number from least to most; usual if it is left out.
func (a arguments) number(name string, usual, least, most int) (n int, err error) {
	value, given := a[name]
	if !given || string(value) == "null" {
		return usual, nil
	}
	if json.Unmarshal(value, &n) != nil || n < least || n > most {
		return 0, &refusal{fmt.Sprintf("%s must be a whole number between %d and %d.", name, least, most)}
	}
	return n, nil
}

// only is the arguments with these names.
func (a arguments) only(names ...string) map[string]any {
	some := make(map[string]any)
	for _, name := range names {
		if value, given := a[name]; given && string(value) != "null" {
			some[name] = value
		}
	}
	return some
}
