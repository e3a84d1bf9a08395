package task

import "github.com/oklog/ulid/v2"

// Data is the facts of an event: the fields that its type has, the others zero.
// Which type has which is the table in codec.go. Fields at zero are not written.
type Data struct {
	// task.submitted
	TaskType       string
	Queue          string
	Priority       int    // −100 … 100, higher first; also task.reprioritised
	RunAt          Micros // not before; 0 = at once; also task.snoozed
	MaxAttempts    int    // from 1
	Backoff        Backoff
	Timeout        Micros // span an attempt may run; 0 = no limit
	Tags           []string
	IdempotencyKey string
	RequestHash    [32]byte  // SHA-256 of the request, see package intake; set with a key
	Files          []string  // ids of the files the parameters (or the result) name
	FileNames      []string  // what these were called when they were uploaded for this task; "" = not known
	UniqueKey      string    // "" = none
	UniqueFor      Micros    // how long it is held; 0 = while the task is live
	UniqueSince    Micros    // when the first of the tasks that replaced each other was submitted; 0 = it is the first
	UniqueBehind   ulid.ULID // what ran under the key, and must end first
	RetryOf        ulid.ULID // the ended task that it retries with other parameters
	Subject        string    // which one it is, in one line; "" = none
	TraceParent    string    // W3C traceparent of what submitted it; "" = none
	SubjectGiven   bool      // the request said so; else the type made it
	ConcurrencyKey string    // "" = none
	DependsOn      []Dependency
	RunAnyway      bool // it runs however its dependencies end

	// task.submitted of a child, see Kin
	ParentID   ulid.ULID
	ParentStep string
	ChildName  string
	WorkflowID ulid.ULID
	Depth      int
	Detached   bool
	OnFailure  OnChildFailure
	JoinAny    bool

	// task.started
	Attempt      int       // attempts that cost something, this one included, from 1
	Boot         ulid.ULID // local: the server process that runs it
	Worker       string    // remote: who holds it
	LeaseSeconds int       // remote: how long without a heartbeat
	TokenHash    [32]byte  // remote: SHA-256 of the lease token
	Charge       Micros    // the run time that its key and queue were charged with; the end corrects it. 0 = none

	// Every write of an attempt: the version of its task.started.
	Fence int64

	Progress   int       // task.progressed: hundredths of a percent, 0 … 10,000
	Trusted    bool      // task.progressed: a suspect has run alone for long enough
	RetryAt    Micros    // task.attempt_failed
	InBackoff  bool      // task.snoozed: an attempt asked for the wait, not a person
	Code       Code      // task.attempt_failed, task.failed
	ReplacedBy ulid.ULID // task.cancelled: the task that took its place
	Because    ulid.ULID // task.cancelled: the dependency that ended otherwise than it needs
	RetriedAs  ulid.ULID // task.resubmitted: the new task

	Outcome string // task.succeeded: what came of it, in a few words; "" = the handler did not say
	Partial bool   // task.succeeded: not all of it came about

	// task.step_recorded, task.step_forgotten
	Step        string // its name
	StepKind    StepKind
	StepOutcome StepOutcome
	Signal      string // whose payload is its value, if the task waited for any of several
	Build       string // of the code that did it; "" = not said
	Bytes       int64  // of its value
	Children    int    // how many tasks it has made; also task.submitted

	// task.suspended, with Step and StepKind
	Until   Micros   // when the wait ends by itself; 0 = never
	Signals []string // that it waits for
	All     bool     // of these it needs all, not any
	Role    string   // of who may answer an approval
	Of      string   // the step whose children it waits for; "" = all

	EndsAs Status // task.ending: as what it ends when its children have ended; task.retried: Success if it ends so again, else None
	Waits  bool   // task.retried: it was suspended when it was cancelled, and waits on

	// The wall clock of a task.submitted, task.snoozed or task.retried when it stood behind
	// the event's time, because it was set back; 0 = it did not. See Now.
	Clock Micros

	// task.lease_expired of a local attempt, one of them: its process died
	Suspicion int // while it ran beside others: the new Task.Suspicion; the attempt does not count
	Deaths    int // while nothing else ran: the new Task.Deaths
}

// NamesOfFiles is what the files of a task.submitted are called, by id; those not known are
// left out.
func (d *Data) NamesOfFiles() map[string]string { return NamesOfFiles(d.Files, d.FileNames) }

// NamesOfFiles is what files are called, by id; those whose name is not known are left out.
func NamesOfFiles(ids, names []string) map[string]string {
	var byID map[string]string
	for i, name := range names {
		if name == "" || i >= len(ids) {
			continue
		}
		if byID == nil {
			byID = make(map[string]string, len(names))
		}
		byID[ids[i]] = name
	}
	return byID
}
