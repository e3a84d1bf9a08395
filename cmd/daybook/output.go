package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"daybook/client"
)

// printJSON prints one JSON value on one line. What a terminal would obey is escaped as JSON
// escapes it, so the value stays the same.
func printJSON(w io.Writer, value json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, value); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, escaped(line.String()))
	return err
}

// pretty is a JSON value over several lines.
func pretty(value json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, value, "", "  ") != nil {
		return string(value)
	}
	return b.String()
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// safe escapes in text from elsewhere what a terminal would obey (control characters) or
// what would reorder its neighbours (bidirectional marks): U+202E becomes \u202e. Line
// ends and tabs stay.
func (s *stdio) safe(text string) string { return escaped(text) }

// escaped is text as safe returns it. Bytes that are no UTF-8 become U+FFFD: some terminals
// take 0x9b alone for an escape.
func escaped(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unprintable reports whether a terminal would obey r or reorder text by it.
func unprintable(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

// plainRow is a task on one line for a pipe: id, status, percent, type, a note, and the subject,
// with tabs between them.
func plainRow(t *client.Task) string {
	return fmt.Sprintf("%s\t%s\t%.0f\t%s\t%s\t%s", t.ID, t.Status, t.Progress, t.TaskType, note(t), subject(t))
}

// subject is the line that says which task it is, "" for none.
func subject(t *client.Task) string {
	if t.Subject == nil {
		return ""
	}
	return oneLine(*t.Subject)
}

// subjectAndNote is both on one line, for a terminal.
func subjectAndNote(t *client.Task) string {
	if subject, note := subject(t), note(t); subject != "" && note != "" {
		return subject + " · " + note
	} else {
		return subject + note
	}
}

// note says in a few words, on one line, what is to be known of a task beside its status.
func note(t *client.Task) string {
	switch {
	case t.ErrorMessage != nil && t.Status != client.Running:
		return oneLine(*t.ErrorMessage)
	case t.WaitingFor != nil:
		return "waits: " + waits(t.WaitingFor)
	case t.Status == client.Running && t.ProgressMessage != nil:
		return oneLine(*t.ProgressMessage)
	case t.Outcome != nil:
		return oneLine(*t.Outcome)
	}
	return ""
}

// oneLine is text on one line, with what a terminal would obey escaped.
func oneLine(text string) string { return escaped(strings.Join(strings.Fields(text), " ")) }

// clock is a moment in local time, with its zone: "2026-11-29 15:04:05 CET".
func clock(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05 MST") }

// span is a duration for people: "340 ms", "2 s", "12.5 s", "3 m 20 s".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute && d%time.Second == 0:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
}

// status is a status by word, shape and colour.
func (s *stdio) status(status client.Status) string {
	shape := map[client.Status][2]string{
		client.Pending:   {"○", "2"},
		client.Running:   {"◐", "36"},
		client.Success:   {"●", "32"},
		client.Failed:    {"✕", "31"},
		client.Cancelled: {"⊘", "33"},
	}[status]
	return s.paint(shape[1], fmt.Sprintf("%s %-9s", shape[0], status))
}
