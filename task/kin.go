package task

import (
	"crypto/sha256"

	"github.com/oklog/ulid/v2"
)

// Limits of children.
const (
	MaxGenerations  = 32      // how deep children of children may lie below a task without a parent
	MaxStepChildren = 10_000  // children of one step
	MaxChildren     = 100_000 // of a task, over its whole life
)

// Kin is what ties a task to its parent and its children. That of a task is never changed in place: copies of the
// task share it.
type Kin struct {
	Parent    ulid.ULID      `json:"parent,omitzero"`      // whose child it is; zero = nobody's
	Step      string         `json:"step,omitempty"`       // of the parent, that has made it; "" = no step has
	Name      string         `json:"name,omitempty"`       // among the children of the step
	Workflow  ulid.ULID      `json:"workflow,omitzero"`    // that it belongs to; zero = none
	Depth     int            `json:"depth,omitempty"`      // how many ancestors it has
	Children  int            `json:"children,omitempty"`   // how many it has made
	Detached  bool           `json:"detached,omitempty"`   // its parent does not wait for it, and does not end it
	OnFailure OnChildFailure `json:"on_failure,omitempty"` // what its failure means for the parent
	Any       bool           `json:"any,omitempty"`        // one success among the children of the step is enough
	Ending    Status         `json:"ending,omitempty"`     // as what it ends when its children have ended; None = it is not ending
	Done      *Done          `json:"done,omitempty"`       // what came of its own work before a cancel, which may be undone
}

// Done is what came of the own work of a task that has succeeded and was cancelled while it waited for its children.
type Done struct {
	ResultSeq int64  `json:"result_seq,omitempty"` // of the event whose payload is the result; 0 = it has none
	Outcome   string `json:"outcome,omitempty"`
	Partial   bool   `json:"partial,omitempty"`
}

// OnChildFailure is what the failure of a child means for its parent.
type OnChildFailure uint8

const (
	ChildFails      OnChildFailure = iota // when all have ended, the parent fails
	ChildIsGathered                       // nothing: the parent looks at what became of each
	ChildEndsRest                         // the other children of the step are cancelled, and the parent fails

	onChildFailureCount
)

var onChildFailureNames = [onChildFailureCount]string{"fail", "collect", "cancel_rest"}

// String returns the name in a request: "fail".
func (o OnChildFailure) String() string { return onChildFailureNames[o] }

// ParseOnChildFailure returns what has that name.
func ParseOnChildFailure(name string) (OnChildFailure, bool) {
	for o := range onChildFailureCount {
		if onChildFailureNames[o] == name {
			return o, true
		}
	}
	return 0, false
}

// ChildID is the id of the child of that name which a step of a task makes: always the same one, so that an attempt that
// is tried again makes no other. It has the time of the parent's id and 80 bits of a SHA-256.
func ChildID(parent ulid.ULID, step, name string) ulid.ULID {
	text := make([]byte, 0, len(parent)+len(step)+1+len(name))
	text = append(append(append(append(text, parent[:]...), step...), 0), name...) // neither name has a NUL
	sum := sha256.Sum256(text)
	id := parent
	copy(id[6:], sum[:])
	return id
}

// KinNow is what ties the task to others, as it is now: a copy.
func (t *Task) KinNow() Kin {
	if t.Kin == nil {
		return Kin{}
	}
	return *t.Kin
}

// Parent is the task whose child it is; zero = nobody's.
func (t *Task) Parent() ulid.ULID {
	if t.Kin == nil {
		return ulid.ULID{}
	}
	return t.Kin.Parent
}

// IsParent reports whether the task has made children.
func (t *Task) IsParent() bool { return t.Kin != nil && t.Kin.Children > 0 }

// IsMinded reports whether the task has a parent that waits for its end.
func (t *Task) IsMinded() bool {
	return t.Kin != nil && t.Kin.Parent != (ulid.ULID{}) && !t.Kin.Detached
}

// Ending is as what the task ends when its children have ended; None = it is not ending.
func (t *Task) Ending() Status {
	if t.Kin == nil {
		return None
	}
	return t.Kin.Ending
}

// setEnding sets as what the task is ending.
func (t *Task) setEnding(as Status) {
	if t.Ending() == as {
		return
	}
	k := t.KinNow()
	k.Ending = as
	t.Kin = &k
}

// setDone keeps what came of the own work of a task, nil for nothing.
func (t *Task) setDone(done *Done) {
	if k := t.KinNow(); k.Done != done {
		k.Done = done
		t.Kin = &k
	}
}

// addChildren adds to the number of children that the task has made.
func (t *Task) addChildren(n int) {
	if n == 0 {
		return
	}
	k := t.KinNow()
	k.Children += n
	t.Kin = &k
}

// bear takes in what a task.submitted says of the parent.
func (t *Task) bear(d *Data) {
	t.Kin = nil
	k := Kin{Parent: d.ParentID, Step: d.ParentStep, Name: d.ChildName, Workflow: d.WorkflowID, Depth: d.Depth, Detached: d.Detached,
		OnFailure: d.OnFailure, Any: d.JoinAny, Children: d.Children}
	if k != (Kin{}) {
		t.Kin = &k
	}
}
