package task

import (
	"errors"
	"slices"
	"strings"

	"daybook/internal/jsontext"

	"github.com/oklog/ulid/v2"
)

// The codec writes Data as canonical JSON: an object whose keys come in the order of
// the table, without spaces, fields at zero left out. The reader takes exactly what
// the writer makes and refuses all else, so that there is one encoding of one fact.

// ErrData is wrapped by every error of decoding.
var ErrData = errors.New("data of the event is not canonical")

// field is one key of the data of events.
type field struct {
	name     string
	at       func(*Data) any // points to it, for the type switches below
	distinct bool            // its texts differ from event to event: there is no use in keeping one copy of each
}

// allFields declares them, in any order.
var allFields = []field{
	{name: "task_type", at: func(d *Data) any { return &d.TaskType }},
	{name: "queue", at: func(d *Data) any { return &d.Queue }},
	{name: "priority", at: func(d *Data) any { return &d.Priority }},
	{name: "run_at", at: func(d *Data) any { return &d.RunAt }},
	{name: "max_attempts", at: func(d *Data) any { return &d.MaxAttempts }},
	{name: "backoff_kind", at: func(d *Data) any { return &d.Backoff.Kind }},
	{name: "backoff_base", at: func(d *Data) any { return &d.Backoff.Base }},
	{name: "backoff_max", at: func(d *Data) any { return &d.Backoff.Max }},
	{name: "backoff_no_jitter", at: func(d *Data) any { return &d.Backoff.NoJitter }},
	{name: "timeout", at: func(d *Data) any { return &d.Timeout }},
	{name: "tags", at: func(d *Data) any { return &d.Tags }},
	{name: "idempotency_key", at: func(d *Data) any { return &d.IdempotencyKey }, distinct: true},
	{name: "request_hash", at: func(d *Data) any { return &d.RequestHash }},
	{name: "files", at: func(d *Data) any { return &d.Files }},
	{name: "attempt", at: func(d *Data) any { return &d.Attempt }},
	{name: "boot", at: func(d *Data) any { return &d.Boot }},
	{name: "worker", at: func(d *Data) any { return &d.Worker }},
	{name: "lease_seconds", at: func(d *Data) any { return &d.LeaseSeconds }},
	{name: "token_hash", at: func(d *Data) any { return &d.TokenHash }},
	{name: "fence", at: func(d *Data) any { return &d.Fence }},
	{name: "progress", at: func(d *Data) any { return &d.Progress }},
	{name: "retry_at", at: func(d *Data) any { return &d.RetryAt }},
	{name: "code", at: func(d *Data) any { return &d.Code }},
	{name: "clock", at: func(d *Data) any { return &d.Clock }},
	{name: "suspicion", at: func(d *Data) any { return &d.Suspicion }},
	{name: "deaths", at: func(d *Data) any { return &d.Deaths }},
	{name: "trusted", at: func(d *Data) any { return &d.Trusted }},
	{name: "file_names", at: func(d *Data) any { return &d.FileNames }},
	{name: "outcome", at: func(d *Data) any { return &d.Outcome }, distinct: true},
	{name: "partial", at: func(d *Data) any { return &d.Partial }},
	{name: "unique_key", at: func(d *Data) any { return &d.UniqueKey }, distinct: true},
	{name: "unique_for", at: func(d *Data) any { return &d.UniqueFor }},
	{name: "unique_since", at: func(d *Data) any { return &d.UniqueSince }},
	{name: "unique_behind", at: func(d *Data) any { return &d.UniqueBehind }},
	{name: "retry_of", at: func(d *Data) any { return &d.RetryOf }},
	{name: "replaced_by", at: func(d *Data) any { return &d.ReplacedBy }},
	{name: "retried_as", at: func(d *Data) any { return &d.RetriedAs }},
	{name: "subject", at: func(d *Data) any { return &d.Subject }, distinct: true},
	{name: "traceparent", at: func(d *Data) any { return &d.TraceParent }, distinct: true},
	{name: "subject_given", at: func(d *Data) any { return &d.SubjectGiven }},
	{name: "concurrency_key", at: func(d *Data) any { return &d.ConcurrencyKey }},
	{name: "charge", at: func(d *Data) any { return &d.Charge }},
	{name: "backoff", at: func(d *Data) any { return &d.InBackoff }},
	{name: "step", at: func(d *Data) any { return &d.Step }},
	{name: "step_kind", at: func(d *Data) any { return &d.StepKind }},
	{name: "step_outcome", at: func(d *Data) any { return &d.StepOutcome }},
	{name: "signal", at: func(d *Data) any { return &d.Signal }, distinct: true},
	{name: "until", at: func(d *Data) any { return &d.Until }},
	{name: "signals", at: func(d *Data) any { return &d.Signals }},
	{name: "all", at: func(d *Data) any { return &d.All }},
	{name: "role", at: func(d *Data) any { return &d.Role }},
	{name: "build", at: func(d *Data) any { return &d.Build }},
	{name: "bytes", at: func(d *Data) any { return &d.Bytes }},
	{name: "depends_on", at: func(d *Data) any { return &d.DependsOn }},
	{name: "run_anyway", at: func(d *Data) any { return &d.RunAnyway }},
	{name: "because", at: func(d *Data) any { return &d.Because }},
	{name: "children", at: func(d *Data) any { return &d.Children }},
	{name: "of", at: func(d *Data) any { return &d.Of }},
	{name: "as", at: func(d *Data) any { return &d.EndsAs }},
	{name: "waits", at: func(d *Data) any { return &d.Waits }},
	{name: "parent_id", at: func(d *Data) any { return &d.ParentID }},
	{name: "parent_step", at: func(d *Data) any { return &d.ParentStep }},
	{name: "child_name", at: func(d *Data) any { return &d.ChildName }, distinct: true},
	{name: "workflow_id", at: func(d *Data) any { return &d.WorkflowID }},
	{name: "depth", at: func(d *Data) any { return &d.Depth }},
	{name: "detached", at: func(d *Data) any { return &d.Detached }},
	{name: "on_failure", at: func(d *Data) any { return &d.OnFailure }},
	{name: "join_any", at: func(d *Data) any { return &d.JoinAny }},
}

// fieldsOf is the shape of each type's data, in the order of writing.
var fieldsOf = [typeCount][]*field{
	EventSubmitted: named("task_type queue priority run_at max_attempts backoff_kind backoff_base backoff_max" +
		" backoff_no_jitter timeout tags idempotency_key request_hash files clock file_names" +
		" unique_key unique_for unique_since unique_behind retry_of subject subject_given concurrency_key traceparent depends_on run_anyway" +
		" parent_id parent_step child_name workflow_id depth detached on_failure join_any children"),
	EventStarted:           named("attempt boot worker lease_seconds token_hash charge"),
	EventProgressed:        named("fence progress trusted"),
	EventSucceeded:         named("fence files outcome partial"),
	EventAttemptFailed:     named("fence attempt code retry_at"),
	EventFailed:            named("fence attempt code"),
	EventCancelRequested:   named(""),
	EventCancelled:         named("fence replaced_by because"),
	EventLeaseExpired:      named("fence attempt suspicion deaths"),
	EventReleased:          named("fence"),
	EventRetried:           named("run_at clock as waits"),
	EventSnoozed:           named("run_at clock backoff"),
	EventReprioritised:     named("priority"),
	EventLateResultRefused: named("fence"),
	EventErased:            named(""),
	EventResubmitted:       named("retried_as"),
	EventStepRecorded:      named("fence step step_kind step_outcome signal attempt build bytes children"),
	EventStepForgotten:     named("step bytes"),
	EventSuspended:         named("fence step step_kind until signals all role of"),
	EventEnding:            named("fence as attempt code files outcome partial replaced_by because"),
}

// named finds fields by their names, with spaces between them.
func named(names string) []*field {
	list := []*field{}
	for name := range strings.FieldsSeq(names) {
		list = append(list, &allFields[slices.IndexFunc(allFields, func(f field) bool { return f.name == name })])
	}
	return list
}

// FieldNames lists the keys that an event of type t may carry in schema version v, in
// order.
func FieldNames(t EventType, v int) []string {
	var names []string
	for _, f := range fieldsIn(t, v) {
		names = append(names, f.name)
	}
	return names
}

// AppendData appends the canonical JSON of the facts of an event of type t.
func AppendData(dst []byte, t EventType, d *Data) []byte {
	dst, _ = appendFields(dst, fieldsOf[t], d)
	return dst
}

// AppendVersion is AppendData, and returns the schema version with which the event is written: the first one that says all of its facts, so that
// programs which know no later one go on while nothing else is said.
func AppendVersion(dst []byte, t EventType, d *Data) (data []byte, v int) {
	data, said := appendFields(dst, fieldsOf[t], d)
	return data, versionFor(t, said)
}

// AppendDataOf is AppendData of an earlier schema version: later fields are left out.
func AppendDataOf(dst []byte, t EventType, v int, d *Data) []byte {
	dst, _ = appendFields(dst, fieldsIn(t, v), d)
	return dst
}

// appendFields appends an object of fields, without those at zero. said is how many fields there are up to the last one in it.
func appendFields(dst []byte, fields []*field, d *Data) (data []byte, said int) {
	w := jsontext.Writer(dst)
	w.Object()
	for i, f := range fields {
		before := len(w)
		if writeField(&w, f.name, f.at(d)); len(w) > before {
			said = i + 1
		}
	}
	w.EndObject()
	return w, said
}

// writeField writes one field; nothing for one at zero.
func writeField(w *jsontext.Writer, name string, p any) {
	switch p := p.(type) {
	case *string:
		if *p != "" {
			w.Key(name).EscapedString(*p)
		}
	case *int:
		writeNumber(w, name, int64(*p))
	case *int64:
		writeNumber(w, name, *p)
	case *Micros:
		writeNumber(w, name, int64(*p))
	case *bool:
		if *p {
			w.Key(name).Bool(true)
		}
	case *[]string:
		if len(*p) > 0 {
			w.Key(name).Array()
			for _, s := range *p {
				w.Item().EscapedString(s)
			}
			w.EndArray()
		}
	case *[32]byte:
		if *p != [32]byte{} {
			w.Key(name).Hex(p[:])
		}
	case *ulid.ULID:
		if *p != (ulid.ULID{}) {
			var text [ulid.EncodedSize]byte
			_ = p.MarshalTextTo(text[:]) // the buffer has the right size
			w.Key(name).Quoted(text[:])
		}
	case *Code:
		if *p != CodeNone {
			w.Key(name).EscapedString(p.String())
		}
	case *BackoffKind:
		if *p != Exponential {
			w.Key(name).EscapedString(p.String())
		}
	case *[]Dependency:
		if len(*p) > 0 {
			w.Key(name).Array()
			for i := range *p {
				(*p)[i].write(w.Item())
			}
			w.EndArray()
		}
	case *StepKind:
		if *p != StepResult {
			w.Key(name).EscapedString(p.String())
		}
	case *StepOutcome:
		if *p != StepDone {
			w.Key(name).EscapedString(p.String())
		}
	case *Status:
		if *p != None {
			w.Key(name).EscapedString(p.String())
		}
	case *OnChildFailure:
		if *p != ChildFails {
			w.Key(name).EscapedString(p.String())
		}
	default:
		panic("task: a field without a writer")
	}
}

func writeNumber(w *jsontext.Writer, name string, n int64) {
	if n != 0 {
		w.Key(name).Int(n)
	}
}
