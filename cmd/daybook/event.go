package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"daybook/client"
)

// eventLine is one event on one line for people, cut to the width of a terminal. stream
// is shown unless it is "".
func eventLine(s *stdio, e *client.Event, stream string) string {
	const indented = 2
	at, seq := e.At.Local().Format("2006-01-02 15:04:05.000 MST"), grouped(e.Seq)
	who := e.Actor[strings.IndexByte(e.Actor, ':')+1:]
	line := []string{at, pad(seq, -7), pad(e.Type, 20), pad(who, 10)}
	if stream != "" {
		line = append(line, pad(stream, 31))
	}
	plain := strings.Join(line, "  ")
	line[0], line[1], line[3] = s.dim(line[0]), s.dim(line[1]), s.dim(line[3])
	text := strings.Join(line, "  ")
	room := s.width() - indented - utf8.RuneCountInString(plain) - 2
	switch {
	case !s.outTerminal:
		text += "  " + facts(e)
	case room > 8:
		text += "  " + cut(facts(e), room)
	}
	return strings.TrimRight(text, " ")
}

// pad fills text up to n columns; from the left when n is negative.
func pad(text string, n int) string {
	missing := max(0, max(n, -n)-utf8.RuneCountInString(text))
	if n < 0 {
		return strings.Repeat(" ", missing) + text
	}
	return text + strings.Repeat(" ", missing)
}

// facts is what an event says beyond its type, on one line: "attempt=2 code=timeout".
// What only programs use is left out.
func facts(e *client.Event) string {
	parts := members(e.Data)
	var text struct{ Error, Message, Reason *string }
	switch {
	case isNull(e.Payload):
	case json.Unmarshal(e.Payload, &text) == nil && (text.Error != nil || text.Message != nil || text.Reason != nil):
		for _, t := range []*string{text.Error, text.Message, text.Reason} {
			if t != nil {
				parts = append(parts, *t)
			}
		}
	default:
		parts = append(parts, string(e.Payload))
	}
	return oneLine(strings.Join(parts, " "))
}

// members lists the members of a JSON object as key=value, in their order.
func members(object json.RawMessage) (parts []string) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return nil
	}
	for decoder.More() {
		key, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return parts
		}
		if name, _ := key.(string); name != "boot" && name != "fence" && name != "request_hash" {
			parts = append(parts, name+"="+fact(name, value))
		}
	}
	return parts
}

// fact is one value for people. The log has moments and spans in microseconds and progress
// in hundredths of a percent.
func fact(name string, value json.RawMessage) string {
	n, err := strconv.ParseInt(string(value), 10, 64)
	switch {
	case err != nil:
	case strings.HasSuffix(name, "_at"), name == "clock", name == "until":
		return time.UnixMicro(n).Local().Format(time.RFC3339)
	case name == "timeout", name == "backoff_base", name == "backoff_max":
		return strings.ReplaceAll(span(time.Duration(n)*time.Microsecond), " ", "")
	case name == "progress":
		return strconv.FormatInt((n+50)/100, 10) + "%"
	}
	return strings.Trim(string(value), `"`)
}
