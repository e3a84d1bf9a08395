// Package config reads a configuration file in TOML. It knows where each value stands, so that every
// error names a line and a column, and it collects all errors. What the values mean is left to the
// caller. It reads no file and no environment.
package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// Document is one file.
type Document struct {
	name   string
	root   map[string]any
	places map[string]place // by JSON pointer
	errors []Error
	doubts []Error
	wrong  []string // the pointers of errors
}

// Error is something wrong in a file.
type Error struct {
	File         string // its name, without a folder
	Line, Column int    // from 1
	Detail       string // what is wrong and what to do: "queues.mail.concurrency must be at least 1"
}

func (e Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Detail)
}

// Errors are all errors of a file, in its order.
type Errors []Error

func (e Errors) Error() string {
	var lines []string
	for _, one := range e {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Parse reads the text of a file. name is shown in errors. A text that is not TOML is Errors.
func Parse(name string, text []byte) (*Document, error) {
	d := &Document{name: name}
	text = bytes.TrimPrefix(text, []byte("\uFEFF")) // some editors begin a file of UTF-8 with it
	if wrong := checkEncoding(text); wrong != nil {
		wrong.File = name
		return nil, Errors{*wrong}
	}
	if err := toml.Unmarshal(text, &d.root); err != nil {
		var at *toml.DecodeError
		if !errors.As(err, &at) {
			return nil, Errors{{name, 1, 1, strings.TrimPrefix(err.Error(), "toml: ")}}
		}
		line, column := at.Position()
		return nil, Errors{{name, line, column, strings.TrimPrefix(at.Error(), "toml: ")}}
	}
	d.places = placesOf(text)
	d.root = d.plain("", d.root).(map[string]any)
	return d, nil
}

// checkEncoding refuses a text that is not UTF-8, at its first wrong byte.
func checkEncoding(text []byte) *Error {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return &Error{Line: 1, Column: 1, Detail: "the file is UTF-16; save it as UTF-8"}
	}
	line, start := 1, 0
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size <= 1 {
			return &Error{Line: line, Column: at - start + 1,
				Detail: fmt.Sprintf("the byte 0x%02x is not UTF-8; save the file as UTF-8, or remove the byte", text[at])}
		}
		if at += size; r == '\n' {
			line, start = line+1, at
		}
	}
	return nil
}

// plain makes values of JSON: times become strings. What JSON has not is an error.
func (d *Document) plain(pointer string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			v[key] = d.plain(pointer+"/"+Escape(key), v[key])
		}
	case []any:
		for i := range v {
			v[i] = d.plain(pointer+"/"+strconv.Itoa(i), v[i])
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		d.Wrong(pointer, "must have a date, a time and a zone, like 2026-11-24T12:00:00Z")
		return ""
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			d.Wrong(pointer, "must be a finite number")
			return 0.0
		}
	}
	return value
}

// Escape writes a key as an element of a JSON pointer.
func Escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

// Wrong notes an error at a JSON pointer, or at the nearest place above it that the file has. The
// detail goes on after the name of the key: "must be a string".
func (d *Document) Wrong(pointer, detail string) {
	d.errors, d.wrong = append(d.errors, d.at(pointer, detail)), append(d.wrong, pointer)
}

// IsWrong reports whether an error was noted at the pointer or above it.
func (d *Document) IsWrong(pointer string) bool {
	return slices.ContainsFunc(d.wrong, func(at string) bool { return pointer == at || strings.HasPrefix(pointer, at+"/") })
}

// Warn notes something at a JSON pointer, as Wrong does, that may be meant so.
func (d *Document) Warn(pointer, detail string) { d.doubts = append(d.doubts, d.at(pointer, detail)) }

// Warnings are what Warn has noted, in the order of the file.
func (d *Document) Warnings() Errors { return sorted(d.doubts) }

// at is an error at a JSON pointer.
func (d *Document) at(pointer, detail string) Error {
	near := pointer
	place, ok := d.places[near]
	for !ok && near != "" {
		near = near[:strings.LastIndexByte(near, '/')]
		place, ok = d.places[near]
	}
	if !ok {
		place.line, place.column = 1, 1
	}
	return Error{d.name, place.line, place.column, strings.TrimSpace(keyOf(pointer) + " " + detail)}
}

// keyOf writes a pointer as TOML does: queues.mail.concurrency.
func keyOf(pointer string) string {
	var key strings.Builder
	for element := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		element = strings.NewReplacer("~1", "/", "~0", "~").Replace(element)
		switch _, err := strconv.Atoi(element); {
		case err == nil && key.Len() > 0:
			fmt.Fprintf(&key, "[%s]", element)
		case strings.Trim(element, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "":
			key.WriteString("." + strconv.Quote(element))
		default:
			key.WriteString("." + element)
		}
	}
	return strings.TrimPrefix(key.String(), ".")
}

// Err is what is wrong so far, as Errors in the order of the file; nil if nothing is.
func (d *Document) Err() error {
	if len(d.errors) == 0 {
		return nil
	}
	return sorted(d.errors)
}

// sorted has each error once, in the order of the file.
func sorted(errors []Error) Errors {
	all := slices.Clone(errors)
	slices.SortStableFunc(all, func(a, b Error) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Detail, b.Detail))
	})
	return slices.Compact(all)
}

// Table is a table of a file. Its methods read one key each; what is wrong is noted in the document
// and read as zero.
type Table struct {
	doc     *Document
	pointer string
	fields  map[string]any
	read    map[string]bool
}

// Root is the whole file.
func (d *Document) Root() *Table { return &Table{doc: d, fields: d.root, read: map[string]bool{}} }

func (t *Table) at(key string) string { return t.pointer + "/" + Escape(key) }

// Has reports whether the key is there, and notes that it is known.
func (t *Table) Has(key string) bool {
	t.read[key] = true
	_, ok := t.fields[key]
	return ok
}

// Keys are all keys, sorted.
func (t *Table) Keys() []string { return slices.Sorted(maps.Keys(t.fields)) }

// Pointer is the JSON pointer of a key.
func (t *Table) Pointer(key string) string { return t.at(key) }

// Wrong notes an error of a key.
func (t *Table) Wrong(key, detail string) { t.doc.Wrong(t.at(key), detail) }

func value[T any](t *Table, key, what string) (v T) {
	if !t.Has(key) {
		return v
	}
	v, ok := t.fields[key].(T)
	if !ok {
		t.Wrong(key, "must be "+what)
	}
	return v
}

// Text reads a string.
func (t *Table) Text(key string) string { return value[string](t, key, `a string, like "text"`) }

// Integer reads a whole number.
func (t *Table) Integer(key string) int { return int(value[int64](t, key, "a whole number")) }

// Number reads a number.
func (t *Table) Number(key string) float64 {
	if n, ok := t.fields[key].(int64); ok {
		t.read[key] = true
		return float64(n)
	}
	return value[float64](t, key, "a number")
}

// Texts reads a list of strings.
func (t *Table) Texts(key string) []string {
	return list[string](t, key, `a list of strings, like ["a", "b"]`)
}

// Integers reads a list of whole numbers.
func (t *Table) Integers(key string) (all []int) {
	for _, n := range list[int64](t, key, "a list of whole numbers, like [1, 2]") {
		all = append(all, int(n))
	}
	return all
}

func list[T any](t *Table, key, what string) (all []T) {
	items := value[[]any](t, key, what)
	for i, item := range items {
		one, ok := item.(T)
		if !ok {
			t.doc.Wrong(t.at(key)+"/"+strconv.Itoa(i), "must be part of "+what)
		}
		all = append(all, one)
	}
	return all
}

// Table reads a table, an empty one if it is not there.
func (t *Table) Table(key string) *Table {
	fields := value[map[string]any](t, key, "a table, like ["+strings.TrimPrefix(keyOf(t.at(key)), ".")+"]")
	return &Table{doc: t.doc, pointer: t.at(key), fields: fields, read: map[string]bool{}}
}

// JSON is the value of a key as JSON text.
func (t *Table) JSON(key string) json.RawMessage {
	t.read[key] = true
	text, err := json.Marshal(t.fields[key])
	if err != nil {
		t.Wrong(key, "cannot be read as JSON")
	}
	return text
}

// Value is the value of a key: a string, int64, float64, bool, []any or map[string]any.
func (t *Table) Value(key string) any {
	t.read[key] = true
	return t.fields[key]
}

// Close notes each key that was not read: known are those that were asked for.
func (t *Table) Close() {
	known := strings.Join(slices.Sorted(maps.Keys(t.read)), ", ")
	for _, key := range t.Keys() {
		if !t.read[key] {
			t.Wrong(key, "is not known; known are "+known)
		}
	}
}
