package handler

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/rivo/uniseg"
)

// subjected is a Handler that makes the subjects of its tasks.
type subjected interface {
	Subject(parameters json.RawMessage, fileNames map[string]string) string
}

// Subject is the subject of a task that is submitted without one, "" for none: what the method
// Subject of its type makes of prepared parameters, else the names of its files. It is one line of
// at most task.MaxSubject characters; a method that panics has said nothing.
func (r *Registry) Subject(name string, parameters []byte, fileNames map[string]string) string {
	t := (*r.types.Load())[name]
	if t == nil {
		return ""
	}
	if s := lineOf(t.subject(parameters, fileNames)); s != "" || len(fileNames) == 0 {
		return s
	}
	return lineOf(t.subjectOfFiles(parameters, fileNames))
}

func (t *registered) subject(parameters []byte, fileNames map[string]string) (subject string) {
	makes, ok := t.handler.(subjected)
	if !ok {
		return ""
	}
	defer func() {
		if recover() != nil {
			subject = ""
		}
	}()
	return makes.Subject(parameters, fileNames)
}

// subjectOfFiles names the first file whose name is known, and says how many others there are.
func (t *registered) subjectOfFiles(parameters []byte, fileNames map[string]string) string {
	var value any
	if json.Unmarshal(parameters, &value) != nil {
		return ""
	}
	ids := t.parameterFiles(value)
	for _, id := range ids {
		if name := fileNames[id]; name != "" && len(ids) > 1 {
			return name + " and " + Number(int64(len(ids)-1)) + " more"
		} else if name != "" {
			return name
		}
	}
	return ""
}

// NamesFiles reports whether parameters of the type may name files; true for a type that is not
// known.
func (r *Registry) NamesFiles(name string) bool {
	t := (*r.types.Load())[name]
	return t == nil || mentionsFiles(t.spec.ParametersSchema)
}

// lineOf makes one line of a text, and cuts it to task.MaxSubject characters where a letter and its
// accents end.
func lineOf(text string) string {
	text = jsontext.WithoutBidi(strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.FieldsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }), " ")
	if utf8.RuneCountInString(text) <= task.MaxSubject {
		return text
	}
	end, size := 0, 0
	for clusters := uniseg.NewGraphemes(text); clusters.Next(); {
		if size += len(clusters.Runes()); size > task.MaxSubject-1 { // and the dots
			break
		}
		_, end = clusters.Positions()
	}
	return strings.TrimRight(text[:end], " ") + "…"
}
