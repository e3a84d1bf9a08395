package task

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"daybook/internal/jsontext"
)

// Limits of a submit. MaxParameters is in bytes of canonical JSON.
const (
	MaxPriority       = 100
	MaxMaxAttempts    = 1000
	DefaultAttempts   = 3
	MaxTags           = 20
	MaxTagLength      = 64
	MaxKeyLength      = 255
	MaxSubject        = 200 // characters
	MaxConcurrencyKey = 200 // bytes
	TraceParentLength = 55  // bytes
	MaxParameters     = 256 << 10
	MaxResult         = 16 << 20 // bytes of canonical JSON
	MaxSaved          = 64 << 10 // bytes of canonical JSON that an attempt saves at a time
	MaxDepth          = 32       // of parameters and results
	MaxFiles          = 10_000   // that parameters or a result may name
	MaxDeaths         = 3        // in a row: then a task is FAILED, whatever its MaxAttempts
	MaxSuspicion      = 30       // more is not counted
	MaxTimeout        = 30 * 24 * 3600 * Second
	MaxBackoffBase    = 24 * 3600 * Second
	MaxBackoffMax     = 7 * 24 * 3600 * Second
	maxMoment         = Micros(253402300799_999_999) // the end of the year 9999
	DefaultQueue      = "default"
	maxErrorTextBytes = 16 << 10
	maxOutcome        = 200 // bytes
)

// NameRule says what a new name must be.
const NameRule = "must be 1 to 64 of A-Z a-z 0-9 . _ -, and not only dots"

// NewName reports whether s can name something new. A name of dots cannot stand in a path: clients and
// proxies take . and .. for folders.
func NewName(s string) bool { return ValidName(s) && strings.Trim(s, ".") != "" }

// ValidName reports whether a log may have s as the name of a type or a queue: 1 to 64 of A-Z a-z 0-9 . _ -
func ValidName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 64
}

// Normalise fills in what was left out.
func (s *Submit) Normalise() {
	if s.Queue == "" {
		s.Queue = DefaultQueue
	}
	if s.MaxAttempts == 0 {
		s.MaxAttempts = DefaultAttempts
	}
	if s.Backoff == nil {
		b := DefaultBackoff
		s.Backoff = &b
	}
}

// Validate lists what is wrong with a normalised submit, by the fields of the request.
func (s *Submit) Validate() []FieldError {
	var bad []FieldError
	check := func(ok bool, pointer, detail string) {
		if !ok {
			bad = append(bad, FieldError{Pointer: pointer, Detail: detail})
		}
	}
	check(NewName(s.Type), "/task_type", NameRule)
	check(NewName(s.Queue), "/queue", NameRule)
	check(-MaxPriority <= s.Priority && s.Priority <= MaxPriority, "/priority", "must be between -100 and 100")
	check(0 <= s.RunAt && s.RunAt <= maxMoment, "/run_at", "must be between 1970 and 9999")
	check(1 <= s.MaxAttempts && s.MaxAttempts <= MaxMaxAttempts, "/max_attempts", "must be between 1 and 1000")
	check(s.Timeout == 0 || s.Timeout == NoTimeout || Second/1000 <= s.Timeout && s.Timeout <= MaxTimeout,
		"/timeout_seconds", "must be between 0.001 and 2592000, or 0 for none")
	if b := s.Backoff; b != nil {
		check(b.Kind < backoffKindCount, "/backoff/kind", "must be exponential, linear or constant")
		check(0 <= b.Base && b.Base <= MaxBackoffBase, "/backoff/base_seconds", "must be between 0 and 86400")
		check(b.Base <= b.Max && b.Max <= MaxBackoffMax, "/backoff/max_seconds", "must be between base_seconds and 604800")
	}
	check(len(s.Tags) <= MaxTags, "/tags", "must have at most 20 items")
	for i, tag := range s.Tags {
		check(validText(tag, MaxTagLength), fmt.Sprintf("/tags/%d", i), "must be 1 to 64 printable characters")
	}
	check(s.IdempotencyKey == "" || validText(s.IdempotencyKey, MaxKeyLength) && len(s.IdempotencyKey) <= MaxKeyLength,
		"/idempotency_key", "must be 1 to 255 bytes of printable characters")
	check(s.Subject == "" || validLine(s.Subject, MaxSubject), "/subject", "must be one line of 1 to 200 characters, not blank and without control characters, bidirectional ones among them")
	check(s.TraceParent == "" || len(s.TraceParent) == TraceParentLength && validText(s.TraceParent, TraceParentLength), "/traceparent", "must be a W3C traceparent of version 00")
	check(len(s.Parameters) <= MaxParameters, "/parameters", "must be at most 262144 bytes")
	check(s.ConcurrencyKey == "" || validText(s.ConcurrencyKey, MaxConcurrencyKey) && len(s.ConcurrencyKey) <= MaxConcurrencyKey,
		"/concurrency_key", "must be 1 to 200 bytes of printable characters")
	check(s.OnKeyConflict < keyConflictCount, "/on_conflict", "must be "+KeyConflictNames)
	check(s.OnKeyConflict == KeyConflictWait || s.ConcurrencyKey != "", "/on_conflict", "needs concurrency_key")
	s.Unique.validate(check)
	s.validateDependencies(check)
	check(len(s.Files) <= MaxFiles, "/parameters", "must name at most 10000 files")
	return bad
}

// validLine reports whether s is a line of at most that many characters, with something to see.
func validLine(s string, most int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most || strings.TrimSpace(s) == "" {
		return false
	}
	return !jsontext.HasBidi(s) && !strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' })
}

// validText reports whether s is 1 … most printable characters, spaces among them.
func validText(s string, most int) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return false
	}
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}
