package daybook

import (
	"encoding/json"
	"errors"

	"daybook/api"
	"daybook/files"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// prepare makes a submit of the program what one over HTTP is after its checks: parameters
// canonical and complete, files that are there, a default for its unique key, and a hash of
// the request if it has an idempotency key.
func (d *Daybook) prepare(s *task.Submit) error {
	if len(s.Parameters) == 0 {
		s.Parameters = []byte("{}")
	}
	canonical, err := task.CanonicalJSON(nil, s.Parameters, task.MaxDepth)
	if err != nil {
		return invalid(task.FieldError{Pointer: "/parameters", Detail: err.Error()})
	}
	if s.IdempotencyKey != "" && s.RequestHash == ([32]byte{}) {
		s.RequestHash = api.RequestHash(request(s, canonical))
	}
	prepared, fileIDs, bad, err := d.registry.Prepare(s.Type, canonical)
	switch {
	case err != nil:
		return invalid(task.FieldError{Pointer: "/task_type", Detail: "must be a known task type"})
	case bad != nil:
		return invalid(bad...)
	}
	for _, id := range fileIDs {
		if _, err := d.files.Stat(id); errors.Is(err, files.ErrDamaged) {
			return invalid(task.FieldError{Pointer: "/parameters", Detail: "the file " + id + " is damaged; store it again"})
		} else if err != nil {
			return invalid(task.FieldError{Pointer: "/parameters", Detail: "there is no file with the id " + id + "; store it first"})
		}
	}
	s.Parameters, s.Files = prepared, fileIDs
	api.DefaultUniqueKey(s)
	return nil
}

func invalid(fields ...task.FieldError) error {
	return &task.Refusal{Kind: task.ErrInvalid, Fields: fields}
}

// request is the canonical JSON of what the program asks for, before any default. RunAt is
// left out: a program that asks for the same thing again counts a delay from another moment.
func request(s *task.Submit, parameters []byte) []byte {
	text, err := json.Marshal(struct {
		Type        string          `json:"task_type"`
		Parameters  json.RawMessage `json:"parameters"`
		Queue       string
		Priority    int
		MaxAttempts int
		Backoff     *task.Backoff
		Timeout     task.Micros
		Tags        []string
		Unique      *task.UniqueSubmit
		RetryOf     ulid.ULID
	}{s.Type, parameters, s.Queue, s.Priority, s.MaxAttempts, s.Backoff, s.Timeout, s.Tags, s.Unique, s.RetryOf})
	if err != nil {
		panic("daybook: canonical parameters cannot be encoded: " + err.Error())
	}
	canonical, err := task.CanonicalJSON(nil, text, task.MaxDepth+1) // parameters lie one deeper
	if err != nil {
		panic("daybook: an encoded request is not JSON: " + err.Error())
	}
	return canonical
}
