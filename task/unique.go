package task

import (
	"crypto/sha256"

	"github.com/oklog/ulid/v2"
)

// Links are what ties a task to others, and what else few tasks have.
type Links struct {
	RefusedFence int64 // the highest fence whose late result was refused
	Unique       Unique
	RetryOf      ulid.ULID // the ended task that it was submitted to retry, with other parameters
	RetriedAs    ulid.ULID // the latest task that was submitted to retry it, with other parameters
	// TraceParent is the W3C traceparent of what submitted it; "" = none.
	TraceParent string
	ReplacedBy  ulid.ULID // what replaced it while it was pending, under its unique key
	DependsOn   []Dependency
	RunAnyway   bool      // any end of a dependency will do
	Because     ulid.ULID // the dependency for which it was cancelled; zero = it was not
}

// Unique is the key that a task holds among those of its type: while it is live, or for a
// time from its submission on, also after it has ended.
type Unique struct {
	Key    string    // "" = none
	For    Micros    // 0 = while it is live
	From   Micros    // the wall clock at its submission
	Since  Micros    // the same of the first of a chain of tasks that replaced each other
	Behind ulid.ULID // the task that ran under the key when this was submitted: it ends first
}

// Claim stands for a unique key of a type.
type Claim [16]byte

// ClaimOf is the claim of a key of a type.
func ClaimOf(taskType, key string) (c Claim) {
	sum := sha256.Sum256([]byte(taskType + "\x00" + key)) // a type has no NUL
	copy(c[:], sum[:])
	return c
}

// Claims returns the claim of a task that was submitted with a unique key; false for others.
func (t *Task) Claims() (Claim, bool) {
	if t.Links == nil || t.Links.Unique.Key == "" {
		return Claim{}, false
	}
	return ClaimOf(t.Type, t.Links.Unique.Key), true
}

// Holds reports whether the task holds its unique key at that moment of the wall clock.
func (t *Task) Holds(wall Micros) bool {
	if t.Links == nil || t.Links.Unique.Key == "" {
		return false
	}
	if u := &t.Links.Unique; u.For > 0 {
		return u.holds(wall)
	}
	return t.Status != None && !t.Status.Ended()
}

// holds is Holds for a key that is held for a time. If the time seems to end much later than
// it can, the clock has been set back since, and the key counts as free.
func (u *Unique) holds(wall Micros) bool {
	left := u.Until() - wall
	return 0 < left && left <= u.For+max(u.For, 60*Second)
}

// Until is when a key that is held for a time is free again; 0 for one that is held while
// the task is live.
func (u *Unique) Until() Micros {
	if u.For == 0 {
		return 0
	}
	return u.From + u.For
}

// link returns the task's links, a copy that may be changed.
func (t *Task) link() *Links {
	l := new(Links)
	if t.Links != nil {
		*l = *t.Links
	}
	t.Links = l
	return l
}

// linkSubmitted takes in what a task.submitted says of links.
func (t *Task) linkSubmitted(e *Event) {
	d := &e.Data
	if d.UniqueKey == "" && d.RetryOf == (ulid.ULID{}) && d.TraceParent == "" && len(d.DependsOn) == 0 {
		t.Links = nil
		return
	}
	l := t.link()
	l.RetryOf, l.TraceParent = d.RetryOf, d.TraceParent
	l.DependsOn, l.RunAnyway = d.DependsOn, d.RunAnyway
	if d.UniqueKey == "" {
		return
	}
	from := e.wall()
	l.Unique = Unique{Key: d.UniqueKey, For: d.UniqueFor, From: from, Since: d.UniqueSince, Behind: d.UniqueBehind}
	if l.Unique.Since == 0 {
		l.Unique.Since = from
	}
}

// TraceParent is the W3C traceparent of what submitted the task; "" = none.
func (t *Task) TraceParent() string {
	if t.Links == nil {
		return ""
	}
	return t.Links.TraceParent
}

// Behind is the task that must end before this one may start, zero for none.
func (t *Task) Behind() ulid.ULID {
	if t.Links == nil {
		return ulid.ULID{}
	}
	return t.Links.Unique.Behind
}

// OnConflict is what happens to a submit whose unique key another task holds.
type OnConflict uint8

const (
	ConflictReturn  OnConflict = iota // it is answered with the other task
	ConflictReplace                   // a pending one is cancelled for it; it waits behind one that runs
	ConflictReject                    // it is refused
)

var conflictNames = [...]string{"return", "replace", "reject"}

// String returns the name in a request: "return".
func (c OnConflict) String() string { return conflictNames[c] }

// ParseOnConflict returns what has that name.
func ParseOnConflict(name string) (OnConflict, bool) {
	for i, known := range conflictNames {
		if name == known {
			return OnConflict(i), true
		}
	}
	return 0, false
}

// MaxUniqueFor bounds for how long a unique key may be held, and MaxDelay of a UniqueSubmit.
const MaxUniqueFor = 366 * 24 * 3600 * Second

// UniqueSubmit asks that there be one task of a type and a key.
type UniqueSubmit struct {
	Key        string // 1 … 255 bytes of printable characters; "" = made from the parameters, see Daybook.Submit
	For        Micros // how long the task holds it; 0 = while it is live
	OnConflict OnConflict
	// MaxDelay bounds how long a chain of replacements may put off the task, from its first
	// submit on; 0 = no limit. With ConflictReplace only.
	MaxDelay Micros

	// What the decider found: the start of the chain, and what runs under the key.
	Since  Micros
	Behind ulid.ULID
}

// validate checks the part of a submit that is about its unique key.
func (u *UniqueSubmit) validate(check func(ok bool, pointer, detail string)) {
	if u == nil {
		return
	}
	check(validText(u.Key, MaxKeyLength) && len(u.Key) <= MaxKeyLength, "/unique/key", "must be 1 to 255 bytes of printable characters")
	check(0 <= u.For && u.For <= MaxUniqueFor, "/unique/for_seconds", "must be between 0.001 and 31622400")
	check(u.OnConflict <= ConflictReject, "/unique/on_conflict", "must be return, replace or reject")
	check(0 <= u.MaxDelay && u.MaxDelay <= MaxUniqueFor, "/unique/max_delay_seconds", "must be between 0.001 and 31622400")
	check(u.MaxDelay == 0 || u.OnConflict == ConflictReplace, "/unique/max_delay_seconds", "needs on_conflict to be replace")
}

// Follow says that the submit replaces a pending task, and so goes on with its chain.
func (u *UniqueSubmit) Follow(replaced *Unique) {
	if u.Since == 0 || replaced.Since < u.Since {
		u.Since = replaced.Since
	}
}

// cap bounds when the task is due by how long it may be put off.
func (u *UniqueSubmit) cap(runAt, wall Micros) Micros {
	since := u.Since
	if since == 0 {
		since = wall
	}
	if u.MaxDelay == 0 {
		return runAt
	}
	return min(runAt, since+u.MaxDelay)
}
