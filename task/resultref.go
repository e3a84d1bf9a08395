package task

import (
	"bytes"
	"strconv"
	"strings"

	"daybook/internal/jsontext"
)

// ResultRef stands in the parameters of a task for a value out of the result of a task that it depends on:
// {"$from":"fetch","path":"/images/0/file"}. Without a path it is the whole result.
type ResultRef struct {
	At   string // where it stands in the parameters, a JSON pointer
	From string // the name or the id of the dependency
	Path string // JSON pointer into its result
}

const refKey = "$from"

// MayHaveRefs reports quickly whether parameters may have references: false is sure.
func MayHaveRefs(parameters []byte) bool { return bytes.Contains(parameters, []byte(`"`+refKey+`"`)) }

// ResultRefs lists the references in canonical parameters, and what is wrong with some of them, with pointers from the parameters.
func ResultRefs(parameters []byte) (refs []ResultRef, bad []FieldError) {
	w := refWalk{each: func(r ResultRef) ([]byte, bool) { refs = append(refs, r); return nil, false }}
	w.value(parameters, "")
	return refs, w.bad
}

// PutResults returns the parameters with what value gives in the place of each reference. A reference for which it returns false stays.
func PutResults(parameters []byte, value func(ResultRef) ([]byte, bool)) []byte {
	w := refWalk{each: value}
	w.value(parameters, "")
	return w.out
}

// refWalk copies a value and looks at the references in it.
type refWalk struct {
	each func(ResultRef) ([]byte, bool)
	out  jsontext.Writer
	bad  []FieldError
}

func (w *refWalk) value(value []byte, at string) {
	switch {
	case jsontext.IsObject(value):
		if ref, is := w.ref(value, at); is {
			if put, ok := w.each(ref); ok {
				value = put
			}
			w.out.Raw(value)
			return
		}
		w.out.Object()
		for key, inner := range jsontext.QuotedMembers(value) {
			w.out.QuotedKey(key)
			w.value(inner, at+"/"+jsontext.EscapePointer(jsontext.Unquote(key)))
		}
		w.out.EndObject()
	case jsontext.IsArray(value):
		w.out.Array()
		i := 0
		for inner := range jsontext.Items(value) {
			w.out.Item()
			w.value(inner, at+"/"+strconv.Itoa(i))
			i++
		}
		w.out.EndArray()
	default:
		w.out.Raw(value)
	}
}

// ref reads an object that is a reference.
func (w *refWalk) ref(object []byte, at string) (r ResultRef, is bool) {
	r.At = at
	wrong := func(pointer, detail string) {
		w.bad = append(w.bad, FieldError{Pointer: at + pointer, Detail: detail})
	}
	for key := range jsontext.Members(object) {
		is = is || string(key) == refKey
	}
	if !is {
		return r, false
	}
	for key, value := range jsontext.Members(object) {
		text := ""
		if value[0] == '"' {
			text = jsontext.Unquote(value)
		}
		switch {
		case string(key) != refKey && string(key) != "path":
			wrong("/"+jsontext.EscapePointer(string(key)), "must not stand beside $from: a reference has $from and path")
		case value[0] != '"':
			wrong("/"+jsontext.EscapePointer(string(key)), "must be a string")
		case string(key) == refKey:
			r.From = text
		case text != "" && text[0] != '/' || !validPointer(text):
			wrong("/path", "must be a JSON pointer, such as /images/0/file")
		default:
			r.Path = text
		}
	}
	return r, true
}

// validPointer reports whether each ~ of a JSON pointer is part of ~0 or ~1.
func validPointer(p string) bool {
	for rest := p; ; {
		i := strings.IndexByte(rest, '~')
		if i < 0 {
			return true
		}
		if i+1 == len(rest) || rest[i+1] != '0' && rest[i+1] != '1' {
			return false
		}
		rest = rest[i+2:]
	}
}
