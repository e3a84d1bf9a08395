package task

import (
	"fmt"
	"strings"
)

// Limits of the durable steps of a task.
const (
	MaxSteps     = 10_000    // steps of a task
	MaxStepBytes = 64 << 20  // bytes of the values of its steps together
	MaxStepValue = 256 << 10 // bytes of one value
	MaxStepName  = 128       // bytes of a name

	MaxSignalName  = 200
	MaxSignalValue = 64 << 10 // bytes of the payload of a signal
)

// Steps is what is known of the durable steps of a task: what its attempts have done and must not do again.
// The values are payloads in the log.
type Steps struct {
	Count   int   `json:"count"`         // steps that it has
	Bytes   int64 `json:"bytes"`         // of their values together
	Changes int64 `json:"changes"`       // how many events have recorded or forgotten one
	Wait    Wait  `json:"wait,omitzero"` // what the task waits for while it is suspended, see Waits; zero = it is not
}

// StepKind is what made a step.
type StepKind uint8

const (
	StepResult   StepKind = iota // an attempt has recorded a value
	StepSleep                    // the task has slept
	StepSignal                   // the task has waited for signals
	StepApproval                 // the task has waited for the answer of a person
	StepChildren                 // an attempt has made children, or the task has waited for them

	stepKindCount
)

var stepKindNames = [stepKindCount]string{"result", "sleep", "signal", "approval", "children"}

// String returns the name that clients see: "result".
func (k StepKind) String() string { return stepKindNames[k] }

func parseStepKind(name string) (StepKind, bool) {
	for k := range stepKindCount {
		if stepKindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// StepOutcome is how a step ended.
type StepOutcome uint8

const (
	StepDone      StepOutcome = iota // what it was to do is done
	StepFired                        // what the task waited for has come
	StepTimeout                      // it has not come in time
	StepCancelled                    // what it waited for was cancelled

	stepOutcomeCount
)

var stepOutcomeNames = [stepOutcomeCount]string{"done", "fired", "timeout", "cancelled"}

// String returns the name that clients see: "done".
func (o StepOutcome) String() string { return stepOutcomeNames[o] }

func parseStepOutcome(name string) (StepOutcome, bool) {
	for o := range stepOutcomeCount {
		if stepOutcomeNames[o] == name {
			return o, true
		}
	}
	return 0, false
}

// NewStep is a step that an attempt has done.
type NewStep struct {
	Name  string // see ValidStepName; the task has none of that name yet
	Value []byte // one JSON value, canonical, at most MaxStepValue bytes

	// Of a wait that was over at once; the zero values are those of a result.
	Kind    StepKind
	Outcome StepOutcome
	Signal  string

	Children int // of StepChildren: how many are made with it
}

// RecordSteps keeps the values of steps for later attempts. They are kept also of an attempt that is being
// cancelled: what it has done is done.
type RecordSteps struct {
	Fence int64
	Build string // of the code that did them; "" = not said
	Steps []NewStep
}

// ForgetStep lets a step be done again.
type ForgetStep struct {
	Name    string
	Bytes   int64 // of its value
	Changes int64 // Steps.Changes of the state in which the task has the step
	Reason  string
}

func (RecordSteps) isCommand() {}
func (ForgetStep) isCommand()  {}

// Steps of a task are never changed in place: copies of the task share them.
func (t *Task) stepsNow() Steps {
	if t.Steps == nil {
		return Steps{}
	}
	return *t.Steps
}

// StepCount is how many steps the task has.
func (t *Task) StepCount() int { return t.stepsNow().Count }

// StepChanges is how many events have recorded or forgotten a step of the task.
func (t *Task) StepChanges() int64 { return t.stepsNow().Changes }

// changeSteps adds to the number of steps and to their bytes.
func (t *Task) changeSteps(count int, bytes int64) {
	s := t.stepsNow()
	s.Count, s.Bytes, s.Changes = s.Count+count, s.Bytes+bytes, s.Changes+1
	t.Steps = &s
}

// ValidStepName reports whether a step may have the name: 1 to 128 of A-Z a-z 0-9 . _ - : @ #, and not only dots.
func ValidStepName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("._-:@#", c) >= 0:
		default:
			return false
		}
	}
	return 0 < len(name) && len(name) <= MaxStepName && strings.Trim(name, ".") != ""
}

// ValidSignalName reports whether a signal may have the name: 1 to 200 of A-Z a-z 0-9 . _ - : @ # /.
func ValidSignalName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("._-:@#/", c) >= 0:
		default:
			return false
		}
	}
	return 0 < len(name) && len(name) <= MaxSignalName
}

func (d *decision) recordSteps(c RecordSteps) error {
	t := d.task
	if t.Status != Running || c.Fence != t.Fence() {
		return d.holds(c.Fence)
	}
	used := t.stepsNow()
	for i := range c.Steps {
		used.Count++
		used.Bytes += int64(len(c.Steps[i].Value))
	}
	if used.Count > MaxSteps || used.Bytes > MaxStepBytes {
		return d.noRoomForSteps(t.stepsNow())
	}
	for _, s := range c.Steps {
		d.add(EventStepRecorded, Data{Fence: c.Fence, Step: s.Name, StepKind: s.Kind, StepOutcome: s.Outcome, Signal: s.Signal, Attempt: t.Attempt, Build: c.Build, Bytes: int64(len(s.Value)), Children: s.Children}, s.Value)
	}
	return nil
}

// noRoomForSteps refuses steps beyond the limits of a task, which has used that much of them.
func (d *decision) noRoomForSteps(used Steps) error {
	return d.refuse(ErrStepsFull, fmt.Sprintf("The task has %d of at most %d steps, and %d of at most %d bytes in their values. "+
		"Nothing was recorded: keep large values as files, record fewer, or go on in another task.", used.Count, MaxSteps, used.Bytes, MaxStepBytes))
}

func (d *decision) forgetStep(c ForgetStep) error {
	t := d.task
	if t.Erased {
		return d.refuse(ErrErased, "its steps are gone; submit a new one")
	}
	if t.Status == Success {
		return d.refuse(ErrSucceeded, "its steps are not done again")
	}
	if c.Changes != t.StepChanges() {
		return d.refuse(ErrStepsChanged, "look at its steps and try again")
	}
	d.add(EventStepForgotten, Data{Step: c.Name, Bytes: c.Bytes}, textPayload("reason", c.Reason))
	return nil
}
