package task

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"

	"github.com/oklog/ulid/v2"
)

// reference is Data as encoding/json writes and reads it, one struct for each shape,
// with the fields in the order of the table. It is what the hand-made codec must equal.
type reference interface{ data() Data }

type (
	refSubmitted struct {
		TaskType       string   `json:"task_type,omitzero"`
		Queue          string   `json:"queue,omitzero"`
		Priority       int      `json:"priority,omitzero"`
		RunAt          Micros   `json:"run_at,omitzero"`
		MaxAttempts    int      `json:"max_attempts,omitzero"`
		Kind           refKind  `json:"backoff_kind,omitzero"`
		Base           Micros   `json:"backoff_base,omitzero"`
		Max            Micros   `json:"backoff_max,omitzero"`
		NoJitter       bool     `json:"backoff_no_jitter,omitzero"`
		Timeout        Micros   `json:"timeout,omitzero"`
		Tags           []string `json:"tags,omitempty"`
		IdempotencyKey string   `json:"idempotency_key,omitzero"`
		RequestHash    refHash  `json:"request_hash,omitzero"`
		Files          []string `json:"files,omitempty"`
		Clock          Micros   `json:"clock,omitzero"`
		FileNames      []string `json:"file_names,omitempty"`
		UniqueKey      string   `json:"unique_key,omitzero"`
		UniqueFor      Micros   `json:"unique_for,omitzero"`
		UniqueSince    Micros   `json:"unique_since,omitzero"`
		UniqueBehind   refULID  `json:"unique_behind,omitzero"`
		RetryOf        refULID  `json:"retry_of,omitzero"`
		Subject        string   `json:"subject,omitzero"`
		SubjectGiven   bool     `json:"subject_given,omitzero"`
		ConcurrencyKey string   `json:"concurrency_key,omitzero"`
		TraceParent    string   `json:"traceparent,omitzero"`

		DependsOn  []refDependency   `json:"depends_on,omitempty"`
		RunAnyway  bool              `json:"run_anyway,omitzero"`
		ParentID   refULID           `json:"parent_id,omitzero"`
		ParentStep string            `json:"parent_step,omitzero"`
		ChildName  string            `json:"child_name,omitzero"`
		WorkflowID refULID           `json:"workflow_id,omitzero"`
		Depth      int               `json:"depth,omitzero"`
		Detached   bool              `json:"detached,omitzero"`
		OnFailure  refOnChildFailure `json:"on_failure,omitzero"`
		JoinAny    bool              `json:"join_any,omitzero"`
		Children   int               `json:"children,omitzero"`
	}
	refDependency struct {
		Task refULID `json:"task"`
		When refWhen `json:"when,omitzero"`
		Name string  `json:"name,omitzero"`
	}
	refStarted struct {
		Attempt      int     `json:"attempt,omitzero"`
		Boot         refULID `json:"boot,omitzero"`
		Worker       string  `json:"worker,omitzero"`
		LeaseSeconds int     `json:"lease_seconds,omitzero"`
		TokenHash    refHash `json:"token_hash,omitzero"`
		Charge       Micros  `json:"charge,omitzero"`
	}
	refProgressed struct {
		Fence    int64 `json:"fence,omitzero"`
		Progress int   `json:"progress,omitzero"`
		Trusted  bool  `json:"trusted,omitzero"`
	}
	refSucceeded struct {
		Fence   int64    `json:"fence,omitzero"`
		Files   []string `json:"files,omitempty"`
		Outcome string   `json:"outcome,omitzero"`
		Partial bool     `json:"partial,omitzero"`
	}
	refAttemptFailed struct {
		Fence   int64   `json:"fence,omitzero"`
		Attempt int     `json:"attempt,omitzero"`
		Code    refCode `json:"code,omitzero"`
		RetryAt Micros  `json:"retry_at,omitzero"`
	}
	refFailed struct {
		Fence   int64   `json:"fence,omitzero"`
		Attempt int     `json:"attempt,omitzero"`
		Code    refCode `json:"code,omitzero"`
	}
	refLost struct {
		Fence     int64 `json:"fence,omitzero"`
		Attempt   int   `json:"attempt,omitzero"`
		Suspicion int   `json:"suspicion,omitzero"`
		Deaths    int   `json:"deaths,omitzero"`
	}
	refFence struct {
		Fence int64 `json:"fence,omitzero"`
	}
	refCancelled struct {
		Fence      int64   `json:"fence,omitzero"`
		ReplacedBy refULID `json:"replaced_by,omitzero"`
		Because    refULID `json:"because,omitzero"`
	}
	refResubmitted struct {
		RetriedAs refULID `json:"retried_as,omitzero"`
	}
	refStepRecorded struct {
		Fence   int64          `json:"fence,omitzero"`
		Step    string         `json:"step,omitzero"`
		Kind    refStepKind    `json:"step_kind,omitzero"`
		Outcome refStepOutcome `json:"step_outcome,omitzero"`
		Signal  string         `json:"signal,omitzero"`
		Attempt int            `json:"attempt,omitzero"`
		Build   string         `json:"build,omitzero"`
		Bytes   int64          `json:"bytes,omitzero"`

		Children int `json:"children,omitzero"`
	}
	refStepForgotten struct {
		Step  string `json:"step,omitzero"`
		Bytes int64  `json:"bytes,omitzero"`
	}
	refSuspended struct {
		Fence   int64       `json:"fence,omitzero"`
		Step    string      `json:"step,omitzero"`
		Kind    refStepKind `json:"step_kind,omitzero"`
		Until   Micros      `json:"until,omitzero"`
		Signals []string    `json:"signals,omitempty"`
		All     bool        `json:"all,omitzero"`
		Role    string      `json:"role,omitzero"`
		Of      string      `json:"of,omitzero"`
	}
	refEnding struct {
		Fence      int64     `json:"fence,omitzero"`
		As         refStatus `json:"as,omitzero"`
		Attempt    int       `json:"attempt,omitzero"`
		Code       refCode   `json:"code,omitzero"`
		Files      []string  `json:"files,omitempty"`
		Outcome    string    `json:"outcome,omitzero"`
		Partial    bool      `json:"partial,omitzero"`
		ReplacedBy refULID   `json:"replaced_by,omitzero"`
		Because    refULID   `json:"because,omitzero"`
	}
	refRetried struct {
		RunAt  Micros    `json:"run_at,omitzero"`
		Clock  Micros    `json:"clock,omitzero"`
		EndsAs refStatus `json:"as,omitzero"`
		Waits  bool      `json:"waits,omitzero"`
	}
	refSnoozed struct {
		RunAt   Micros `json:"run_at,omitzero"`
		Clock   Micros `json:"clock,omitzero"`
		Backoff bool   `json:"backoff,omitzero"`
	}
	refPriority struct {
		Priority int `json:"priority,omitzero"`
	}
	refNothing struct{}
)

func (r *refSubmitted) data() Data {
	var dependsOn []Dependency
	for _, d := range r.DependsOn {
		dependsOn = append(dependsOn, Dependency{Task: ulid.ULID(d.Task), When: When(d.When), Name: d.Name})
	}
	return Data{DependsOn: dependsOn, RunAnyway: r.RunAnyway,
		TaskType: r.TaskType, Queue: r.Queue, Priority: r.Priority, RunAt: r.RunAt, MaxAttempts: r.MaxAttempts,
		Backoff: Backoff{Kind: BackoffKind(r.Kind), Base: r.Base, Max: r.Max, NoJitter: r.NoJitter}, Timeout: r.Timeout,
		Tags: r.Tags, IdempotencyKey: r.IdempotencyKey, RequestHash: r.RequestHash, Files: r.Files, FileNames: r.FileNames, Clock: r.Clock,
		UniqueKey: r.UniqueKey, UniqueFor: r.UniqueFor, UniqueSince: r.UniqueSince, UniqueBehind: ulid.ULID(r.UniqueBehind), RetryOf: ulid.ULID(r.RetryOf), TraceParent: r.TraceParent,
		Subject: r.Subject, SubjectGiven: r.SubjectGiven, ConcurrencyKey: r.ConcurrencyKey,
		ParentID: ulid.ULID(r.ParentID), ParentStep: r.ParentStep, ChildName: r.ChildName, WorkflowID: ulid.ULID(r.WorkflowID), Depth: r.Depth,
		Detached: r.Detached, OnFailure: OnChildFailure(r.OnFailure), JoinAny: r.JoinAny, Children: r.Children}
}

func (r *refStarted) data() Data {
	return Data{Attempt: r.Attempt, Boot: ulid.ULID(r.Boot), Worker: r.Worker, LeaseSeconds: r.LeaseSeconds, TokenHash: r.TokenHash, Charge: r.Charge}
}

func (r *refAttemptFailed) data() Data {
	return Data{Fence: r.Fence, Attempt: r.Attempt, Code: Code(r.Code), RetryAt: r.RetryAt}
}

func (r *refFailed) data() Data { return Data{Fence: r.Fence, Attempt: r.Attempt, Code: Code(r.Code)} }
func (r *refProgressed) data() Data {
	return Data{Fence: r.Fence, Progress: r.Progress, Trusted: r.Trusted}
}
func (r *refSucceeded) data() Data {
	return Data{Fence: r.Fence, Files: r.Files, Outcome: r.Outcome, Partial: r.Partial}
}
func (r *refLost) data() Data {
	return Data{Fence: r.Fence, Attempt: r.Attempt, Suspicion: r.Suspicion, Deaths: r.Deaths}
}
func (r *refCancelled) data() Data {
	return Data{Fence: r.Fence, ReplacedBy: ulid.ULID(r.ReplacedBy), Because: ulid.ULID(r.Because)}
}
func (r *refResubmitted) data() Data { return Data{RetriedAs: ulid.ULID(r.RetriedAs)} }
func (r *refFence) data() Data       { return Data{Fence: r.Fence} }
func (r *refRetried) data() Data {
	return Data{RunAt: r.RunAt, Clock: r.Clock, EndsAs: Status(r.EndsAs), Waits: r.Waits}
}
func (r *refSnoozed) data() Data {
	return Data{RunAt: r.RunAt, Clock: r.Clock, InBackoff: r.Backoff}
}
func (r *refPriority) data() Data { return Data{Priority: r.Priority} }
func (r *refNothing) data() Data  { return Data{} }

func (r *refStepRecorded) data() Data {
	return Data{Fence: r.Fence, Step: r.Step, StepKind: StepKind(r.Kind), StepOutcome: StepOutcome(r.Outcome), Signal: r.Signal, Attempt: r.Attempt, Build: r.Build, Bytes: r.Bytes, Children: r.Children}
}

func (r *refEnding) data() Data {
	return Data{Fence: r.Fence, EndsAs: Status(r.As), Attempt: r.Attempt, Code: Code(r.Code), Files: r.Files, Outcome: r.Outcome, Partial: r.Partial, ReplacedBy: ulid.ULID(r.ReplacedBy), Because: ulid.ULID(r.Because)}
}
func (r *refStepForgotten) data() Data { return Data{Step: r.Step, Bytes: r.Bytes} }

func (r *refSuspended) data() Data {
	return Data{Fence: r.Fence, Step: r.Step, StepKind: StepKind(r.Kind), Until: r.Until, Signals: r.Signals, All: r.All, Role: r.Role, Of: r.Of}
}

// referenceFor returns the empty shape of a type.
func referenceFor(t EventType) reference {
	switch t {
	case EventSubmitted:
		return new(refSubmitted)
	case EventStarted:
		return new(refStarted)
	case EventProgressed:
		return new(refProgressed)
	case EventSucceeded:
		return new(refSucceeded)
	case EventAttemptFailed:
		return new(refAttemptFailed)
	case EventFailed:
		return new(refFailed)
	case EventLeaseExpired:
		return new(refLost)
	case EventCancelled:
		return new(refCancelled)
	case EventResubmitted:
		return new(refResubmitted)
	case EventStepRecorded:
		return new(refStepRecorded)
	case EventSuspended:
		return new(refSuspended)
	case EventEnding:
		return new(refEnding)
	case EventStepForgotten:
		return new(refStepForgotten)
	case EventReleased, EventLateResultRefused:
		return new(refFence)
	case EventSnoozed:
		return new(refSnoozed)
	case EventRetried:
		return new(refRetried)
	case EventReprioritised:
		return new(refPriority)
	default: // task.cancel_requested, task.erased
		return new(refNothing)
	}
}

// referenceDecode reads with encoding/json, and takes only what encoding/json would
// write for what it read.
func referenceDecode(t EventType, data []byte) (Data, error) {
	shape := referenceFor(t)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(shape); err != nil {
		return Data{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Data{}, errors.New("more than one value")
	}
	again, err := json.Marshal(shape)
	if err != nil {
		return Data{}, err
	}
	if !bytes.Equal(again, data) {
		return Data{}, errors.New("not canonical")
	}
	return shape.data(), nil
}

// Values that are text in the log.
type (
	refKind BackoffKind

	refStepKind    StepKind
	refStepOutcome StepOutcome
	refWhen        When

	refOnChildFailure OnChildFailure
	refStatus         Status

	refCode Code
	refHash [32]byte
	refULID ulid.ULID
)

var errReference = errors.New("bad value")

func (k refKind) MarshalText() ([]byte, error) { return []byte(BackoffKind(k).String()), nil }
func (k *refKind) UnmarshalText(text []byte) error {
	kind, ok := ParseBackoffKind(string(text))
	*k = refKind(kind)
	return found(ok)
}

func (k refStepKind) MarshalText() ([]byte, error) { return []byte(StepKind(k).String()), nil }
func (k *refStepKind) UnmarshalText(text []byte) error {
	kind, ok := parseStepKind(string(text))
	*k = refStepKind(kind)
	return found(ok)
}

func (w refWhen) MarshalText() ([]byte, error) { return []byte(When(w).String()), nil }
func (w *refWhen) UnmarshalText(text []byte) error {
	when, ok := ParseWhen(string(text))
	*w = refWhen(when)
	return found(ok)
}

func (o refStepOutcome) MarshalText() ([]byte, error) { return []byte(StepOutcome(o).String()), nil }
func (o *refStepOutcome) UnmarshalText(text []byte) error {
	outcome, ok := parseStepOutcome(string(text))
	*o = refStepOutcome(outcome)
	return found(ok)
}

func (o refOnChildFailure) MarshalText() ([]byte, error) {
	return []byte(OnChildFailure(o).String()), nil
}
func (o *refOnChildFailure) UnmarshalText(text []byte) error {
	policy, ok := ParseOnChildFailure(string(text))
	*o = refOnChildFailure(policy)
	return found(ok)
}

func (s refStatus) MarshalText() ([]byte, error) { return []byte(Status(s).String()), nil }
func (s *refStatus) UnmarshalText(text []byte) error {
	status, ok := ParseStatus(string(text))
	*s = refStatus(status)
	return found(ok)
}

func (c refCode) MarshalText() ([]byte, error) { return []byte(Code(c).String()), nil }
func (c *refCode) UnmarshalText(text []byte) error {
	code, ok := parseCode(string(text))
	*c = refCode(code)
	return found(ok)
}

func (h refHash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }
func (h *refHash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	copy(h[:], raw)
	return errors.Join(err, found(len(raw) == len(h)))
}

func (u refULID) MarshalText() ([]byte, error) { return ulid.ULID(u).MarshalText() }
func (u *refULID) UnmarshalText(text []byte) error {
	id, err := ulid.ParseStrict(string(text))
	*u = refULID(id)
	return err
}

func found(ok bool) error {
	if !ok {
		return errReference
	}
	return nil
}
