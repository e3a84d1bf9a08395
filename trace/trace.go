// Package trace makes OpenTelemetry spans of tasks: one for the submit, and one for each attempt. Their ids
// follow from the task alone, so that spans made while the server runs and spans made later from the
// log are the same.
package trace

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Task is what the spans of a task have in common.
type Task struct {
	ID     ulid.ULID
	Type   string
	Queue  string
	Parent Parent // of the submit; zero = the trace begins with it
}

// Outcomes of attempts.
const (
	Succeeded = "succeeded"
	Failed    = "failed"
	Cancelled = "cancelled"
	Lost      = "lost"     // its worker or process died
	Released  = "released" // it was given back
)

// Attempt is one run of a task.
type Attempt struct {
	Number         int
	Fence          int64 // tells it from the others
	Worker         string
	Started, Ended time.Time
	Outcome        string // one of the above; "" = it runs
	Error          string
}

// Parent is a W3C traceparent: the span that something happens in.
type Parent struct {
	Trace [16]byte
	Span  [8]byte
	Flags byte
}

// sampled is the flag of a trace that is recorded.
const sampled = 1

// IsZero reports whether there is no parent.
func (p Parent) IsZero() bool { return p.Trace == [16]byte{} }

// Sampled reports whether the trace is recorded.
func (p Parent) Sampled() bool { return p.Flags&sampled != 0 }

// String is the parent as a traceparent, "" for none.
func (p Parent) String() string {
	if p.IsZero() {
		return ""
	}
	return "00-" + hex.EncodeToString(p.Trace[:]) + "-" + hex.EncodeToString(p.Span[:]) + "-" + hex.EncodeToString([]byte{p.Flags})
}

// ParseParent reads a traceparent (https://www.w3.org/TR/trace-context/); false for a text that is none. Of
// a later version it reads what version 00 has.
func ParseParent(text string) (p Parent, ok bool) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(text) < length || len(text) > length && (strings.HasPrefix(text, "00") || text[length] != '-') ||
		text[2] != '-' || text[35] != '-' || text[52] != '-' || text != strings.ToLower(text) {
		return Parent{}, false
	}
	var version, flags [1]byte
	for _, part := range []struct {
		into []byte
		text string
	}{{version[:], text[:2]}, {p.Trace[:], text[3:35]}, {p.Span[:], text[36:52]}, {flags[:], text[53:55]}} {
		if _, err := hex.Decode(part.into, []byte(part.text)); err != nil {
			return Parent{}, false
		}
	}
	p.Flags = flags[0]
	if version[0] == 0xff || p.IsZero() || p.Span == [8]byte{} {
		return Parent{}, false
	}
	return p, true
}

// spanID is the id of the span of an attempt, or with fence 0 of the submit.
func (t *Task) spanID(fence int64) (id [8]byte) {
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(t.ID[:], uint64(fence)))
	copy(id[:], hash[:])
	return id
}

// traceID is that of the parent, or else the id of the task.
func (t *Task) traceID() [16]byte {
	if t.Parent.IsZero() {
		return t.ID
	}
	return t.Parent.Trace
}

// Within is the traceparent for what an attempt calls.
func (t *Task) Within(fence int64) Parent {
	flags := byte(sampled)
	if !t.Parent.IsZero() {
		flags = t.Parent.Flags
	}
	return Parent{Trace: t.traceID(), Span: t.spanID(fence), Flags: flags}
}

// Send is the span of the submit.
func (t *Task) Send(at time.Time) Span {
	s := t.span("send", kindProducer, 0, at, at)
	if !t.Parent.IsZero() {
		s.ParentSpanID = hex.EncodeToString(t.Parent.Span[:])
	}
	return s
}

// Process is the span of an attempt: a child of the span of the submit, and linked to it.
func (t *Task) Process(a *Attempt) Span {
	s := t.span("process", kindConsumer, a.Fence, a.Started, a.Ended)
	send := t.spanID(0)
	s.ParentSpanID = hex.EncodeToString(send[:])
	s.Links = []link{{TraceID: s.TraceID, SpanID: s.ParentSpanID}}
	s.Attributes = append(s.Attributes, number("daybook.attempt", int64(a.Number)))
	if a.Worker != "" {
		s.Attributes = append(s.Attributes, text("daybook.worker", a.Worker))
	}
	s.Attributes = append(s.Attributes, text("daybook.outcome", cmp.Or(a.Outcome, "running")))
	switch a.Outcome {
	case Succeeded:
		s.Status = &status{Code: statusOK}
	case Failed, Lost:
		s.Status = &status{Code: statusError, Message: cut(a.Error)}
		s.Attributes = append(s.Attributes, text("error.type", a.Outcome))
	}
	return s
}

// maxMessage is the longest error of a span, in bytes.
const maxMessage = 1000

func cut(text string) string {
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

func (t *Task) span(operation string, kind int, fence int64, started, ended time.Time) Span {
	id, trace := t.spanID(fence), t.traceID()
	return Span{
		TraceID: hex.EncodeToString(trace[:]), SpanID: hex.EncodeToString(id[:]),
		Name: operation + " " + t.Queue, Kind: kind, Start: nanos(started), End: nanos(ended),
		Attributes: []attribute{
			text("messaging.system", "daybook"), text("messaging.operation.name", operation), text("messaging.operation.type", operation),
			text("messaging.destination.name", t.Queue), text("messaging.message.id", t.ID.String()), text("daybook.task_type", t.Type),
		},
	}
}
