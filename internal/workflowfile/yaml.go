package workflowfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// parseYAML reads YAML: one document, of what JSON has too.
func parseYAML(input []byte) (*value, Mistakes) {
	loader, err := yaml.NewLoader(bytes.NewReader(input))
	var document, second yaml.Node
	if err == nil {
		err = loader.Load(&document)
	}
	if errors.Is(err, io.EOF) {
		return nil, Mistakes{{Line: 1, Column: 1, Text: "the file is empty; it must have a workflow"}}
	}
	if err == nil {
		switch err = loader.Load(&second); {
		case err == nil:
			return nil, Mistakes{{Line: max(second.Line, 1), Column: max(second.Column, 1), Text: "the file must have one document; put each workflow into a file of its own"}}
		case errors.Is(err, io.EOF):
			err = nil
		}
	}
	if err != nil {
		return nil, Mistakes{syntaxOf(err)}
	}
	p := yamlParser{made: map[*yaml.Node]*value{}}
	v := p.value(&document, 0)
	return v, p.bad
}

// syntaxOf is the mistake that the YAML library has found.
func syntaxOf(err error) Mistake {
	m := Mistake{Line: 1, Column: 1, Text: "is not YAML: " + err.Error()}
	var at *yaml.LoadError
	if errors.As(err, &at) {
		m.Line, m.Column = max(at.Mark.Line, 1), max(at.Mark.Column, 1)
		m.Text = "is not YAML: " + at.Message
	}
	return m
}

// yamlParser makes values out of nodes.
type yamlParser struct {
	made map[*yaml.Node]*value // those that have an anchor; nil while it is made
	bad  Mistakes
}

func (p *yamlParser) wrong(n *yaml.Node, text string) {
	p.bad = append(p.bad, Mistake{Line: n.Line, Column: n.Column, Text: text})
}

// plain are the tags of what JSON has; the other ones would make something else of a value.
var plain = map[string]kind{"!!map": object, "!!seq": list, "!!str": text, "!!int": number, "!!float": number, "!!bool": boolean, "!!null": null, "!!timestamp": text}

func (p *yamlParser) value(n *yaml.Node, depth int) *value {
	v := &value{line: n.Line, column: n.Column, kind: null}
	switch {
	case len(p.bad) > mostShown:
		return v
	case depth > maxDepth:
		p.wrong(n, tooDeep)
		return v
	case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
		return p.value(n.Content[0], depth)
	case n.Kind == yaml.AliasNode:
		return p.alias(n)
	}
	known := false
	switch v.kind, known = plain[n.ShortTag()]; {
	case !known:
		p.wrong(n, "has the tag "+n.ShortTag()+", which JSON does not have; leave it out")
		v.kind = null
		return v
	case !fits(v.kind, n.Kind):
		p.wrong(n, "is not what its tag "+n.ShortTag()+" says; leave the tag out")
		v.kind = null
		return v
	}
	if n.Anchor != "" {
		p.made[n] = nil
	}
	switch v.kind {
	case object:
		p.object(v, n, depth+1)
	case list:
		for _, item := range n.Content {
			v.items = append(v.items, p.value(item, depth+1))
		}
	case number:
		if v.text = n.Value; !json.Valid([]byte(v.text)) {
			p.wrong(n, v.text+" is a number that JSON does not have; write it in decimal, or in quotes if it is text")
		}
	case boolean:
		if v.text = strings.ToLower(n.Value); v.text != "true" && v.text != "false" {
			p.wrong(n, n.Value+" must be true or false")
		}
	case text:
		v.text = n.Value
	}
	v.weigh()
	if n.Anchor != "" {
		p.made[n] = v
	}
	return v
}

// fits reports whether a node of YAML can be of the kind that its tag says.
func fits(k kind, node yaml.Kind) bool {
	switch k {
	case object:
		return node == yaml.MappingNode
	case list:
		return node == yaml.SequenceNode
	}
	return node == yaml.ScalarNode
}

// alias is the value that an alias stands for.
func (p *yamlParser) alias(n *yaml.Node) *value {
	v, known := p.made[n.Alias]
	if v != nil {
		return v
	}
	if known {
		p.wrong(n, "*"+n.Value+" stands in the value that it names; a value cannot have itself in it")
	}
	return &value{line: n.Line, column: n.Column, kind: null}
}

func (p *yamlParser) object(v *value, n *yaml.Node, depth int) {
	seen := keys{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch tag := key.ShortTag(); {
		case key.Kind != yaml.ScalarNode || tag == "!!null":
			p.wrong(key, "must be a key of one word or text")
			continue
		case tag == "!!merge":
			p.wrong(key, "<< is not supported; write the keys out, or use an alias for a whole value")
			continue
		case plain[tag] == "":
			p.wrong(key, "has the tag "+tag+", which JSON does not have; leave it out")
			continue
		}
		if m, is := seen.duplicate(key.Value, key.Line, key.Column); is {
			p.bad = append(p.bad, m)
		}
		v.members = append(v.members, member{key.Value, key.Line, key.Column, p.value(n.Content[i+1], depth)})
	}
}
