package task

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
		fBackoffNoJitter, fTimeout, fTags, fIdempotencyKey, fRequestHash, fFiles},
	EventStarted:           {fAttempt, fBoot, fWorker, fLeaseSeconds, fTokenHash},
	EventProgressed:        {fFence, fProgress},
	EventSucceeded:         {fFence, fFiles},
	EventAttemptFailed:     {fFence, fAttempt, fCode, fRetryAt},
	EventFailed:            {fFence, fAttempt, fCode},
	EventCancelRequested:   {},
	EventCancelled:         {fFence},
	EventLeaseExpired:      {fFence, fAttempt},
	EventReleased:          {fFence},
	EventRetried:           {},
	EventSnoozed:           {fRunAt},
	EventReprioritised:     {fPriority},
	EventLateResultRefused: {fFence},
	EventErased:            {},
}

// FieldNames lists the keys that an event of type t may carry, in order.
func FieldNames(t EventType) []string {
	var names []string
	for _, f := range fieldsOf[t] {
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
	default:
		return &d.Code
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
		return appendString(dst, p.String()), *p != ulid.ULID{}
	case *Code:
		return appendString(dst, p.String()), *p != CodeNone
	case *BackoffKind:
		return appendString(dst, p.String()), *p != Exponential
	}
	panic("task: a field without a writer")
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

// Decoder reads Data. It keeps one copy of each name of a type or queue, so that a
// million tasks do not hold a million copies. Not for use by several goroutines.
type Decoder struct {
	names map[string]string
}

// Decode reads the facts of an event of type t, schema version v, into d, which it
// clears first. Every error wraps ErrData and says where.
func (dec *Decoder) Decode(d *Data, t EventType, v int, data []byte) error {
	*d = Data{}
	if v != t.SchemaVersion() {
		return fmt.Errorf("%w: %s has no schema version %d here; it was written by a newer Daybook", ErrData, t, v)
	}
	r := reader{rest: data, dec: dec}
	if !r.take("{") {
		return r.fail(t, "want an object", data)
	}
	first := true
	for _, f := range fieldsOf[t] {
		if !r.takeKey(f, first) {
			continue
		}
		first = false
		if !r.value(f, d.at(f)) {
			return r.fail(t, "bad value of "+fieldNames[f], data)
		}
	}
	if !r.take("}") || len(r.rest) > 0 {
		return r.fail(t, "unknown, repeated or misplaced key", data)
	}
	return nil
}

type reader struct {
	rest []byte
	dec  *Decoder
}

func (r *reader) fail(t EventType, what string, data []byte) error {
	return fmt.Errorf("%w: %s: %s at byte %d", ErrData, t, what, len(data)-len(r.rest))
}

func (r *reader) take(token string) bool {
	if len(r.rest) < len(token) || string(r.rest[:len(token)]) != token {
		return false
	}
	r.rest = r.rest[len(token):]
	return true
}

// takeKey goes past the key of f if it comes next.
func (r *reader) takeKey(f field, first bool) bool {
	rest, key := r.rest, keys[f]
	if !first {
		if len(rest) == 0 || rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
	// The first letter alone tells most keys apart.
	if len(rest) < len(key) || rest[1] != key[1] || string(rest[:len(key)]) != key {
		return false
	}
	r.rest = rest[len(key):]
	return true
}

// value reads one value that the writer would have written: never one at zero.
func (r *reader) value(f field, p any) bool {
	switch p := p.(type) {
	case *string:
		s, ok := r.text()
		if f == fIdempotencyKey {
			*p = string(s)
		} else {
			*p = r.dec.intern(s)
		}
		return ok && *p != ""
	case *int:
		n, ok := r.number()
		*p = int(n)
		return ok
	case *int64:
		n, ok := r.number()
		*p = n
		return ok
	case *Micros:
		n, ok := r.number()
		*p = Micros(n)
		return ok
	case *bool:
		*p = true
		return r.take("true")
	case *[]string:
		return r.list(p)
	case *[32]byte:
		s, ok := r.text()
		return ok && decodeHash(p, s) && *p != [32]byte{}
	case *ulid.ULID:
		s, ok := r.text()
		if !ok {
			return false
		}
		*p, ok = parseID(s)
		return ok && *p != ulid.ULID{}
	case *Code:
		s, ok := r.text()
		if !ok {
			return false
		}
		*p, ok = parseCode(string(s))
		return ok
	case *BackoffKind:
		s, ok := r.text()
		if !ok {
			return false
		}
		*p, ok = ParseBackoffKind(string(s))
		return ok && *p != Exponential
	}
	panic("task: a field without a reader")
}

func (r *reader) list(p *[]string) bool {
	if !r.take("[") {
		return false
	}
	for {
		s, ok := r.text()
		if !ok {
			return false
		}
		*p = append(*p, string(s))
		if r.take("]") {
			return true
		}
		if !r.take(",") {
			return false
		}
	}
}

// decodeHash reads lower-case hex; the library's reader takes upper case too.
func decodeHash(p *[32]byte, s []byte) bool {
	for _, c := range s {
		if 'A' <= c && c <= 'F' {
			return false
		}
	}
	if len(s) != hex.EncodedLen(len(p)) {
		return false
	}
	_, err := hex.Decode(p[:], s)
	return err == nil
}

// number reads a canonical integer that is not zero and fits 64 bits.
func (r *reader) number() (int64, bool) {
	i, negative := 0, false
	if len(r.rest) > 0 && r.rest[0] == '-' {
		i, negative = 1, true
	}
	start := i
	var n uint64
	for i < len(r.rest) && '0' <= r.rest[i] && r.rest[i] <= '9' {
		if i-start >= 19 {
			return 0, false
		}
		n = n*10 + uint64(r.rest[i]-'0')
		i++
	}
	limit := uint64(1<<63 - 1)
	if negative {
		limit++
	}
	if i == start || r.rest[start] == '0' || n > limit {
		return 0, false
	}
	r.rest = r.rest[i:]
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}

// text reads a JSON string. Plain ASCII is returned as it lies; the rest goes
// through encoding/json and must be what the writer would have made of it.
func (r *reader) text() ([]byte, bool) {
	if len(r.rest) == 0 || r.rest[0] != '"' {
		return nil, false
	}
	end := 1
	for end < len(r.rest) && r.rest[end] != '"' {
		if r.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(r.rest) {
		return nil, false
	}
	raw := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	if plain(raw[1:end]) {
		return raw[1:end], true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || string(appendString(nil, s)) != string(raw) {
		return nil, false
	}
	return []byte(s), true
}

const internLimit = 10_000

func (dec *Decoder) intern(b []byte) string {
	if s, ok := dec.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if dec.names == nil {
		dec.names = make(map[string]string)
	}
	if len(dec.names) < internLimit {
		dec.names[s] = s
	}
	return s
}
