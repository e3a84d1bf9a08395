package workflowfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

func itoa(n int) string      { return strconv.Itoa(n) }
func quoted(s string) string { return strconv.Quote(s) }

// parseJSON reads JSON.
func parseJSON(input []byte) (*value, Mistakes) {
	if len(bytes.TrimSpace(input)) == 0 {
		return nil, Mistakes{{Line: 1, Column: 1, Text: "the file is empty; it must have a workflow"}}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(input, &whole); err != nil {
		at := len(input)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = int(syntax.Offset) - 1
		}
		if err.Error() == "unexpected end of JSON input" {
			at = len(input)
		}
		line, column := placeOf(input, at)
		return nil, Mistakes{{Line: line, Column: column, Text: "is not JSON: " + err.Error()}}
	}
	p := jsonParser{text: input, decoder: json.NewDecoder(bytes.NewReader(input)), line: 1}
	p.decoder.UseNumber()
	v := p.value(0)
	return v, p.bad
}

// jsonParser makes values out of text that is known to be JSON.
type jsonParser struct {
	text    []byte
	decoder *json.Decoder
	bad     Mistakes

	line, start, counted int // lines up to counted, and where the last of them begins
}

// next is the next token, and where it begins.
func (p *jsonParser) next() (token json.Token, line, column int) {
	at := int(p.decoder.InputOffset())
	for at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,:"), p.text[at]) >= 0 {
		at++
	}
	for ; p.counted < at; p.counted++ {
		if p.text[p.counted] == '\n' {
			p.line, p.start = p.line+1, p.counted+1
		}
	}
	column = utf8.RuneCount(p.text[p.start:at]) + 1
	token, _ = p.decoder.Token() // the text was checked
	return token, p.line, column
}

func (p *jsonParser) value(depth int) *value {
	token, line, column := p.next()
	v := &value{line: line, column: column}
	switch t := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			p.bad = append(p.bad, Mistake{Line: line, Column: column, Text: tooDeep})
			p.skip()
			v.kind = null
			return v
		}
		if v.kind = list; t == '{' {
			v.kind = object
		}
		p.fill(v, depth+1)
	case string:
		v.kind, v.text = text, t
	case json.Number:
		v.kind, v.text = number, t.String()
	case bool:
		v.kind, v.text = boolean, strconv.FormatBool(t)
	default:
		v.kind = null
	}
	v.weigh()
	return v
}

const tooDeep = "must have at most 100 levels; make it flatter"

// fill reads the members or items up to the end of the object or list.
func (p *jsonParser) fill(v *value, depth int) {
	seen := keys{}
	for p.decoder.More() {
		if v.kind == list {
			v.items = append(v.items, p.value(depth))
			continue
		}
		key, line, column := p.next()
		name, _ := key.(string)
		if m, is := seen.duplicate(name, line, column); is {
			p.bad = append(p.bad, m)
		}
		v.members = append(v.members, member{name, line, column, p.value(depth)})
	}
	p.next()
}

// skip reads on to the end of the object or list that was begun.
func (p *jsonParser) skip() {
	for open := 1; open > 0; {
		token, _ := p.decoder.Token()
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
}
