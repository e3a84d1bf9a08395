package workflowfile

import (
	"encoding/json"
	"strings"
)

// kind is what JSON knows.
type kind string

const (
	object  kind = "an object"
	list    kind = "a list"
	text    kind = "text"
	number  kind = "a number"
	boolean kind = "true or false"
	null    kind = "null"
)

// value is one value and where it begins. Aliases of YAML share values.
type value struct {
	line, column int
	kind         kind
	text         string // of text: the text; of a number or boolean: as JSON writes it
	members      []member
	items        []*value
	size         int // bytes of its JSON, about; more than MaxBytes = too many to count
	levels       int // of objects and lists, with it; 0 = it is neither
}

// member is a key of an object and its value.
type member struct {
	name         string
	line, column int // of the key
	value        *value
}

// place is where a mistake of the member is shown: its value if that is one word, else its key.
func (m *member) place() (line, column int) {
	if m.value.kind == object || m.value.kind == list || m.value.kind == null {
		return m.line, m.column
	}
	return m.value.line, m.value.column
}

// member returns the member of an object, nil if it has none of the name.
func (v *value) member(name string) *member {
	for i := range v.members {
		if v.members[i].name == name {
			return &v.members[i]
		}
	}
	return nil
}

// weigh sets the size and the levels when all of the value is there.
func (v *value) weigh() {
	if v.size = len(v.text) + 4; v.kind == object || v.kind == list {
		v.levels = 1
	}
	add := func(bytes int, inner *value) {
		v.size = min(v.size+bytes+inner.size, MaxBytes+1)
		v.levels = max(v.levels, inner.levels+1)
	}
	for i := range v.members {
		add(len(v.members[i].name)+4, v.members[i].value)
	}
	for _, item := range v.items {
		add(1, item)
	}
}

func (v *value) appendJSON(to []byte) []byte {
	switch v.kind {
	case object:
		to = append(to, '{')
		for i := range v.members {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendText(to, v.members[i].name), ':')
			to = v.members[i].value.appendJSON(to)
		}
		return append(to, '}')
	case list:
		to = append(to, '[')
		for i, item := range v.items {
			if i > 0 {
				to = append(to, ',')
			}
			to = item.appendJSON(to)
		}
		return append(to, ']')
	case text:
		return appendText(to, v.text)
	case null:
		return append(to, "null"...)
	}
	return append(to, v.text...)
}

func appendText(to []byte, s string) []byte {
	var quoted strings.Builder
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text has no error
	return append(to, strings.TrimSuffix(quoted.String(), "\n")...)
}

// duplicate is the mistake of a key that is there already, if it is.
func (seen keys) duplicate(name string, line, column int) (m Mistake, is bool) {
	if first, is := seen[name]; is {
		return Mistake{Line: line, Column: column, Text: quoted(name) + " is given twice, first in line " + itoa(first) + "; remove one"}, true
	}
	seen[name] = line
	return m, false
}

// keys are the lines of the keys of one object.
type keys map[string]int
