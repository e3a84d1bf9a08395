package task

// MaxSignals is how many signals a task may wait for at one time.
const MaxSignals = 100

// Wait is what a suspended task waits for. It holds nothing meanwhile, and becomes ready when the step is
// recorded.
type Wait struct {
	Step    string   `json:"step"`              // that is recorded then
	Until   Micros   `json:"until,omitzero"`    // when the wait ends by itself; 0 = never
	Signals []string `json:"signals,omitempty"` // of StepSignal: names
	From    string   `json:"from,omitzero"`     // of StepApproval: the role that may answer; of StepChildren: the step whose children, "" = all
	Since   Micros   `json:"since"`             // when it was suspended
	Seq     int64    `json:"seq"`               // of its task.suspended; its payload says what is to be approved
	Kind    StepKind `json:"kind"`
	All     bool     `json:"all,omitzero"` // of the signals it needs all, not any
	// Stopped: the task was cancelled meanwhile, and an undo lets it wait on.
	Stopped bool `json:"stopped,omitzero"`
}

// Suspend ends the attempt until something comes; the attempt does not count.
type Suspend struct {
	Fence   int64
	Step    string   // see ValidStepName; the task has none of that name yet
	Kind    StepKind // but StepResult
	Until   Micros   // 0 = never; needed for StepSleep
	Signals []string // of StepSignal: 1 … MaxSignals
	All     bool
	Role    string // of StepApproval
	Of      string // of StepChildren
	Detail  []byte // of StepApproval: what is to be approved, a JSON object
}

// Wake ends the wait of a suspended task.
type Wake struct {
	Step    string
	Outcome StepOutcome
	Signal  string // that has ended it, if it waited for any of several
	Value   []byte // one JSON value
	// Approval: it is the answer of a person, and the task must wait for one.
	Approval bool
}

func (Suspend) isCommand() {}
func (Wake) isCommand()    {}

// Waits is what the task waits for while it is suspended; nil = it is not. It is not to be changed.
func (t *Task) Waits() *Wait {
	if t.Steps == nil || t.Steps.Wait.Step == "" || t.Steps.Wait.Stopped {
		return nil
	}
	return &t.Steps.Wait
}

// waited reports whether the task was suspended when it was cancelled.
func (t *Task) waited() bool { return t.Steps != nil && t.Steps.Wait.Stopped }

// stopWait ends the wait of a task that is cancelled, so that goOnWaiting can undo it.
func (t *Task) stopWait() { t.setStopped(t.stepsNow().Wait.Step != "") }

// goOnWaiting makes a task wait on that was suspended when it was cancelled.
func (t *Task) goOnWaiting() { t.setStopped(false) }

func (t *Task) setStopped(stopped bool) {
	if s := t.stepsNow(); s.Wait.Stopped != stopped {
		s.Wait.Stopped = stopped
		t.Steps = &s
	}
}

// waitFor makes the task wait; the zero Wait ends its wait for good.
func (t *Task) waitFor(w Wait) {
	s := t.stepsNow()
	if s.Wait.Step == "" && w.Step == "" {
		return
	}
	s.Wait = w
	t.Steps = &s
}

func (d *decision) suspend(c Suspend) error {
	if err := d.holds(c.Fence); err != nil {
		return err
	}
	if used := d.task.stepsNow(); used.Count >= MaxSteps || used.Bytes >= MaxStepBytes {
		return d.noRoomForSteps(used)
	}
	d.add(EventSuspended, Data{Fence: c.Fence, Step: c.Step, StepKind: c.Kind, Until: c.Until, Signals: c.Signals, All: c.All, Role: c.Role, Of: c.Of}, c.Detail)
	return nil
}

// suspended refuses to move a task that has no due time.
func (d *decision) suspended() error {
	return d.refuse(ErrSuspended, "The task is suspended and has no due time: it goes on when its step "+d.task.Waits().Step+
		" is there. Send what it waits for, or cancel it.")
}

func (d *decision) wake(c Wake) error {
	t := d.task
	w := t.Waits()
	if w == nil || w.Step != c.Step || c.Approval && w.Kind != StepApproval {
		return d.refuse(ErrNotWaiting, "look at what it waits for now")
	}
	d.add(EventStepRecorded, Data{Step: c.Step, StepKind: w.Kind, StepOutcome: c.Outcome, Signal: c.Signal, Attempt: t.Attempt + 1, Bytes: int64(len(c.Value))}, c.Value)
	return nil
}
