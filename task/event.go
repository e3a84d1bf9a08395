package task

// EventType is what happened. Its name in the log never changes.
type EventType uint8

// The events of a task.
const (
	EventSubmitted         EventType = iota + 1 // it exists, with what it must do
	EventStarted                                // an attempt holds it
	EventProgressed                             // the attempt reports how far it is
	EventSucceeded                              // the end: a result
	EventAttemptFailed                          // the attempt ended in an error; another follows at retry_at
	EventFailed                                 // the end: no attempt left, or none would help
	EventCancelRequested                        // a person wants the running attempt stopped
	EventCancelled                              // the end: cancelled
	EventLeaseExpired                           // the attempt's worker died; the attempt counts
	EventReleased                               // the attempt gave it back; the attempt does not count
	EventRetried                                // a person retries an ended task
	EventSnoozed                                // a person moves its due time
	EventReprioritised                          // a person changes its priority
	EventLateResultRefused                      // an attempt that no longer holds it tried to finish it
	EventErased                                 // its payloads were erased; the facts remain
	EventResubmitted                            // a person retries an ended task as another one, with other parameters
	EventStepRecorded                           // an attempt has done a step, which later ones do not do again
	EventStepForgotten                          // a person lets a step be done again
	EventSuspended                              // the attempt waits for something, and holds nothing meanwhile
	EventEnding                                 // its own work is over; it ends when its children have

	typeCount
)

var typeNames = [typeCount]string{
	EventSubmitted:         "task.submitted",
	EventStarted:           "task.started",
	EventProgressed:        "task.progressed",
	EventSucceeded:         "task.succeeded",
	EventAttemptFailed:     "task.attempt_failed",
	EventFailed:            "task.failed",
	EventCancelRequested:   "task.cancel_requested",
	EventCancelled:         "task.cancelled",
	EventLeaseExpired:      "task.lease_expired",
	EventReleased:          "task.released",
	EventRetried:           "task.retried",
	EventSnoozed:           "task.snoozed",
	EventReprioritised:     "task.reprioritised",
	EventLateResultRefused: "task.late_result_refused",
	EventErased:            "task.erased",
	EventResubmitted:       "task.resubmitted",
	EventStepRecorded:      "task.step_recorded",
	EventStepForgotten:     "task.step_forgotten",
	EventSuspended:         "task.suspended",
	EventEnding:            "task.ending",
}

var typesByName = func() map[string]EventType {
	m := make(map[string]EventType, typeCount)
	for t := EventSubmitted; t < typeCount; t++ {
		m[typeNames[t]] = t
	}
	return m
}()

// EventTypes lists all types in the order of the catalogue.
func EventTypes() []EventType {
	var all []EventType
	for t := EventSubmitted; t < typeCount; t++ {
		all = append(all, t)
	}
	return all
}

// String returns the name in the log: "task.started".
func (t EventType) String() string { return typeNames[t] }

// SchemaVersion is the newest version of this type, from 1. Events of every earlier version can be read. Which one
// an event is written with, says AppendVersion.
func (t EventType) SchemaVersion() int { return 1 + len(versions[t]) }

// ParseEventType returns the type of that name.
func ParseEventType(name string) (EventType, bool) {
	t, ok := typesByName[name]
	return t, ok
}

// Event is one thing that happened to a task.
type Event struct {
	Type    EventType
	Version int64  // position in the task's own history, from 1
	At      Micros // when it was decided
	Actor   string // who caused it
	Data    Data   // the facts that every replay needs

	// Seq is the position in the log; set once it is appended.
	Seq int64
	// Payload is free text or user content as one JSON value, kept apart from the
	// facts. Set by Decide, absent in a replay.
	Payload []byte
	// HasPayload tells, in a replay, that there is one to fetch by Seq.
	HasPayload bool
}

// wall is what the wall clock showed when it was decided, of an event that notes that.
func (e *Event) wall() Micros {
	if e.Data.Clock != 0 {
		return e.Data.Clock
	}
	return e.At
}

// Code says why an attempt or a task failed.
type Code uint8

const (
	CodeNone       Code = iota
	CodeError           // the handler returned an error that a retry may mend
	CodePermanent       // the handler says that no retry can help, as with bad input
	CodeTimeout         // it ran longer than timeout_seconds
	CodePanic           // the handler panicked; its stack is in the payload
	CodeWorkerDied      // the process or worker that ran it is gone
	CodeChild           // a child has not succeeded

	codeCount
)

var codeNames = [codeCount]string{"", "error", "permanent", "timeout", "panic", "worker_died", "child"}

// String returns the name in the log: "timeout".
func (c Code) String() string { return codeNames[c] }

func parseCode(name string) (Code, bool) {
	for c := CodeError; c < codeCount; c++ {
		if codeNames[c] == name {
			return c, true
		}
	}
	return CodeNone, false
}
