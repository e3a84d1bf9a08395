package client

import (
	"bytes"
	"encoding/json"
	"time"
)

// Status is where a task stands.
type Status string

// The statuses of a task.
const (
	Pending   Status = "PENDING"
	Running   Status = "RUNNING"
	Success   Status = "SUCCESS"
	Failed    Status = "FAILED"
	Cancelled Status = "CANCELLED"
)

// Ended reports whether the task has ended: only a retry changes that.
func (s Status) Ended() bool { return s == Success || s == Failed || s == Cancelled }

// Task is a task as the server describes it.
type Task struct {
	ID              string          `json:"id"`
	TaskType        string          `json:"task_type"`
	Status          Status          `json:"status"`
	CreatedAt       time.Time       `json:"created_at"`
	StartedAt       *time.Time      `json:"started_at"`
	CompletedAt     *time.Time      `json:"completed_at"`
	ReadyAt         *time.Time      `json:"ready_at"` // since when, or from when on, it is pending and due
	Progress        float64         `json:"progress"` // 0 … 100
	ProgressMessage *string         `json:"progress_message"`
	Parameters      json.RawMessage `json:"parameters"`  // absent in summaries
	ResultData      json.RawMessage `json:"result_data"` // null until there is one
	ResultTruncated bool            `json:"result_truncated,omitempty"`
	ErrorMessage    *string         `json:"error_message"`
	Queue           string          `json:"queue"`
	Priority        int             `json:"priority"`
	RunAt           *time.Time      `json:"run_at"`
	WaitingFor      *WaitingFor     `json:"waiting_for"` // nil unless pending
	Subject         *string         `json:"subject"`     // which task it is, in one line
	Outcome         *string         `json:"outcome"`     // the result of a task that succeeded, in a few words
	Partial         bool            `json:"partial"`     // it succeeded, but a part of it failed
	// FileNames is what its files are called, by id. Only in answers about one task.
	FileNames map[string]string `json:"file_names,omitempty"`
	// Damaged lists the texts that the log has but cannot give: "parameters", "result_data" …
	Damaged     []string `json:"damaged,omitempty"`
	Erased      bool     `json:"erased,omitempty"` // its parameters, result, texts and steps were erased
	Attempt     int      `json:"attempt"`
	MaxAttempts int      `json:"max_attempts"`
	// AttemptsBeforeRetry is how many of Attempt were used before the latest retry by a
	// person; MaxAttempts applies to those since.
	AttemptsBeforeRetry int      `json:"attempts_before_retry"`
	TimeoutSeconds      *float64 `json:"timeout_seconds"`
	Tags                []string `json:"tags"`
	IdempotencyKey      *string  `json:"idempotency_key"`
	ConcurrencyKey      *string  `json:"concurrency_key"`
	// Unique is the key that the task holds among those of its type, nil for none.
	Unique *UniqueKey `json:"unique"`
	// TraceParent is the W3C traceparent of what submitted it.
	TraceParent *string `json:"traceparent"`
	RetryOf     *string `json:"retry_of"`    // the ended task that it retries with other parameters
	RetriedAs   *string `json:"retried_as"`  // the latest task that retries it with other parameters
	ReplacedBy  *string `json:"replaced_by"` // the task that took its place under its unique key
	// DependsOn are the tasks that it waits for before it starts.
	DependsOn []Dependency `json:"depends_on"`
	// OnDependencyFailure says what becomes of it if one of them does not end as it needs: "cancel" or "run"; nil = it waits for none.
	OnDependencyFailure *string `json:"on_dependency_failure"`
	// Because is the task in DependsOn for which it was cancelled.
	Because   *string `json:"because"`
	ParentID  *string `json:"parent_id"`  // the task whose child it is
	ChildName *string `json:"child_name"` // its name among the children of its step
	// WorkflowID is the workflow that it is a task of.
	WorkflowID *string `json:"workflow_id"`
	Worker     *string `json:"worker"`
	Version    int64   `json:"version"` // number of the task's own events
	// ProgressReports is how many of these are reports of progress.
	ProgressReports int64 `json:"progress_reports"`
	// Steps is how many durable steps it has.
	Steps int `json:"steps"`
	// Children is how many children it has made.
	Children int   `json:"children"`
	LastSeq  int64 `json:"last_seq"` // log position of the latest of them

	// Raw is the task as it was received, with the fields this client does not know. The
	// other RawMessages may be parts of it.
	Raw json.RawMessage `json:"-"`
}

// Dependency is a task that another one waits for.
type Dependency struct {
	Task string `json:"task"`           // id
	When string `json:"when,omitempty"` // how it must end: "succeeded" (also ""), "failed" or "ended"
	Name string `json:"name,omitempty"` // what the task that waits calls it; "" = by its id
}

// UniqueKey is a key that a task holds among those of its type: while it is live, or until a
// time.
type UniqueKey struct {
	Key        string     `json:"key"`
	While      string     `json:"while,omitempty"` // "live", or empty
	ForSeconds float64    `json:"for_seconds,omitempty"`
	Until      *time.Time `json:"until,omitempty"` // with ForSeconds
	Since      time.Time  `json:"since"`           // of the first of a chain of tasks that replaced each other
}

// WaitingFor says why a pending task is not running.
type WaitingFor struct {
	Reason string       `json:"reason"`         // "run_at", "backoff", "capacity", "turn", …
	Also   []WaitingFor `json:"also,omitempty"` // the other reasons that hold it
	// Raw is the whole object: beside the reason, what holds the task.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the task and keeps the text.
func (t *Task) UnmarshalJSON(data []byte) error {
	if t.fromCanonical(bytes.Clone(canonical(data))) {
		return nil
	}
	return t.fromAny(data)
}

// fromAny decodes a task that is written in any way.
func (t *Task) fromAny(data []byte) error {
	type plain Task
	return unmarshal(data, (*plain)(t), &t.Raw)
}

// UnmarshalJSON decodes the reason and keeps the text.
func (w *WaitingFor) UnmarshalJSON(data []byte) error {
	type plain WaitingFor
	return unmarshal(data, (*plain)(w), &w.Raw)
}

// Timeout is how long an attempt may run, in seconds, at most 30 days. 0 leaves it to the
// server, whose default is 30 minutes unless it was set.
type Timeout float64

// NoTimeout lets an attempt run without a limit.
const NoTimeout Timeout = -1

// MarshalJSON writes NoTimeout as the 0 that the server takes for it.
func (t Timeout) MarshalJSON() ([]byte, error) {
	if t == NoTimeout {
		t = 0
	}
	return json.Marshal(float64(t))
}

// Submit describes a new task. TaskType must be set; the zero value of every other
// field is not sent and leaves the choice to the server. Client.SubmitJSON sends zeros too.
type Submit struct {
	TaskType       string     `json:"task_type"`
	Parameters     any        `json:"parameters,omitempty"` // marshals to a JSON object
	Queue          string     `json:"queue,omitempty"`
	Priority       int        `json:"priority,omitempty"` // -100 … 100, higher first; 0 = that of the type, which is 0 unless it was declared
	RunAt          *time.Time `json:"run_at,omitempty"`
	DelaySeconds   float64    `json:"delay_seconds,omitempty"`
	MaxAttempts    int        `json:"max_attempts,omitempty"`
	Backoff        *Backoff   `json:"backoff,omitempty"`
	TimeoutSeconds Timeout    `json:"timeout_seconds,omitempty"`
	Tags           []string   `json:"tags,omitempty"`
	// Subject says which task it is, in one line of at most 200 characters, for lists and searches.
	// It cannot be erased from the log. "" = the type makes it from the parameters.
	Subject string `json:"subject,omitempty"`
	// TraceParent is the W3C traceparent of what submits it, for traces. "" = none.
	TraceParent string `json:"traceparent,omitempty"`
	// FileNames is what the files that the parameters name are called, by id; without it the names
	// of the latest uploads count.
	FileNames map[string]string `json:"file_names,omitempty"`
	// IdempotencyKey makes the submit safe to repeat: the same key with the same
	// body gives the first task.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	// ConcurrencyKey is what the limits of the queue for each key go by: a customer, for example. At most
	// 200 bytes; "" = no key.
	ConcurrencyKey string `json:"concurrency_key,omitempty"`
	// OnConflict says what happens when tasks of the queue with the same key have not ended: "wait" (or "");
	// "replace_waiting" cancels the pending ones; "cancel_running" cancels all of them; "reject" is a *Problem
	// with 409.
	OnConflict string `json:"on_conflict,omitempty"`
	// DependsOn are tasks that must end before this one starts.
	DependsOn []Dependency `json:"depends_on,omitempty"`
	// OnDependencyFailure says what becomes of the task if one of them does not end as it needs: "cancel" (or "") or "run".
	OnDependencyFailure string `json:"on_dependency_failure,omitempty"`
	// Unique asks that the task be the only one of its type with a key; nil = it need not
	// be.
	Unique *Unique `json:"unique,omitempty"`
}

// Unique asks that there be one task of a type and a key. Its zero value stands for the
// parameters, while the task is live, and gives the task that is there.
type Unique struct {
	Key        string  `json:"key,omitempty"`         // "" = made from the parameters
	ForSeconds float64 `json:"for_seconds,omitempty"` // how long the key is held; 0 = while the task is live
	// OnConflict says what happens when another task holds the key: "return" (or "") gives that
	// one; "replace" cancels it if it is pending, and waits behind it if it runs; "reject" is a
	// *Problem with 409.
	OnConflict string `json:"on_conflict,omitempty"`
	// MaxDelaySeconds bounds how long tasks that replace each other may put off the run, from the
	// first of them on; 0 = no limit.
	MaxDelaySeconds float64 `json:"max_delay_seconds,omitempty"`
}

// Backoff says how long a failed task waits before its next attempt.
type Backoff struct {
	Kind        string   `json:"kind,omitempty"` // "exponential", "linear" or "constant"
	BaseSeconds *float64 `json:"base_seconds,omitempty"`
	MaxSeconds  *float64 `json:"max_seconds,omitempty"`
	Jitter      *bool    `json:"jitter,omitempty"`
}

// TaskType describes what a server can run.
type TaskType struct {
	Name             string          `json:"name"`
	Title            string          `json:"title"`
	Description      string          `json:"description"`
	ParametersSchema json.RawMessage `json:"parameters_schema"`
	ResultSchema     json.RawMessage `json:"result_schema"`
	Defaults         json.RawMessage `json:"defaults"` // of parameters
	TaskDefaults     json.RawMessage `json:"task_defaults"`
	DeclaredBy       *string         `json:"declared_by"` // the actor; nil = it was not declared
	DeclaredAt       *time.Time      `json:"declared_at"`
	DeclaredIn       *string         `json:"declared_in"` // the configuration file that has the TaskDefaults; nil = none
}
