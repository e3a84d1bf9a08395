package task

import "time"

// Micros is a moment (microseconds since the Unix epoch, UTC) or a span in
// microseconds. Zero means "not set" where a moment is optional.
type Micros int64

// Second is one second as a span.
const Second Micros = 1_000_000

// MicrosOf returns the moment of t, cut to the microsecond.
func MicrosOf(t time.Time) Micros { return Micros(t.UnixMicro()) }

// Time returns the moment as a time in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// Duration returns the span as a duration.
func (m Micros) Duration() time.Duration { return time.Duration(m) * time.Microsecond }

// SpanOf returns the span of d, cut to the microsecond.
func SpanOf(d time.Duration) Micros { return Micros(d / time.Microsecond) }

// AppendRFC3339 appends the moment as 2026-11-24T12:00:00.000000Z, without quotes.
func (m Micros) AppendRFC3339(dst []byte) []byte {
	return m.Time().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
}
