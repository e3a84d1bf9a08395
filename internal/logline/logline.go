// Package logline makes lines of a task's log out of records of log/slog: a text, and the attributes
// as a JSON object. The server and the Go client make the same lines.
package logline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"daybook/internal/jsontext"
)

// MaxBytes is the size of the longest line: its text and its attributes.
const MaxBytes = 64 << 10

// maxAttributes is the size of the attributes that a line keeps; larger ones are left out.
const maxAttributes = MaxBytes / 2

// maxDepth is how deep attributes may be nested.
const maxDepth = 32

// Line is one line of a task's log.
type Line struct {
	At         time.Time
	Level      slog.Level // one of Levels
	Text       string     // valid UTF-8
	Attributes []byte     // a canonical JSON object; nil = none
}

// Size is how many bytes the line counts for.
func (l *Line) Size() int { return len(l.Text) + len(l.Attributes) }

// Levels are the levels of lines, the lowest first, and names are what they are called.
var (
	Levels = []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	names  = []string{"debug", "info", "warn", "error"}
)

// LevelName is what a level is called: debug, info, warn or error. Levels between are the one below.
func LevelName(level slog.Level) string {
	for i := len(Levels) - 1; i > 0; i-- {
		if level >= Levels[i] {
			return names[i]
		}
	}
	return names[0]
}

// ParseLevel is the level of a name; false for a name that is none.
func ParseLevel(name string) (slog.Level, bool) {
	for i := range names {
		if names[i] == name {
			return Levels[i], true
		}
	}
	return 0, false
}

// NewHandler returns a handler of slog that calls write with a line for each record, whatever its
// level. write may be called by several goroutines.
func NewHandler(write func(Line)) slog.Handler {
	text := &bytes.Buffer{}
	return &handler{write: write, mu: &sync.Mutex{}, text: text,
		attributes: slog.NewJSONHandler(text, &slog.HandlerOptions{Level: slog.Level(-1 << 30), ReplaceAttr: withoutBuiltIn})}
}

// handler writes the attributes with slog's JSON handler, which knows all kinds of values.
type handler struct {
	write      func(Line)
	attributes slog.Handler // writes into text
	mu         *sync.Mutex
	text       *bytes.Buffer // guarded by mu
}

func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	only := slog.NewRecord(time.Time{}, r.Level, "", 0)
	r.Attrs(func(a slog.Attr) bool { only.AddAttrs(a); return true })
	attributes, err := h.encode(ctx, only)
	if err != nil {
		return err
	}
	h.write(New(at, r.Level, r.Message, attributes))
	return nil
}

// encode is the attributes of a record as JSON.
func (h *handler) encode(ctx context.Context, r slog.Record) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Reset()
	if err := h.attributes.Handle(ctx, r); err != nil {
		return nil, err
	}
	return bytes.Clone(bytes.TrimSpace(h.text.Bytes())), nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attributes = h.attributes.WithAttrs(attrs)
	return &with
}

func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	with.attributes = h.attributes.WithGroup(name)
	return &with
}

// withoutBuiltIn leaves out the level and the empty message, which slog's JSON handler always writes.
func withoutBuiltIn(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	_, isLevel := a.Value.Any().(slog.Level)
	if a.Key == slog.LevelKey && isLevel || a.Key == slog.MessageKey && a.Value.Kind() == slog.KindString && a.Value.String() == "" {
		return slog.Attr{}
	}
	return a
}

// New makes a line that fits: text that is not UTF-8 is repaired, bidirectional controls are left out, and what is too long is cut.
// attributes are a JSON object, in which a name may be repeated: the last one counts.
func New(at time.Time, level slog.Level, text string, attributes []byte) Line {
	l := Line{At: at, Level: level, Attributes: canonical(attributes)}
	l.Text = jsontext.WithoutBidi(strings.ToValidUTF8(text, "\uFFFD"))
	if room := MaxBytes - len(l.Attributes); len(l.Text) > room {
		l.Text = strings.ToValidUTF8(l.Text[:room-len("…")], "") + "…"
	}
	return l
}

// canonical is an object as canonical JSON, nil for one that is empty.
func canonical(object []byte) []byte {
	if len(object) <= len("{}") {
		return nil
	}
	if len(object) > maxAttributes {
		return leftOut(fmt.Sprintf("%d bytes of attributes: a line has at most %d", len(object), maxAttributes))
	}
	text, err := jsontext.Canonical(nil, object, maxDepth)
	if err == nil {
		return text
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if decoder.Decode(&fields) == nil {
		again, _ := json.Marshal(fields) // it came from JSON
		if text, err = jsontext.Canonical(nil, again, maxDepth); err == nil {
			return text
		}
	}
	return leftOut("attributes that are nested too deep")
}

// leftOut says in place of attributes what they were.
func leftOut(what string) []byte {
	var w jsontext.Writer
	w.Object()
	w.Key("left_out").String(what)
	w.EndObject()
	return w
}
