package task

import (
	"strconv"

	"daybook/internal/jsontext"

	"github.com/oklog/ulid/v2"
)

// MaxDependencies is how many tasks one may depend on.
const MaxDependencies = 10_000

// When says how a dependency must end for the task that depends on it.
type When uint8

const (
	WhenSucceeded When = iota // SUCCESS
	WhenFailed                // FAILED
	WhenEnded                 // in any way

	whenCount

	// WhenStarted is of the tasks of a workflow: the workflow must have started. It is no dependency that a request can have.
	WhenStarted = whenCount
)

// WhenNames are the names of all of them, for an error.
const WhenNames = "succeeded, failed or ended"

var whenNames = [whenCount]string{"succeeded", "failed", "ended"}

// String returns the name in a request and in the log: "succeeded".
func (w When) String() string { return whenNames[w] }

// ParseWhen returns what has that name.
func ParseWhen(name string) (When, bool) {
	for w := WhenSucceeded; w < whenCount; w++ {
		if whenNames[w] == name {
			return w, true
		}
	}
	return 0, false
}

// Dependency is a task that another waits for.
type Dependency struct {
	Task ulid.ULID `json:"task"`
	When When      `json:"when,omitempty"`
	Name string    `json:"name,omitempty"` // what the task that depends on it calls it; "" = by its id
}

// Key is what parameters and handlers call the dependency: its name, or else its id.
func (d *Dependency) Key() string {
	if d.Name != "" {
		return d.Name
	}
	return d.Task.String()
}

// Need is how far a dependency is what a task needs.
type Need uint8

const (
	NeedOpen       Need = iota // it has not ended
	NeedMet                    // it has ended as the task needs
	NeedImpossible             // it has ended otherwise. A retry of it makes this NeedOpen again
)

// Met says what a dependency that is in that status is to the task. anyway says that the task runs however its dependencies end.
func (w When) Met(of Status, anyway bool) Need {
	switch {
	case w == WhenStarted && of == Running:
		return NeedMet
	case !of.Ended():
		return NeedOpen
	case anyway, w == WhenEnded, w == WhenSucceeded && of == Success, w == WhenFailed && of == Failed:
		return NeedMet
	}
	return NeedImpossible
}

// DependsOn is what the task depends on, nil for nothing. It is not to be changed.
func (t *Task) DependsOn() []Dependency {
	if t.Links == nil {
		return nil
	}
	return t.Links.DependsOn
}

// HasDependencies reports whether the task may have to wait for others: it depends on some, is behind one, or belongs to a workflow.
func (t *Task) HasDependencies() bool {
	return t.Links != nil && (len(t.Links.DependsOn) > 0 || t.Links.Unique.Behind != ulid.ULID{}) || t.InWorkflow() != ulid.ULID{}
}

// Because is the dependency for whose end the task was cancelled, zero for none.
func (t *Task) Because() ulid.ULID {
	if t.Links == nil {
		return ulid.ULID{}
	}
	return t.Links.Because
}

// validateDependencies checks the part of a submit that is about its dependencies. Whether they exist is not known here.
func (s *Submit) validateDependencies(check func(ok bool, pointer, detail string)) {
	check(len(s.DependsOn) <= MaxDependencies, "/depends_on", "must have at most 10000 items")
	seen := make(map[ulid.ULID]bool, len(s.DependsOn))
	for i := range s.DependsOn {
		d, at := &s.DependsOn[i], "/depends_on/"+strconv.Itoa(i)
		check(d.Task != ulid.ULID{}, at, "must be the id of a task")
		check(!seen[d.Task], at, "must name each task once")
		check(d.When < whenCount, at+"/when", "must be "+WhenNames)
		check(d.Name == "" || ValidName(d.Name), at+"/name", NameRule)
		check(!s.RunAnyway || d.When == WhenSucceeded, at+"/when", "must not be given together with on_dependency_failure run, for which any end will do")
		seen[d.Task] = true
	}
	check(!s.RunAnyway || len(s.DependsOn) > 0, "/on_dependency_failure", "needs depends_on")
}

// write writes the dependency into the data of an event.
func (d *Dependency) write(w *jsontext.Writer) {
	w.Object()
	var text [ulid.EncodedSize]byte
	_ = d.Task.MarshalTextTo(text[:]) // the buffer has the right size
	w.Key("task").Quoted(text[:])
	if d.When != WhenSucceeded {
		w.Key("when").EscapedString(d.When.String())
	}
	if d.Name != "" {
		w.Key("name").EscapedString(d.Name)
	}
	w.EndObject()
}

// dependency reads what write has written. Decode finds out whether it is spelled as it should be.
func (dec *Decoder) dependency(value []byte) (d Dependency, ok bool) {
	if !jsontext.IsObject(value) {
		return d, false
	}
	for key, value := range jsontext.Members(value) {
		switch string(key) {
		case "task":
			d.Task, ok = parseID(value[1:max(1, len(value)-1)])
		case "when":
			d.When, ok = ParseWhen(jsontext.Unquote(value))
		case "name":
			d.Name, ok = dec.intern([]byte(jsontext.Unquote(value))), true
		default:
			ok = false
		}
		if !ok {
			return d, false
		}
	}
	return d, ok
}
