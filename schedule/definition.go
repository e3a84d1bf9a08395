package schedule

import (
	"encoding/json"
	"time"
)

// Choices of a Definition. The first of each is what a request gets that names none.
var (
	Gaps     = []string{"shift", "skip"}
	Overlaps = []string{"first", "both"}
	// Policies say what becomes of a run that is due while the task of the one before lives: it is
	// skipped; it runs beside it; the latest one waits for it; it takes its place.
	Policies = []string{"skip", "allow", "buffer_one", "cancel_other"}
	// CatchUps say which of several runs that are due at once, as after a stop of the
	// server, fire: the latest, none that is late, all.
	CatchUps = []string{"one", "none", "all"}
)

// Definition is a schedule as its events keep it. Moments are in microseconds since 1970 UTC,
// spans in microseconds.
type Definition struct {
	Name           string `json:"name"`
	Cron           string `json:"cron,omitempty"`
	Every          int64  `json:"every,omitempty"`
	Timezone       string `json:"timezone"`
	Gap            string `json:"dst_gap"`     // one of Gaps
	Twice          string `json:"dst_overlap"` // one of Overlaps
	Overlap        string `json:"overlap"`     // one of Policies
	CatchUp        string `json:"catch_up"`    // one of CatchUps
	MaxLateness    int64  `json:"max_lateness"`
	Jitter         int64  `json:"jitter,omitempty"`
	StartsAt       int64  `json:"starts_at,omitempty"`
	EndsAt         int64  `json:"ends_at,omitempty"`
	PauseOnFailure int    `json:"pause_on_failure,omitempty"` // failures in a row; 0 = never
	TaskType       string `json:"task_type"`
	TaskHash       string `json:"task_hash"` // SHA-256 of the task's body, which is the payload
}

// Spec says when the schedule is due. An interval without a start counts from 1970, so that the
// same definition is always due at the same times.
func (d *Definition) Spec() Spec {
	s := Spec{
		Cron: d.Cron, Every: time.Duration(d.Every) * time.Microsecond, Zone: d.Timezone,
		Jitter: time.Duration(d.Jitter) * time.Microsecond, Seed: d.Name,
	}
	if d.Gap == "skip" {
		s.Gap = GapSkip
	}
	if d.Twice == "both" {
		s.Overlap = OverlapBoth
	}
	if d.StartsAt != 0 {
		s.StartsAt = time.UnixMicro(d.StartsAt).UTC()
	} else if d.Cron == "" || d.Cron[0] == '@' {
		s.StartsAt = time.Unix(0, 0).UTC()
	}
	if d.EndsAt != 0 {
		s.EndsAt = time.UnixMicro(d.EndsAt).UTC()
	}
	return s
}

// SameTimes reports whether both are due at the same times, jitter aside.
func (d *Definition) SameTimes(o *Definition) bool {
	return d.Cron == o.Cron && d.Every == o.Every && d.Timezone == o.Timezone && d.Gap == o.Gap && d.Twice == o.Twice &&
		d.StartsAt == o.StartsAt && d.EndsAt == o.EndsAt
}

// What follows is the data of the events of a schedule.
type (
	// Defined is the data of schedule.created and schedule.changed.
	Defined struct {
		Definition
		Clock int64 `json:"clock,omitempty"` // the wall clock, if it was behind the time of the event
	}
	// Fired is the data of schedule.fired.
	Fired struct {
		Nominal  string `json:"nominal,omitempty"` // "": somebody asked for it
		Due      int64  `json:"due"`               // without jitter
		Jitter   int64  `json:"jitter,omitempty"`
		Late     int64  `json:"late,omitempty"` // after due and jitter
		Task     string `json:"task"`
		Failures int    `json:"failures,omitempty"` // in a row, up to the task before
		Backfill bool   `json:"backfill,omitempty"` // somebody asked for it after its time
	}
	// Skipped is the data of schedule.skipped: one run, or several in a row.
	Skipped struct {
		Nominal string `json:"nominal"`
		Due     int64  `json:"due"`
		Late    int64  `json:"late,omitempty"`
		Why     string `json:"why"`
		Last    string `json:"last,omitempty"`     // of several: the last nominal time
		LastDue int64  `json:"last_due,omitempty"` // and when that was due
		Count   int    `json:"count,omitempty"`    // how many, if several
		More    bool   `json:"more,omitempty"`     // there were more than Count
		Task    string `json:"task,omitempty"`     // that was in the way
	}
	// Paused is the data of schedule.paused.
	Paused struct {
		Why      string `json:"why"` // request, failures
		Failures int    `json:"failures,omitempty"`
	}
	// Resumed is the data of schedule.resumed.
	Resumed struct {
		Clock int64 `json:"clock,omitempty"`
	}
)

// Reasons of schedule.skipped.
const (
	SkipLate    = "max_lateness" // later than max_lateness
	SkipCatchUp = "catch_up"     // a later one was due too
	SkipOverlap = "overlap"      // the task of the one before lives
	SkipGap     = "gap"          // a clock in the zone never showed it
	SkipPaused  = "paused"
	SkipUnique  = "unique"  // another task holds the unique key of the task
	SkipRefused = "refused" // the task cannot be submitted any more; the payload says why
)

// Decides reports whether a skip for that reason is final for its nominal time, however the clock is set.
func Decides(why string) bool { return why != SkipLate && why != SkipCatchUp && why != SkipPaused }

// Encode writes the data of an event.
func Encode(data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		panic("schedule: data cannot be encoded: " + err.Error()) // strings and numbers always can
	}
	return text
}

// Latest returns the latest occurrence after one moment that is due by another; false if there is
// none. Dues must be in the order of the occurrences.
func (c *Calendar) Latest(after, due time.Time) (Occurrence, bool) {
	found, ok := c.Next(after)
	if !ok || found.Due.After(due) {
		return Occurrence{}, false
	}
	low, high := found.At, due // found is at low; no later one is due that is after high
	for high.Sub(low) > time.Millisecond {
		middle := low.Add(high.Sub(low) / 2)
		if o, ok := c.Next(middle); ok && !o.Due.After(due) {
			found, low = o, o.At
		} else {
			high = middle
		}
	}
	return found, true
}

// Count counts the occurrences after one moment whose time is at most another, up to a limit.
func (c *Calendar) Count(after, last time.Time, limit int) (n int) {
	for n < limit {
		o, ok := c.Next(after)
		if !ok || o.At.After(last) {
			break
		}
		n, after = n+1, o.At
	}
	return n
}
