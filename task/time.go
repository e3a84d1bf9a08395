package task

import (
	"time"

	"daybook/internal/jsontext"
)

// Micros is a moment (microseconds since the Unix epoch, UTC) or a span in
// microseconds. Zero means "not set" where a moment is optional.
type Micros int64

// Second is one second as a span.
const Second Micros = 1_000_000

// Now is what a decision knows beside the task. The two moments differ only while the wall clock stands
// behind the log, because it was set back.
type Now struct {
	Wall Micros // the wall clock: it alone decides what is due
	At   Micros // what events carry: the wall clock, never before the latest event of the log

	// What is known of other tasks.
	OpenChildren bool // the task has children that have not ended, and waits for their end before its own
}

// MicrosOf returns the moment of t, cut to the microsecond.
func MicrosOf(t time.Time) Micros { return Micros(t.UnixMicro()) }

// Time returns the moment as a time in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// Duration returns the span as a duration.
func (m Micros) Duration() time.Duration { return time.Duration(m) * time.Microsecond }

// SpanOf returns the span of d, cut to the microsecond.
func SpanOf(d time.Duration) Micros { return Micros(d / time.Microsecond) }

// AppendRFC3339 appends the moment as 2026-11-24T12:00:00.000000Z, without quotes. Years
// are 0 to 9999.
func (m Micros) AppendRFC3339(dst []byte) []byte { return jsontext.AppendTime(dst, int64(m)) }
