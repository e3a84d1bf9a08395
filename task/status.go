package task

// Status is where a task stands. Every task is in exactly one.
type Status uint8

const (
	// None is the state before task.submitted.
	None Status = iota
	// Pending waits: for its time, for a slot, for a backoff to pass. Entered by
	// submission, by a failed attempt that is retried, by a lease that ran out, by
	// release and by a person's retry; left by a start or a cancel. Why it waits is
	// derived, never stored.
	Pending
	// Running is held by one attempt, which alone may write to it. Left by success,
	// failure, cancel, release or the end of its lease.
	Running
	// Success is the end of a task whose attempt returned a result. Left only by a retry of the workflow that it belongs to.
	Success
	// Failed is the end of a task that is out of attempts or met an error that no
	// retry can mend. Left only by a person's retry.
	Failed
	// Cancelled is the end of a task that was cancelled. Left only by a person's retry.
	Cancelled

	statusCount
)

var statusNames = [statusCount]string{"NONE", "PENDING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED"}

// Statuses lists the statuses a task can have, in the order of life.
func Statuses() []Status { return []Status{Pending, Running, Success, Failed, Cancelled} }

// String returns the name that clients see: "PENDING".
func (s Status) String() string { return statusNames[s] }

// Ended reports whether nothing more happens to the task by itself.
func (s Status) Ended() bool { return s >= Success }

// ParseStatus returns the status of that name.
func ParseStatus(name string) (Status, bool) {
	for s := Pending; s < statusCount; s++ {
		if statusNames[s] == name {
			return s, true
		}
	}
	return None, false
}

// Transition is one row of the state machine: in From, an event of Type leads to To.
type Transition struct {
	From Status
	Type EventType
	To   Status
}

// Transitions is the whole state machine. Apply refuses any event that is not in
// it; docs/states.md is drawn from it.
func Transitions() []Transition { return append([]Transition(nil), transitions...) }

var transitions = []Transition{
	{None, EventSubmitted, Pending},

	{Pending, EventStarted, Running},
	{Pending, EventCancelled, Cancelled},
	{Pending, EventFailed, Failed},     // right after task.lease_expired, in the same entry; or its children make it fail
	{Pending, EventSucceeded, Success}, // it was ending, and its last child has ended
	{Pending, EventEnding, Pending},
	{Pending, EventSnoozed, Pending},
	{Pending, EventReprioritised, Pending},
	{Pending, EventStepRecorded, Pending}, // what a suspended task waits for has come

	{Running, EventProgressed, Running},
	{Running, EventSucceeded, Success},
	{Running, EventAttemptFailed, Pending},
	{Running, EventFailed, Failed},
	{Running, EventCancelRequested, Running},
	{Running, EventCancelled, Cancelled},
	{Running, EventLeaseExpired, Pending},
	{Running, EventReleased, Pending},
	{Running, EventSuspended, Pending},
	{Running, EventEnding, Pending},
	{Running, EventReprioritised, Running},
	{Running, EventStepRecorded, Running},

	{Failed, EventRetried, Pending},
	{Cancelled, EventRetried, Pending},
	{Success, EventRetried, Pending}, // of a task of a workflow that is done again from an earlier one on

	{Pending, EventLateResultRefused, Pending},
	{Running, EventLateResultRefused, Running},
	{Success, EventLateResultRefused, Success},
	{Failed, EventLateResultRefused, Failed},
	{Cancelled, EventLateResultRefused, Cancelled},

	{Failed, EventResubmitted, Failed},
	{Cancelled, EventResubmitted, Cancelled},

	{Pending, EventStepForgotten, Pending},
	{Running, EventStepForgotten, Running},
	{Failed, EventStepForgotten, Failed},
	{Cancelled, EventStepForgotten, Cancelled},

	{Success, EventErased, Success},
	{Failed, EventErased, Failed},
	{Cancelled, EventErased, Cancelled},
}

// next is transitions by state and type; None means the event is illegal.
var next = func() (table [statusCount][typeCount]Status) {
	for _, t := range transitions {
		table[t.From][t.Type] = t.To
	}
	return table
}()
