// Package workflowfile reads a workflow out of a file of JSON or YAML and names what is wrong with it by file, line and column.
//
// What it accepts is the body of POST /api/workflows. It checks the shape, the keys, the kinds of values, and the graph of the tasks. Parameters
// and limits are the server's to check; Locate says where in the file the values stand that the server has refused.
package workflowfile

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxBytes is how long a file may be, and the JSON that it stands for.
const MaxBytes = 16 << 20

// maxDepth is how many levels of objects and lists a file may have.
const maxDepth = 100

// File is a workflow that was read from a file.
type File struct {
	name string
	root *value
}

// Mistake is one thing that is wrong.
type Mistake struct {
	File         string
	Line, Column int // from 1; the column counts characters
	Text         string
}

// String is the mistake as compilers write it: "file:line:column: text".
func (m Mistake) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.Text)
}

// Mistakes are all that were found, in the order of the file.
type Mistakes []Mistake

// mostShown is how many mistakes an error lists.
const mostShown = 50

// Error lists the mistakes, each on a line.
func (all Mistakes) Error() string {
	var lines []string
	for _, m := range all[:min(len(all), mostShown)] {
		lines = append(lines, m.String())
	}
	if more := len(all) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// sort puts the mistakes in the order of the file.
func (all Mistakes) sort() {
	slices.SortStableFunc(all, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Read reads a workflow. JSON is what has the ending .json, or another ending than .yaml and .yml and begins with a brace; all else is YAML. The
// name is for the mistakes. The error is Mistakes.
func Read(name string, text []byte) (*File, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if at := invalidUTF8(text); at >= 0 {
		line, column := placeOf(text, at)
		return nil, Mistakes{{name, line, column, "is not UTF-8; save the file in UTF-8"}}
	}
	if len(text) > MaxBytes {
		return nil, Mistakes{{name, 1, 1, "the file must have at most 16 MiB; split the workflow"}}
	}
	parse := parseYAML
	if isJSON(name, text) {
		parse = parseJSON
	}
	root, bad := parse(text)
	switch {
	case root == nil:
	case root.size > MaxBytes:
		bad = append(bad, Mistake{Line: 1, Column: 1, Text: "must have at most 16 MiB of JSON, aliases written out; use fewer aliases or split the workflow"})
	case root.levels > maxDepth:
		bad = append(bad, Mistake{Line: 1, Column: 1, Text: tooDeep})
	default:
		bad = append(bad, check(root)...)
	}
	if len(bad) > 0 {
		for i := range bad {
			bad[i].File = name
		}
		bad.sort()
		return nil, bad
	}
	return &File{name, root}, nil
}

func isJSON(name string, text []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".json":
		return true
	case ".yaml", ".yml":
		return false
	}
	return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
}

// JSON is the workflow as POST /api/workflows takes it.
func (f *File) JSON() []byte { return f.root.appendJSON(make([]byte, 0, f.root.size)) }

// Locate are the mistakes at JSON Pointers (RFC 6901) of the body: pairs of a pointer and what is wrong there.
func (f *File) Locate(fields [][2]string) Mistakes {
	var all Mistakes
	for _, field := range fields {
		m := f.at(field[0])
		m.Text = strings.TrimSpace(field[0] + " " + field[1])
		all = append(all, m)
	}
	all.sort()
	return all
}

// at is the place of a pointer. Where nothing is there, it is that of the nearest value around.
func (f *File) at(pointer string) Mistake {
	m := Mistake{File: f.name, Line: f.root.line, Column: f.root.column}
	v := f.root
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if n, err := strconv.Atoi(token); err == nil && v.kind == list && 0 <= n && n < len(v.items) {
			v = v.items[n]
			m.Line, m.Column = v.line, v.column
		} else if one := v.member(token); one != nil {
			v = one.value
			m.Line, m.Column = one.place()
		} else {
			break
		}
	}
	return m
}

// invalidUTF8 is where the first byte stands that is no UTF-8, -1 if there is none.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for at := 0; ; {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
}

// placeOf is the line and column of an offset.
func placeOf(text []byte, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}
