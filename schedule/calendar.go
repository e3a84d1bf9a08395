package schedule

import (
	"hash/fnv"
	"time"

	"github.com/netresearch/go-cron"
)

// Calendar lists the occurrences of a Spec, in order of time. It may be used by any
// goroutine.
type Calendar struct {
	spec Spec
	zone *time.Location
	cron *cron.SpecSchedule // nil with Every
}

// Occurrence is one time that a schedule is due.
type Occurrence struct {
	// Nominal identifies the occurrence: the time in the zone that the expression gives,
	// "2026-03-29T02:30:00". With OverlapBoth, the second of two equal nominal times has
	// the offset of the zone at its end ("…+01:00"). With Every it is the time in UTC with
	// a Z at its end.
	Nominal string
	At      time.Time // when it is due, without jitter, in UTC
	Due     time.Time // At plus its jitter
	Shifted bool      // no clock in the zone shows the nominal time: At is the end of the gap
}

const nominalLayout = "2006-01-02T15:04:05"

// Next returns the first occurrence whose At is after the moment; false if there is none.
func (c *Calendar) Next(after time.Time) (Occurrence, bool) {
	if s := c.spec.StartsAt; !s.IsZero() && after.Before(s) {
		after = s.Add(-time.Nanosecond) // one at StartsAt counts
	}
	var o Occurrence
	ok := true
	if c.spec.Every > 0 {
		o = c.nextInterval(after)
	} else {
		o, ok = c.nextCron(after)
	}
	if !ok || !c.spec.EndsAt.IsZero() && !o.At.Before(c.spec.EndsAt) {
		return Occurrence{}, false
	}
	o.Due = o.At.Add(c.delay(o.Nominal))
	return o, true
}

// nextInterval counts whole intervals from StartsAt.
func (c *Calendar) nextInterval(after time.Time) Occurrence {
	start, every := c.spec.StartsAt, c.spec.Every
	at := start
	if !after.Before(start) {
		at = start.Add((after.Sub(start)/every + 1) * every)
	}
	at = at.UTC()
	return Occurrence{Nominal: at.Format(nominalLayout + ".999999Z07:00"), At: at}
}

// nextCron goes through the spans of time in which the zone has one offset from UTC, and
// looks in each for the first nominal time that a clock on the wall shows there.
func (c *Calendar) nextCron(after time.Time) (Occurrence, bool) {
	matches := search{cron: c.cron}
	for s := c.spanAt(after); ; s = c.spanAt(s.end) {
		if o, ok := c.shifted(&matches, s, after); ok {
			return o, true
		}
		lower := s.first
		if c.spec.Overlap == OverlapFirst && s.shown.After(lower) {
			lower = s.shown
		}
		if from := s.naive(after).Add(time.Nanosecond); from.After(lower) {
			lower = from
		}
		nominal, ok := matches.from(lower)
		if ok && (s.end.IsZero() || nominal.Before(s.last)) {
			return c.occurrence(s, nominal), true
		}
		if !ok || s.end.IsZero() {
			return Occurrence{}, false
		}
	}
}

// occurrence is the one of a nominal time that is shown in the span.
func (c *Calendar) occurrence(s span, nominal time.Time) Occurrence {
	o := Occurrence{Nominal: nominal.Format(nominalLayout), At: nominal.Add(-s.offset).UTC()}
	if nominal.Before(s.shown) {
		o.Nominal += o.At.In(c.zone).Format("-07:00")
	}
	return o
}

// shifted returns the occurrence that the gap before the span moves to its start, if
// the start is after the moment.
func (c *Calendar) shifted(matches *search, s span, after time.Time) (Occurrence, bool) {
	if c.spec.Gap != GapShift || !s.start.After(after) || !s.shown.Before(s.first) {
		return Occurrence{}, false
	}
	nominal, ok := matches.from(s.shown)
	if !ok || !nominal.Before(s.first) {
		return Occurrence{}, false
	}
	if regular, ok := matches.from(s.first); ok && regular.Equal(s.first) {
		return Occurrence{}, false // the end of the gap has an occurrence of its own
	}
	return Occurrence{Nominal: nominal.Format(nominalLayout), At: s.start.UTC(), Shifted: true}, true
}

// search finds nominal times: naive times, which are times on the wall that are written
// as if they were in UTC. It remembers the latest one, for rare dates take long to find.
type search struct {
	cron        *cron.SpecSchedule
	asked, next time.Time // next is the first at or after asked; zero = none was asked for yet
	none        bool      // there is none
}

// from returns the first nominal time at or after a naive one; false if there is none.
func (s *search) from(naive time.Time) (time.Time, bool) {
	known := !s.asked.IsZero() && !naive.Before(s.asked) && (s.none || !naive.After(s.next))
	if !known {
		s.asked, s.next = naive, s.cron.Next(naive.Add(-time.Nanosecond))
		s.none = s.next.IsZero()
	}
	return s.next, !s.none
}

// span is a time during which a zone has one offset from UTC.
type span struct {
	start, end  time.Time // start is in the span, end is not; zero = for ever
	offset      time.Duration
	first, last time.Time // naive times of start and end
	shown       time.Time // naive: what a clock on the wall has shown before start; first without a start
}

func (s span) naive(t time.Time) time.Time { return t.UTC().Add(s.offset) }

// lookback bounds how long before a change of the clock an earlier one can still matter. No
// zone was ever moved by more than a day.
const lookback = 50 * time.Hour

func (c *Calendar) spanAt(t time.Time) span {
	s := c.bounds(t)
	s.shown = s.first
	if s.start.IsZero() {
		return s
	}
	s.shown = time.Time{}
	for earlier := s; !earlier.start.IsZero() && earlier.start.After(s.start.Add(-lookback)); {
		earlier = c.bounds(earlier.start.Add(-time.Nanosecond))
		if earlier.last.After(s.shown) {
			s.shown = earlier.last
		}
	}
	return s
}

func (c *Calendar) bounds(t time.Time) span {
	local := t.In(c.zone)
	_, seconds := local.Zone()
	s := span{offset: time.Duration(seconds) * time.Second}
	s.start, s.end = local.ZoneBounds()
	if !s.end.IsZero() && !s.end.After(t) {
		// In a leap year after the last one of the zone's table, the end that Go 1.26 gives
		// is a day early: at the start of 31 December.
		s.end = t.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	}
	if !s.start.IsZero() {
		s.first = s.naive(s.start)
	}
	if !s.end.IsZero() {
		s.last = s.naive(s.end)
	}
	return s
}

// delay is the jitter of an occurrence: evenly spread over whole milliseconds by the 64-bit
// FNV-1a hash of seed and nominal time, finished by the mixer of MurmurHash3.
func (c *Calendar) delay(nominal string) time.Duration {
	if c.spec.Jitter < time.Millisecond {
		return 0
	}
	hash := fnv.New64a()
	hash.Write([]byte(c.spec.Seed + "\x00" + nominal))
	h := hash.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return time.Duration(h%uint64(c.spec.Jitter/time.Millisecond+1)) * time.Millisecond
}
