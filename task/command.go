package task

import (
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"
)

// Command is something asked of a task. Decide answers it.
type Command interface{ isCommand() }

// NoTimeout is the Timeout of a Submit whose attempts have no time limit, whatever the default.
const NoTimeout Micros = -1

// Submit makes a task. Its state before is the zero Task.
type Submit struct {
	ID             ulid.ULID     // given by the decider; not part of the request
	Type           string        // 1…64 of [A-Za-z0-9._-]
	Queue          string        // the same; "" = "default"
	Priority       int           // −100 … 100
	RunAt          Micros        // 0 = at once
	MaxAttempts    int           // 1 … 1000; 0 = 3
	Backoff        *Backoff      // nil = DefaultBackoff
	Timeout        Micros        // 1 ms … 30 days, or NoTimeout; 0 = the scheduler's default, if it has one
	Tags           []string      // at most 20, each 1 … 64 characters
	IdempotencyKey string        // "" = none, at most 255 bytes
	RequestHash    [32]byte      // of the request, see package intake; needed with a key
	OlderHashes    [][32]byte    // of the same request, as earlier versions made them
	Files          []string      // ids of files that Parameters name
	FileNames      []string      // what these are called, in their order; "" = not known
	Parameters     []byte        // canonical JSON object with defaults in it
	Unique         *UniqueSubmit // nil = it may stand beside any other
	RetryOf        ulid.ULID     // the ended task that it retries with other parameters
	Subject        string        // which task it is, in one line of at most 200 characters; "" = MadeSubject
	ConcurrencyKey string        // what it shares the key limits of its queue with; "" = nothing, at most 200 bytes
	OnKeyConflict  OnKeyConflict // what happens if other tasks of its queue have the key
	TraceParent    string        // W3C traceparent of what submits it, of version 00; "" = none
	DependsOn      []Dependency  // at most MaxDependencies, each task once
	RunAnyway      bool          // any end of a dependency will do; it then has no When
	MadeSubject    string        // what the type makes of the parameters; "" = nothing
	Kin            *Kin          // given by the decider: of a child; nil = it has no parent
}

// Start gives the task to an attempt: a local one (Boot) or a remote one (Worker,
// LeaseSeconds, TokenHash).
type Start struct {
	Boot         ulid.ULID
	Worker       string
	LeaseSeconds int
	TokenHash    [32]byte
	Charge       Micros // what its key and queue pay for it until it ends; 0 = nothing
}

// Progress is an attempt's word on how far it is.
type Progress struct {
	Fence   int64
	Percent float64 // 0 … 100; never goes down within an attempt
	Message string  // "" = none
	Trusted bool    // a suspect has run alone for long enough
	// Saved is one JSON value, canonical, for later attempts; nil = none. It is kept also of an attempt
	// that is being cancelled.
	Saved []byte
}

// Succeed ends the attempt with a result.
type Succeed struct {
	Fence  int64
	Result []byte // one JSON value; nil = none
	Files  []string

	Outcome string // what came of it, in a few words; "" = none. Longer than 200 bytes, it is cut
	Partial bool   // not all of it came about
}

// Fail ends the attempt with an error. Unless Code is CodePermanent another attempt
// follows while there are any left.
type Fail struct {
	Fence int64
	Code  Code
	Error string
	Stack string // where it panicked, a function a line; "" = nowhere
	Seed  uint64 // 64 random bits for the jitter of the backoff
	After Micros // wait before the next attempt, at most MaxBackoffMax; 0 = by the task's backoff
}

// Cancel calls the task off: at once when it is pending, by request when it runs.
type Cancel struct {
	Reason     string
	ReplacedBy ulid.ULID // what takes the place of a pending one; zero = nothing
	Because    ulid.ULID // the dependency of a pending one that ended otherwise than it needs; zero = there is another cause
}

// Stop ends a running attempt that was asked to stop.
type Stop struct{ Fence int64 }

// Expire ends an attempt whose worker is gone.
type Expire struct {
	Fence int64
	Crash Crash
}

// Crash says what else ran in the process that died with a local attempt.
type Crash uint8

const (
	NoCrash       Crash = iota // it was remote
	CrashAlone                 // nothing else ran: the attempt killed the process
	CrashTogether              // others ran too: any of them may have done it
)

// Release gives the task back; the attempt does not count.
type Release struct {
	Fence int64
	After Micros // wait before it may start again, at most MaxBackoffMax; 0 = none
}

// Retry makes a failed or cancelled task pending again.
type Retry struct {
	Reason string // "" = none
	Again  bool   // one that has succeeded too: of tasks of a workflow
	Undo   bool   // of a cancel: own work that had succeeded before it is not done again, only the children are
	Key    string // idempotency key; "" = none. Who sends it looks in the task's history for it first
}

// Resubmit notes that a failed or cancelled task is retried as another one, with other
// parameters.
type Resubmit struct{ As ulid.ULID }

// Snooze moves the due time of a pending task.
type Snooze struct{ Until Micros }

// Reprioritise changes the priority of a task that has not ended.
type Reprioritise struct{ Priority int }

// Move changes the place of a pending task in the line: its due time, its priority, or both.
type Move struct {
	Until    *Micros // 0 = at once; nil = as it is
	Priority *int    // nil = as it is
}

// Erase forgets the payloads of an ended task; the facts and the chain stay.
type Erase struct{ Reason string } // "" = none; it stays too

func (Submit) isCommand()       {}
func (Start) isCommand()        {}
func (Progress) isCommand()     {}
func (Succeed) isCommand()      {}
func (Fail) isCommand()         {}
func (Cancel) isCommand()       {}
func (Stop) isCommand()         {}
func (Expire) isCommand()       {}
func (Release) isCommand()      {}
func (Retry) isCommand()        {}
func (Resubmit) isCommand()     {}
func (Snooze) isCommand()       {}
func (Reprioritise) isCommand() {}
func (Move) isCommand()         {}
func (Erase) isCommand()        {}

// Refusals of Decide. Every refusal is a *Refusal that wraps one of them.
var (
	ErrInvalid     = errors.New("command is not valid")             // see Refusal.Fields
	ErrExists      = errors.New("task exists already")              // submit twice with one id
	ErrNotFound    = errors.New("no such task")                     // anything but submit on the zero state
	ErrNotPending  = errors.New("task is not waiting")              // start, snooze
	ErrEnded       = errors.New("task has already ended")           // cancel, reprioritise
	ErrNotEnded    = errors.New("task has not ended")               // retry, erase
	ErrSucceeded   = errors.New("task has succeeded")               // retry
	ErrErased      = errors.New("task was erased")                  // retry, forget: its parameters are gone
	ErrStopping    = errors.New("task is being cancelled")          // any write of the attempt but Stop
	ErrNotStopping = errors.New("task was not asked to stop")       // stop
	ErrStale       = errors.New("attempt no longer holds the task") // an older fence
	ErrKeyReused   = errors.New("idempotency key was used for another request")
	ErrQueueFull   = errors.New("queue is full")                        // submit: see Refusal.Detail
	ErrNotUnique   = errors.New("another task holds the unique key")    // see Refusal.Other
	ErrKeyBusy     = errors.New("other tasks have the concurrency key") // the same
	ErrDependency  = errors.New("a dependency does not let it start")   // retry: the same

	ErrStepsFull    = errors.New("task has as many steps as it may have") // see Refusal.Detail
	ErrSuspended    = errors.New("task is suspended")                     // snooze, move: see Refusal.Detail
	ErrParentEnded  = errors.New("its parent does not wait for the task") // retry: see Refusal.Detail
	ErrNotWaiting   = errors.New("task does not wait for that")           // wake
	ErrStepsChanged = errors.New("steps of the task have changed")        // forget
)

// FieldError says what is wrong with one field of a command.
type FieldError struct {
	Pointer string // JSON pointer into the request: "/priority"
	Detail  string // "must be between -100 and 100"
	Err     error  // why it is not known whether it is right, so that the command is no wrong one; nil = it is wrong
}

// FirstUnknown is the first reason for which it is not known whether a field is right, nil if all of them are wrong.
func FirstUnknown(fields []FieldError) error {
	for _, f := range fields {
		if f.Err != nil {
			return f.Err
		}
	}
	return nil
}

// Refusal is a command that the state of the task does not allow. Nothing changed.
type Refusal struct {
	Kind   error        // one of the refusals above
	Status Status       // of the task when it was refused
	Detail string       // what to do about it; may be empty
	Fields []FieldError // with ErrInvalid
	Other  ulid.ULID    // with ErrNotUnique, ErrKeyBusy and ErrDependency: the other task; zero = one of the same batch
}

func (r *Refusal) Error() string {
	text := r.Kind.Error()
	if r.Status != None && r.Kind != ErrInvalid {
		text += " (it is " + r.Status.String() + ")"
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	for _, f := range r.Fields {
		text += fmt.Sprintf("; %s %s", f.Pointer, f.Detail)
	}
	return text
}

// Unwrap gives the kind to errors.Is.
func (r *Refusal) Unwrap() error { return r.Kind }
