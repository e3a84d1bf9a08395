package config

import (
	"strconv"

	"github.com/pelletier/go-toml/v2/unstable"
)

type place struct{ line, column int }

// placer finds where the keys of a valid text stand.
type placer struct {
	parser unstable.Parser
	places map[string]place
	arrays map[string]int // how many tables the array at a pointer has
}

// placesOf are the places of all keys and items, by JSON pointer.
func placesOf(text []byte) map[string]place {
	p := placer{places: map[string]place{}, arrays: map[string]int{}}
	p.parser.Reset(text)
	table := ""
	for p.parser.NextExpression() {
		switch e := p.parser.Expression(); e.Kind {
		case unstable.Table:
			table = p.key("", e.Key())
		case unstable.ArrayTable:
			array := p.key("", e.Key())
			table = array + "/" + strconv.Itoa(p.arrays[array])
			p.arrays[array]++
			p.places[table] = p.places[array]
		case unstable.KeyValue:
			p.value(p.key(table, e.Key()), e.Value())
		}
	}
	return p.places
}

// key notes the place of each part of a key, and returns the pointer of all of it. A part that is an
// array of tables stands for its latest one.
func (p *placer) key(pointer string, parts unstable.Iterator) string {
	for parts.Next() {
		if n := p.arrays[pointer]; n > 0 {
			pointer += "/" + strconv.Itoa(n-1)
		}
		part := parts.Node()
		pointer += "/" + Escape(string(part.Data))
		if _, ok := p.places[pointer]; !ok || parts.IsLast() {
			p.places[pointer] = p.place(part)
		}
	}
	return pointer
}

func (p *placer) place(n *unstable.Node) place {
	at := p.parser.Shape(n.Raw).Start
	return place{at.Line, at.Column}
}

// value notes the places within a value.
func (p *placer) value(pointer string, v *unstable.Node) {
	children := v.Children()
	switch v.Kind {
	case unstable.InlineTable:
		for children.Next() {
			p.value(p.key(pointer, children.Node().Key()), children.Node().Value())
		}
	case unstable.Array:
		for i := 0; children.Next(); {
			item := children.Node()
			if item.Kind == unstable.Comment {
				continue
			}
			at := pointer + "/" + strconv.Itoa(i)
			i++
			if p.places[at] = p.places[pointer]; item.Raw.Length > 0 {
				p.places[at] = p.place(item)
			}
			p.value(at, item)
		}
	}
}
