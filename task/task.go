package task

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"
)

// Task is the state of one task: the fold of its events. The zero value is the
// state before task.submitted. Free text and user content are not in it; the …Seq
// fields say which event's payload holds them.
type Task struct {
	ID       ulid.ULID
	Type     string
	Queue    string
	Priority int

	// The small ones stand together, for each task that waits is in memory.
	Status          Status
	Code            Code // of the latest failure; CodeNone after success or a retry
	Retrying        bool // pending, and DueAt is the end of a backoff
	Timed           bool // pending, and waits until the wall clock reaches DueAt
	CancelRequested bool // running, and asked to stop
	// What is known of deaths of the process that ran it, see docs/adr/0019.
	Suspicion uint8 // not 0: the process died while it ran beside others, and it has not been cleared
	Deaths    uint8 // in a row, of processes that ran nothing else
	Trusted   bool  // running, and has run alone for long enough
	Erased    bool

	CreatedAt   Micros
	StartedAt   Micros // of the latest attempt; 0 before the first
	CompletedAt Micros // 0 until it has ended
	ReadyAt     Micros // since when, or from when on, it is pending and due; of a started one: was. Its wait is counted from here
	RunAt       Micros // as asked for at submission or by a snooze; 0 = at once
	DueAt       Micros // its place in line; with Timed, it may not start before

	Attempt     int // attempts that cost something; never resets
	MaxAttempts int
	AttemptBase int32  // Attempt when the task was last sent round by a person
	Reports     uint32 // how many of its events are task.progressed
	Timeout     Micros

	LastFence int64   // version of the latest task.started; 0 before the first
	Holder    *Holder // what runs it; nil unless running. Shared between copies, never changed in place

	Progress int // hundredths of a percent

	ConcurrencyKey string // "" = none

	Extras *Extras // nil = none; shared between copies, never changed in place
	Notes  *Notes  // the same
	Links  *Links  // the same
	Steps  *Steps  // nil = it never had one; the same
	Kin    *Kin    // nil = it has no parent and no children; the same

	Version   int64 // number of the task's own events
	LastSeq   int64 // log position of the latest
	SubmitSeq int64 // of task.submitted; its payload is the parameters

	MessageSeq int64 // payload {"message":…}; 0 = none
	ResultSeq  int64 // payload is the result; 0 = none
	ErrorSeq   int64 // payload {"error":…}; 0 = none
}

// Holder is what runs a task.
type Holder struct {
	Boot         ulid.ULID // of the server that started it in its own process, else zero
	Worker       string    // name of the worker that leases it, else ""
	LeaseSeconds int       // without a word of the worker; 0 = no worker has it
	Token        *[32]byte // SHA-256 of the token of the lease; nil = no worker has it
	Charge       Micros    // what its key and queue were charged with at its start
}

// Fence is the version of the task.started that holds the task; 0 unless it is running.
func (t *Task) Fence() int64 {
	if t.Status != Running {
		return 0
	}
	return t.LastFence
}

// Held is what runs the task; the zero Holder unless it is running.
func (t *Task) Held() Holder {
	if t.Holder == nil {
		return Holder{}
	}
	return *t.Holder
}

// RefusedFence is the highest fence whose late result was refused.
func (t *Task) RefusedFence() int64 {
	if t.Links == nil {
		return 0
	}
	return t.Links.RefusedFence
}

// Notes are short texts about a task, for people. Most tasks have none while they wait.
type Notes struct {
	Subject string // which one it is, in one line; "" = none
	Outcome string // what came of it; "" = it has not succeeded, or the handler did not say
	Partial bool   // it has succeeded, and not all of it came about
}

// Subject is the line that says which task it is; "" = none.
func (t *Task) Subject() string { return t.notes().Subject }

// notes returns a copy of the task's notes. Those of a task are never changed in place: copies of the task
// share them.
func (t *Task) notes() Notes {
	if t.Notes == nil {
		return Notes{}
	}
	return *t.Notes
}

// note gives the task other notes.
func (t *Task) note(n Notes) {
	if t.Notes = nil; n != (Notes{}) {
		t.Notes = &n
	}
}

// Forget makes the task show no more than an erased one does.
func (t *Task) Forget() {
	t.Erased = true
	n := t.notes()
	n.Subject, n.Outcome = "", "" // the log keeps them, see docs/adr/0032
	t.note(n)
	t.setDone(nil)
}

// Name is the task's id as clients see it.
func (t *Task) Name() string { return t.ID.String() }

// Stream is the task's stream in the log: "task:01J…".
func (t *Task) Stream() string { return StreamOf(t.ID) }

// AttemptsLeft is how many more attempts the task may have.
func (t *Task) AttemptsLeft() int { return t.MaxAttempts - (t.Attempt - int(t.AttemptBase)) }

// Due reports whether a pending task may start at that moment of the wall clock. A backoff
// that seems to end later than its longest wait from now was planned by a clock that has
// been set back since: it is over. A time that was asked for, which is RunAt then, is never over early.
func (t *Task) Due(wall Micros) bool {
	if t.Waits() != nil || t.Ending() != None {
		return false
	}
	return !t.Timed || t.DueAt <= wall || t.Retrying && t.DueAt != t.RunAt && t.DueAt-wall > t.Backoff().Max
}

// wait makes the task wait for the event's run_at, if the wall clock was not there yet.
func (t *Task) wait(e *Event) {
	wall := e.wall()
	t.RunAt, t.Timed, t.Retrying = e.Data.RunAt, e.Data.RunAt > wall, false
	t.DueAt = max(e.Data.RunAt, wall)
}

// Suspect reports whether the task may be what killed a process: it is tried alone.
func (t *Task) Suspect() bool { return t.Suspicion > 0 || t.Deaths > 0 }

// OnTrial reports whether it runs as a suspect that has not shown yet that it is harmless.
func (t *Task) OnTrial() bool { return t.Status == Running && t.Suspect() && !t.Trusted }

// Remote reports whether a worker outside of the process runs the task: its attempt needs heartbeats. A local one ends with its process.
func (t *Task) Remote() bool { return t.Status == Running && t.Held().LeaseSeconds > 0 }

const streamPrefix = "task:"

// StreamOf is the stream of the task with that id.
func StreamOf(id ulid.ULID) string {
	var b [len(streamPrefix) + ulid.EncodedSize]byte
	copy(b[:], streamPrefix)
	_ = id.MarshalTextTo(b[len(streamPrefix):]) // the buffer has the right size
	return string(b[:])
}

// ParseStream returns the id in a task's stream; false for any other stream.
func ParseStream(stream string) (ulid.ULID, bool) {
	if len(stream) != len(streamPrefix)+ulid.EncodedSize || stream[:len(streamPrefix)] != streamPrefix {
		return ulid.ULID{}, false
	}
	return ParseID(stream[len(streamPrefix):])
}

// ErrIllegal is wrapped by Apply's error for an event that cannot follow in the state.
var ErrIllegal = errors.New("event cannot follow")

// Apply folds one event into the task. An event that cannot follow leaves the task as
// it was and gives an error that wraps ErrIllegal: the log, or the fold, is wrong.
func Apply(t *Task, id ulid.ULID, e *Event) error {
	to := next[t.Status][e.Type]
	if to == None {
		return fmt.Errorf("%w: %s while %s", ErrIllegal, e.Type, t.Status)
	}
	if e.Version != t.Version+1 {
		return fmt.Errorf("%w: version %d after %d", ErrIllegal, e.Version, t.Version)
	}
	d := &e.Data
	if held(e.Type) && d.Fence != t.Fence() {
		return fmt.Errorf("%w: %s with fence %d while %d holds the task", ErrIllegal, e.Type, d.Fence, t.Fence())
	}
	if t.Ending() != None && e.Type == EventStarted {
		return fmt.Errorf("%w: %s of a task that is ending", ErrIllegal, e.Type)
	}
	if waits := t.Waits(); waits != nil && e.Type == EventStarted || e.Type == EventStepRecorded && t.Status == Pending && (waits == nil || waits.Step != d.Step) {
		return fmt.Errorf("%w: %s of a task that waits for %+v", ErrIllegal, e.Type, waits)
	}
	if t.Status == Running && to != Running {
		t.CancelRequested, t.Holder = false, nil
		if e.Type == EventReleased && t.Trusted {
			t.Suspicion = 0
		}
		t.Trusted = false
	}
	from := t.Status
	if to.Ended() {
		t.Suspicion, t.Deaths = 0, 0
	}
	t.Status = to
	t.Version, t.LastSeq = e.Version, e.Seq
	if to.Ended() && e.Type != EventLateResultRefused && e.Type != EventErased && e.Type != EventResubmitted && e.Type != EventStepForgotten {
		t.CompletedAt = e.At
	}
	fold[e.Type](t, id, e, d)
	if to.Ended() {
		t.setEnding(None)
	}
	if to == Pending && (from != Pending || e.Type == EventSnoozed || e.Type == EventStepRecorded) {
		t.ReadyAt = max(t.DueAt, e.At)
		if w := t.Waits(); w != nil { // it may be sooner
			t.ReadyAt = max(w.Until, w.Since)
		}
	}
	return nil
}

// held reports whether an event of the type carries the fence of the attempt that holds
// the task: 0 when none does, as for the end of a pending task.
func held(e EventType) bool {
	switch e {
	case EventProgressed, EventSucceeded, EventAttemptFailed, EventFailed, EventCancelled, EventLeaseExpired, EventReleased, EventStepRecorded, EventSuspended, EventEnding:
		return true
	}
	return false
}

// fold is what each type changes beyond status, version and completion.
var fold = [typeCount]func(t *Task, id ulid.ULID, e *Event, d *Data){
	EventSubmitted: func(t *Task, id ulid.ULID, e *Event, d *Data) {
		t.ID, t.Type, t.Queue, t.Priority = id, d.TaskType, d.Queue, d.Priority
		t.CreatedAt = e.At
		t.wait(e)
		t.MaxAttempts, t.Timeout = d.MaxAttempts, d.Timeout
		t.ConcurrencyKey = d.ConcurrencyKey
		t.SetExtras(extrasOf(d))
		t.SubmitSeq = e.Seq
		t.note(Notes{Subject: d.Subject})
		t.linkSubmitted(e)
		t.bear(d)
	},
	EventStarted: func(t *Task, _ ulid.ULID, e *Event, d *Data) {
		t.StartedAt, t.Timed, t.Retrying = e.At, false, false
		t.Attempt, t.LastFence = d.Attempt, e.Version
		t.Holder = &Holder{Boot: d.Boot, Worker: d.Worker, LeaseSeconds: d.LeaseSeconds, Charge: d.Charge}
		if d.LeaseSeconds > 0 {
			token := d.TokenHash
			t.Holder.Token = &token
		}
		if *t.Holder == (Holder{}) { // a workflow
			t.Holder = nil
		}
		t.Progress, t.MessageSeq = 0, 0
	},
	EventProgressed: func(t *Task, _ ulid.ULID, e *Event, d *Data) {
		t.Progress, t.Reports = d.Progress, t.Reports+1
		t.Trusted = t.Trusted || d.Trusted
		if e.HasPayload {
			t.MessageSeq = e.Seq
		}
	},
	EventSucceeded: func(t *Task, _ ulid.ULID, e *Event, d *Data) { foldSuccess(t, e, d) },
	EventAttemptFailed: func(t *Task, _ ulid.ULID, e *Event, d *Data) {
		t.DueAt, t.Timed, t.Retrying, t.Code, t.ErrorSeq = d.RetryAt, true, true, d.Code, e.Seq
		t.Suspicion, t.Deaths = 0, 0 // its handler returned
	},
	EventFailed:          func(t *Task, _ ulid.ULID, e *Event, d *Data) { foldFailure(t, e, d) },
	EventCancelRequested: func(t *Task, _ ulid.ULID, _ *Event, _ *Data) { t.CancelRequested = true },
	EventCancelled:       func(t *Task, _ ulid.ULID, _ *Event, d *Data) { foldCancel(t, d) },
	EventEnding:          func(t *Task, _ ulid.ULID, e *Event, d *Data) { foldEnding(t, e, d) },
	EventLeaseExpired: func(t *Task, _ ulid.ULID, _ *Event, d *Data) {
		t.Code = CodeWorkerDied
		if d.Suspicion > 0 {
			t.Suspicion = uint8(min(d.Suspicion, MaxSuspicion))
			t.Attempt--
		}
		if d.Deaths > 0 {
			t.Deaths = uint8(min(d.Deaths, MaxDeaths))
		}
	},
	EventReleased: func(t *Task, _ ulid.ULID, _ *Event, _ *Data) { t.Attempt-- },
	EventRetried:  func(t *Task, _ ulid.ULID, e *Event, d *Data) { foldRetry(t, e, d) },
	EventSnoozed: func(t *Task, _ ulid.ULID, e *Event, d *Data) {
		t.wait(e)
		t.Retrying = t.Timed && d.InBackoff
	},
	EventReprioritised: func(t *Task, _ ulid.ULID, _ *Event, d *Data) { t.Priority = d.Priority },
	EventLateResultRefused: func(t *Task, _ ulid.ULID, _ *Event, d *Data) {
		if d.Fence > t.RefusedFence() {
			t.link().RefusedFence = d.Fence
		}
	},
	EventErased: func(t *Task, _ ulid.ULID, _ *Event, _ *Data) {
		t.Forget()
		t.waitFor(Wait{})
	},
	EventResubmitted: func(t *Task, _ ulid.ULID, _ *Event, d *Data) { t.link().RetriedAs = d.RetriedAs },
	EventStepRecorded: func(t *Task, _ ulid.ULID, e *Event, d *Data) {
		t.changeSteps(1, d.Bytes)
		t.addChildren(d.Children)
		if t.Waits() != nil {
			t.waitFor(Wait{})
			t.DueAt = e.wall()
		}
	},
	EventSuspended: func(t *Task, _ ulid.ULID, e *Event, d *Data) {
		t.Attempt--
		t.Suspicion, t.Deaths = 0, 0 // its handler returned
		t.waitFor(Wait{Step: d.Step, Kind: d.StepKind, Until: d.Until, Signals: d.Signals, All: d.All, From: cmp.Or(d.Role, d.Of), Since: e.At, Seq: e.Seq})
	},
	EventStepForgotten: func(t *Task, _ ulid.ULID, _ *Event, d *Data) { t.changeSteps(-1, -d.Bytes) },
}
