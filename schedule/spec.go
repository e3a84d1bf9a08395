package schedule

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the zones, for machines without a zone database

	"github.com/netresearch/go-cron"
)

// Limits of a Spec.
const (
	MinEvery  = time.Second
	MaxEvery  = 366 * 24 * time.Hour
	MaxJitter = 24 * time.Hour
	// maxExpression is the longest cron expression, in bytes.
	maxExpression = 256
	// searchYears is how far ahead an occurrence is looked for. The rarest date of a
	// calendar, 29 February on a given weekday, comes at least every 40 years.
	searchYears = 41
)

// Gap is what happens to a nominal time that a clock in the zone never shows, because it
// is set forward.
type Gap uint8

const (
	// GapShift fires at the first valid moment after the gap. Several nominal times in
	// one gap fire once, as do one in the gap and one at its end.
	GapShift Gap = iota
	// GapSkip does not fire.
	GapSkip
)

// Overlap is what happens to a nominal time that a clock in the zone shows twice, because
// it is set back.
type Overlap uint8

const (
	// OverlapFirst fires the first time only.
	OverlapFirst Overlap = iota
	// OverlapBoth fires each time.
	OverlapBoth
)

// Spec says when something recurs. Exactly one of Cron and Every is set.
type Spec struct {
	// Cron has 5 fields (minute, hour, day of month, month, day of week), or 6 with
	// seconds first. Names (MON, JAN), ranges, steps, L, W, # and descriptors
	// (@hourly, @daily, @weekly, @monthly, @yearly) are understood. When both day
	// fields are restricted, a day that matches either of them matches, as in cron(8).
	// "@every 90s" is the same as Every.
	Cron  string
	Every time.Duration // MinEvery … MaxEvery, counted from StartsAt
	Zone  string        // an IANA name such as Europe/Berlin; "" = UTC

	Gap     Gap
	Overlap Overlap

	StartsAt time.Time // no occurrence is before; needed with Every
	EndsAt   time.Time // no occurrence is at it or later; zero = no end
	// Jitter delays each occurrence by 0 … Jitter, by a hash of Seed and its nominal
	// time: always the same delay for the same occurrence. 0 … MaxJitter.
	Jitter time.Duration
	Seed   string // the name of the schedule
}

// Error says which field of a Spec is wrong, in the words of the HTTP API.
type Error struct {
	Field  string // "cron", "every_seconds", "timezone", "starts_at", "ends_at", "jitter_seconds"
	Detail string // "must be …"
}

func (e *Error) Error() string { return e.Field + " " + e.Detail }

var parser = cron.MustNewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow |
	cron.Descriptor | cron.Extended | cron.DowOrDom).WithMaxSearchYears(searchYears)

// Parse checks a Spec and returns its calendar. Errors: *Error.
func Parse(s Spec) (*Calendar, error) {
	c := &Calendar{spec: s, zone: time.UTC}
	if s.Zone != "" {
		zone, err := time.LoadLocation(s.Zone)
		if err != nil || s.Zone == "Local" {
			return nil, &Error{"timezone", fmt.Sprintf("must be an IANA time zone such as Europe/Berlin; %q is not known", s.Zone)}
		}
		c.zone = zone
	}
	if interval, ok := strings.CutPrefix(s.Cron, "@every "); ok && s.Every == 0 {
		every, err := time.ParseDuration(strings.TrimSpace(interval))
		if err != nil {
			return nil, &Error{"cron", `must give a duration after @every, such as "@every 90s"`}
		}
		c.spec.Cron, c.spec.Every = "", every
		if every < MinEvery || every > MaxEvery {
			return nil, &Error{"cron", "must have an interval between 1s and 8784h (366 days)"}
		}
	}
	switch {
	case c.spec.Cron == "" && c.spec.Every == 0:
		return nil, &Error{"cron", "or every_seconds must be given"}
	case c.spec.Cron != "" && c.spec.Every != 0:
		return nil, &Error{"every_seconds", "must not be given together with cron"}
	case c.spec.Every != 0 && (c.spec.Every < MinEvery || c.spec.Every > MaxEvery):
		return nil, &Error{"every_seconds", "must be between 1 and 31622400 (366 days)"}
	case c.spec.Every != 0 && s.StartsAt.IsZero():
		return nil, &Error{"starts_at", "must be given with every_seconds"}
	case s.Jitter < 0 || s.Jitter > MaxJitter:
		return nil, &Error{"jitter_seconds", "must be between 0 and 86400"}
	case !s.EndsAt.IsZero() && !s.EndsAt.After(s.StartsAt):
		return nil, &Error{"ends_at", "must be after starts_at"}
	}
	if c.spec.Cron != "" {
		if err := c.parseCron(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Calendar) parseCron() error {
	expression := c.spec.Cron
	switch {
	case len(expression) > maxExpression:
		return &Error{"cron", "must be at most 256 bytes"}
	case strings.Contains(expression, "TZ="):
		return &Error{"cron", "must not name a time zone; set timezone instead"}
	}
	parsed, err := parser.Parse(expression)
	if err != nil {
		return &Error{"cron", fmt.Sprintf("is not understood: %v", err)}
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return &Error{"cron", "must have 5 or 6 fields, or be one of @hourly, @daily, @weekly, @monthly, @yearly, @every"}
	}
	spec.Location = time.UTC // nominal times are computed as if they were in UTC
	c.cron = spec
	matches := search{cron: spec}
	if _, ok := matches.from(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return &Error{"cron", fmt.Sprintf("never comes: no date matches %q", expression)}
	}
	return nil
}
