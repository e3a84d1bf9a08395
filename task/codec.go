package task

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

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

// keys holds `"name":` for each field, made once.
var keys = func() (k [fieldCount]string) {
	for f, name := range fieldNames {
		k[f] = `"` + name + `":`
	}
	return k
}()

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
	dst = append(dst, '{')
	start := len(dst)
	for _, f := range fieldsOf[t] {
		mark := len(dst)
		if mark > start {
			dst = append(dst, ',')
		}
		dst = append(dst, keys[f]...)
		var written bool
		if dst, written = appendValue(dst, d.at(f)); !written {
			dst = dst[:mark]
		}
	}
	return append(dst, '}')
}

// appendValue appends one value; false means that it is at zero and was not written.
func appendValue(dst []byte, p any) ([]byte, bool) {
	switch p := p.(type) {
	case *string:
		return appendString(dst, *p), *p != ""
	case *int:
		return strconv.AppendInt(dst, int64(*p), 10), *p != 0
	case *int64:
		return strconv.AppendInt(dst, *p, 10), *p != 0
	case *Micros:
		return strconv.AppendInt(dst, int64(*p), 10), *p != 0
	case *bool:
		return append(dst, "true"...), *p
	case *[]string:
		return appendStrings(dst, *p), len(*p) > 0
	case *[32]byte:
		dst = append(dst, '"')
		dst = hex.AppendEncode(dst, p[:])
		return append(dst, '"'), *p != [32]byte{}
	case *ulid.ULID:
		return appendID(dst, p), *p != ulid.ULID{}
	case *Code:
		return appendString(dst, p.String()), *p != CodeNone
	case *BackoffKind:
		return appendString(dst, p.String()), *p != Exponential
	}
	panic("task: a field without a writer")
}

func appendID(dst []byte, id *ulid.ULID) []byte {
	var name [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(name[:]) // the buffer has the right size
	dst = append(dst, '"')
	dst = append(dst, name[:]...)
	return append(dst, '"')
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendString writes plain ASCII itself and leaves the rest to encoding/json.
func appendString(dst []byte, s string) []byte {
	if !plain(s) {
		quoted, _ := json.Marshal(s) // a string always marshals
		return append(dst, quoted...)
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func plain[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= utf8.RuneSelf-1 {
			return false
		}
	}
	return true
}
