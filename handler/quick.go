package handler

import (
	"encoding/json"
	"strconv"
)

// quick is a fast check for the plain part of a schema: an object of numbers, booleans,
// short words and values of any kind. It says yes or "I do not know", never no, so that
// the schema itself has the last word.
type quick struct {
	properties map[string]quickProperty
	defaults   []uint64 // for each default, the bit of its property
}

type quickProperty struct {
	bit      uint64
	kind     quickKind
	min, max float64 // of a number; length of a text
	words    map[string]bool
}

type quickKind uint8

const (
	quickUnknown quickKind = iota
	quickAny
	quickNumber
	quickInteger
	quickBoolean
	quickText
)

// annotations are the keywords that forbid nothing.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "examples": true, "$schema": true, "$comment": true,
}

// quickOf returns the quick check of a schema, nil when it says more of the object as
// a whole than which properties there are.
func quickOf(document map[string]any, defaults []member) *quick {
	q := &quick{properties: map[string]quickProperty{}}
	for keyword, value := range document {
		switch {
		case annotations[keyword], keyword == "properties":
		case keyword == "type" && value == "object":
		case keyword == "additionalProperties" && value == false:
		default:
			return nil
		}
	}
	properties, _ := document["properties"].(map[string]any)
	if len(properties) > 64 {
		return nil
	}
	for _, name := range sortedKeys(properties) {
		property := quickPropertyOf(properties[name])
		property.bit = 1 << len(q.properties)
		q.properties[name] = property
	}
	for _, d := range defaults {
		q.defaults = append(q.defaults, q.properties[d.name].bit)
	}
	return q
}

func quickPropertyOf(schema any) quickProperty {
	unknown := quickProperty{}
	s, ok := schema.(map[string]any)
	if !ok {
		return unknown
	}
	p := quickProperty{kind: quickAny, min: -1e308, max: 1e308}
	switch s["type"] {
	case nil:
	case "number":
		p.kind = quickNumber
	case "integer":
		p.kind = quickInteger
	case "boolean":
		p.kind = quickBoolean
	case "string":
		p.kind = quickText
	default:
		return unknown
	}
	for keyword, value := range s {
		number, isNumber := value.(json.Number)
		f, err := number.Float64()
		isNumber = isNumber && err == nil
		numeric := p.kind == quickNumber || p.kind == quickInteger
		switch {
		case annotations[keyword], keyword == "type":
		case keyword == "minimum" && numeric && isNumber, keyword == "minLength" && p.kind == quickText && isNumber:
			p.min = f
		case keyword == "maximum" && numeric && isNumber, keyword == "maxLength" && p.kind == quickText && isNumber:
			p.max = f
		case keyword == "enum" && p.kind == quickText:
			p.words = map[string]bool{}
			list, _ := value.([]any)
			for _, word := range list {
				if word, ok := word.(string); ok {
					p.words[word] = true
				}
			}
		default:
			return unknown
		}
	}
	return p
}

// accepts tells whether a canonical object is certainly valid, and which properties it
// has.
func (q *quick) accepts(object []byte) (seen uint64, ok bool) {
	if len(object) < 2 || object[0] != '{' {
		return 0, false
	}
	if object[1] == '}' {
		return 0, true
	}
	for at := 1; ; at++ {
		if at >= len(object) || object[at] != '"' {
			return 0, false
		}
		end := textEnd(object, at)
		if end < 0 || end+1 >= len(object) || object[end] != ':' {
			return 0, false
		}
		p := q.properties[string(object[at+1:end-1])]
		at = p.accepts(object, end+1)
		if at < 0 || at >= len(object) {
			return 0, false
		}
		seen |= p.bit
		if object[at] == '}' {
			return seen, true
		}
	}
}

// accepts returns where the value that starts at ends, −1 for "I do not know".
func (p *quickProperty) accepts(text []byte, at int) int {
	switch p.kind {
	case quickAny:
		return anyEnd(text, at)
	case quickBoolean:
		for _, word := range []string{"true", "false"} {
			if len(text)-at > len(word) && string(text[at:at+len(word)]) == word {
				return at + len(word)
			}
		}
	case quickNumber, quickInteger:
		end, whole := plainNumberEnd(text, at)
		if end < 0 || p.kind == quickInteger && !whole {
			return -1
		}
		f, err := strconv.ParseFloat(string(text[at:end]), 64)
		if err == nil && p.min <= f && f <= p.max {
			return end
		}
	case quickText:
		if text[at] != '"' {
			return -1
		}
		end := textEnd(text, at)
		if end < 0 {
			return -1
		}
		word := text[at+1 : end-1]
		if n := float64(len(word)); p.min <= n && n <= p.max && (p.words == nil || p.words[string(word)]) {
			return end
		}
	}
	return -1
}

// textEnd returns the byte after a plain ASCII string, −1 when it is not plain.
func textEnd(text []byte, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c == '\\' || c >= 0x80:
			return -1
		}
	}
	return -1
}

// plainNumberEnd returns the byte after a number without exponent and of at most 15
// digits, which float64 holds well enough to compare; −1 for any other.
func plainNumberEnd(text []byte, at int) (end int, whole bool) {
	whole = true
	end = at
	for ; end < len(text); end++ {
		switch c := text[end]; {
		case '0' <= c && c <= '9':
		case c == '-' && end == at:
		case c == '.':
			whole = false
		case c == ',' || c == '}' || c == ']':
			if end == at || end-at > 15 {
				return -1, false
			}
			return end, whole
		default:
			return -1, false
		}
	}
	return -1, false
}

// anyEnd returns the byte after a value whose strings and numbers are plain.
func anyEnd(text []byte, at int) int {
	depth := 0
	for at < len(text) {
		switch c := text[at]; {
		case c == '"':
			if at = textEnd(text, at); at < 0 {
				return -1
			}
		case c == '-' || '0' <= c && c <= '9':
			if at, _ = plainNumberEnd(text, at); at < 0 {
				return -1
			}
		case c == '{' || c == '[':
			depth++
			at++
			continue
		case c == '}' || c == ']':
			depth--
			at++
		case c == 't' || c == 'n':
			at += 4
		case c == 'f':
			at += 5
		default: // ':' or ','
			at++
			continue
		}
		if depth <= 0 {
			return at
		}
	}
	return -1
}
