package task

import (
	"errors"

	"daybook/internal/jsontext"

	"github.com/oklog/ulid/v2"
)

// The codec writes Data as canonical JSON: an object whose keys come in the order of
// the table, without spaces, fields at zero left out. The reader takes exactly what
// the writer makes and refuses all else, so that there is one encoding of one fact.

// ErrData is wrapped by every error of decoding.
var ErrData = errors.New("data of the event is not canonical")

type field uint8

const (
	fTaskType field = iota
	fQueue
	fPriority
	fRunAt
	fMaxAttempts
	fBackoffKind
	fBackoffBase
	fBackoffMax
	fBackoffNoJitter
	fTimeout
	fTags
	fIdempotencyKey
	fRequestHash
	fFiles
	fAttempt
	fBoot
	fWorker
	fLeaseSeconds
	fTokenHash
	fFence
	fProgress
	fRetryAt
	fCode
	fClock
	fSuspicion
	fDeaths
	fTrusted
	fFileNames
	fOutcome
	fPartial
	fUniqueKey
	fUniqueFor
	fUniqueSince
	fUniqueBehind
	fRetryOf
	fReplacedBy
	fRetriedAs

	fieldCount
)

var fieldNames = [fieldCount]string{
	fTaskType:        "task_type",
	fQueue:           "queue",
	fPriority:        "priority",
	fRunAt:           "run_at",
	fMaxAttempts:     "max_attempts",
	fBackoffKind:     "backoff_kind",
	fBackoffBase:     "backoff_base",
	fBackoffMax:      "backoff_max",
	fBackoffNoJitter: "backoff_no_jitter",
	fTimeout:         "timeout",
	fTags:            "tags",
	fIdempotencyKey:  "idempotency_key",
	fRequestHash:     "request_hash",
	fFiles:           "files",
	fAttempt:         "attempt",
	fBoot:            "boot",
	fWorker:          "worker",
	fLeaseSeconds:    "lease_seconds",
	fTokenHash:       "token_hash",
	fFence:           "fence",
	fProgress:        "progress",
	fRetryAt:         "retry_at",
	fCode:            "code",
	fClock:           "clock",
	fSuspicion:       "suspicion",
	fDeaths:          "deaths",
	fTrusted:         "trusted",
	fFileNames:       "file_names",
	fOutcome:         "outcome",
	fPartial:         "partial",
	fUniqueKey:       "unique_key",
	fUniqueFor:       "unique_for",
	fUniqueSince:     "unique_since",
	fUniqueBehind:    "unique_behind",
	fRetryOf:         "retry_of",
	fReplacedBy:      "replaced_by",
	fRetriedAs:       "retried_as",
}

// fieldsOf is the shape of each type's data, in the order of writing.
var fieldsOf = [typeCount][]field{
	EventSubmitted: {fTaskType, fQueue, fPriority, fRunAt, fMaxAttempts, fBackoffKind, fBackoffBase, fBackoffMax,
		fBackoffNoJitter, fTimeout, fTags, fIdempotencyKey, fRequestHash, fFiles, fClock, fFileNames,
		fUniqueKey, fUniqueFor, fUniqueSince, fUniqueBehind, fRetryOf},
	EventStarted:           {fAttempt, fBoot, fWorker, fLeaseSeconds, fTokenHash},
	EventProgressed:        {fFence, fProgress, fTrusted},
	EventSucceeded:         {fFence, fFiles, fOutcome, fPartial},
	EventAttemptFailed:     {fFence, fAttempt, fCode, fRetryAt},
	EventFailed:            {fFence, fAttempt, fCode},
	EventCancelRequested:   {},
	EventCancelled:         {fFence, fReplacedBy},
	EventLeaseExpired:      {fFence, fAttempt, fSuspicion, fDeaths},
	EventReleased:          {fFence},
	EventRetried:           {fRunAt, fClock},
	EventSnoozed:           {fRunAt, fClock},
	EventReprioritised:     {fPriority},
	EventLateResultRefused: {fFence},
	EventErased:            {},
	EventResubmitted:       {fRetriedAs},
}

// addedFields says how many fields each schema version after the first added at the end
// of fieldsOf. A field that is added is optional: at zero it must mean what the version
// before meant, so that an old event needs no other upcast.
var addedFields = [typeCount][]int{
	EventSubmitted:    {1, 1, 5}, // v 2: clock; v 3: file_names; v 4: unique_key to retry_of
	EventCancelled:    {1},       // v 2: replaced_by
	EventSucceeded:    {2},       // v 2: outcome, partial
	EventRetried:      {2},       // v 2: run_at, clock
	EventSnoozed:      {1},       // v 2: clock
	EventProgressed:   {1},       // v 2: trusted
	EventLeaseExpired: {2},       // v 2: suspicion, deaths
}

// fieldsIn is the shape of schema version v of a type, nil if there is no such version.
func fieldsIn(t EventType, v int) []field {
	all, added := fieldsOf[t], addedFields[t]
	if v < 1 || v > 1+len(added) {
		return nil
	}
	n := len(all)
	for _, later := range added[v-1:] {
		n -= later
	}
	return all[:n:n]
}

// FieldNames lists the keys that an event of type t may carry in schema version v, in
// order.
func FieldNames(t EventType, v int) []string {
	var names []string
	for _, f := range fieldsIn(t, v) {
		names = append(names, fieldNames[f])
	}
	return names
}

// at returns a pointer to the field, for the type switches below.
func (d *Data) at(f field) any {
	switch f {
	case fTaskType:
		return &d.TaskType
	case fQueue:
		return &d.Queue
	case fPriority:
		return &d.Priority
	case fRunAt:
		return &d.RunAt
	case fMaxAttempts:
		return &d.MaxAttempts
	case fBackoffKind:
		return &d.Backoff.Kind
	case fBackoffBase:
		return &d.Backoff.Base
	case fBackoffMax:
		return &d.Backoff.Max
	case fBackoffNoJitter:
		return &d.Backoff.NoJitter
	case fTimeout:
		return &d.Timeout
	case fTags:
		return &d.Tags
	case fIdempotencyKey:
		return &d.IdempotencyKey
	case fRequestHash:
		return &d.RequestHash
	case fFiles:
		return &d.Files
	case fAttempt:
		return &d.Attempt
	case fBoot:
		return &d.Boot
	case fWorker:
		return &d.Worker
	case fLeaseSeconds:
		return &d.LeaseSeconds
	case fTokenHash:
		return &d.TokenHash
	case fFence:
		return &d.Fence
	case fProgress:
		return &d.Progress
	case fRetryAt:
		return &d.RetryAt
	case fCode:
		return &d.Code
	case fFileNames:
		return &d.FileNames
	case fOutcome:
		return &d.Outcome
	case fPartial:
		return &d.Partial
	case fUniqueKey:
		return &d.UniqueKey
	case fUniqueFor:
		return &d.UniqueFor
	case fUniqueSince:
		return &d.UniqueSince
	case fUniqueBehind:
		return &d.UniqueBehind
	case fRetryOf:
		return &d.RetryOf
	case fReplacedBy:
		return &d.ReplacedBy
	case fRetriedAs:
		return &d.RetriedAs
	case fClock:
		return &d.Clock
	case fSuspicion:
		return &d.Suspicion
	case fDeaths:
		return &d.Deaths
	default:
		return &d.Trusted
	}
}

// AppendData appends the canonical JSON of the facts of an event of type t.
func AppendData(dst []byte, t EventType, d *Data) []byte {
	w := jsontext.Writer(dst)
	w.Object()
	for _, f := range fieldsOf[t] {
		writeField(&w, fieldNames[f], d.at(f))
	}
	w.EndObject()
	return w
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
	default:
		panic("task: a field without a writer")
	}
}

func writeNumber(w *jsontext.Writer, name string, n int64) {
	if n != 0 {
		w.Key(name).Int(n)
	}
}
