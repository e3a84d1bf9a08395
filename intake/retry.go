package intake

import (
	"context"
	"errors"
	"strings"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Changes are what a retry of an ended task as another one changes.
type Changes struct {
	Parameters     []byte            // a JSON object, in place of the old one
	FileNames      map[string]string // what its files are called, by id; what is left out is called as before
	Subject        string            // "" = that of the old task if it was given, else the type makes it
	IdempotencyKey string            // "" = none, at most 255 bytes
	Reason         string            // of a retry of the same task, at most 1000 bytes; "" = none
}

// Retry makes the submit that retries a task with these changes and has everything else of the old one.
// The scheduler decides whether the old one may be retried. Errors: a *task.Refusal,
// projection.ErrNotFound, those of reading.
func (in *Intake) Retry(ctx context.Context, id ulid.ULID, c Changes, now task.Micros) (task.Submit, error) {
	parameters, err := jsontext.Canonical(nil, c.Parameters, task.MaxDepth)
	if err != nil {
		return task.Submit{}, &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/parameters", Detail: err.Error()}}}
	}
	old, _, err := in.Views.Get(ctx, id)
	if err != nil {
		return task.Submit{}, err
	}
	s := like(&old)
	s.IdempotencyKey = c.IdempotencyKey
	if s.RunAt <= now {
		s.RunAt = 0
	}
	first, err := in.submitted(ctx, &old)
	if err != nil {
		return task.Submit{}, err
	}
	if s.Subject = c.Subject; s.Subject == "" && first.SubjectGiven && !old.Erased {
		s.Subject = jsontext.WithoutBidi(first.Subject) // earlier versions took them
	}
	r := request{in: in, into: &s, names: c.FileNames, earlier: first.NamesOfFiles()}
	r.complete(parameters)
	if r.bad != nil {
		return task.Submit{}, r.refusal()
	}
	if c.IdempotencyKey != "" { // what comes from the old task is no part of the request
		s.RequestHash = hashOf(&asked{Type: s.Type, Parameters: r.withoutDefaults(), FileNames: r.givenNames(), Subject: c.Subject, RetryOf: id.String()})
		if c.Subject == "" { // earlier versions had none
			s.OlderHashes = olderOfRetry(id, parameters)
		}
	}
	s.Unique, err = in.likeUnique(ctx, &old, s.Parameters)
	return s, err
}

// like returns a submit with everything of an old task except its parameters and its keys.
func like(old *task.Task) task.Submit {
	backoff, timeout := old.Backoff(), old.Timeout
	if timeout == 0 {
		timeout = task.NoTimeout
	}
	return task.Submit{
		Type: old.Type, Queue: old.Queue, Priority: old.Priority, RunAt: old.RunAt, MaxAttempts: old.MaxAttempts,
		Backoff: &backoff, Timeout: timeout, Tags: old.Tags(), RetryOf: old.ID,
		ConcurrencyKey: old.ConcurrencyKey, DependsOn: old.DependsOn(), RunAnyway: old.Links != nil && old.Links.RunAnyway,
	}
}

// likeUnique lets the submit hold the unique key that the old task had, if nobody else does.
// A key that stood for the old parameters becomes one that stands for the new ones.
func (in *Intake) likeUnique(ctx context.Context, old *task.Task, parameters []byte) (*task.UniqueSubmit, error) {
	if _, ok := old.Claims(); !ok {
		return nil, nil
	}
	u := &task.UniqueSubmit{Key: old.Links.Unique.Key, For: old.Links.Unique.For, OnConflict: task.ConflictReject}
	if !strings.HasPrefix(u.Key, parametersKey) {
		return u, nil
	}
	before, err := in.Payloads.Get(ctx, old.SubmitSeq)
	switch {
	case errors.Is(err, eventlog.ErrDamaged), errors.Is(err, eventlog.ErrErased):
	case err != nil:
		return nil, err
	case keyOfParameters(before) != u.Key:
		return u, nil
	}
	u.Key = keyOfParameters(parameters)
	return u, nil
}

// FileNames is what the task's files are called, by id, as its first event says; nil if it has
// none.
func (in *Intake) FileNames(ctx context.Context, t *task.Task) (map[string]string, error) {
	if t.Subject() == "" || !in.Types.NamesFiles(t.Type) {
		return nil, nil
	}
	first, err := in.submitted(ctx, t)
	return first.NamesOfFiles(), err
}

// submitted reads the facts of the task's first event.
func (in *Intake) submitted(ctx context.Context, t *task.Task) (d task.Data, err error) {
	events, err := in.Log.Events(ctx, []int64{t.SubmitSeq})
	if err != nil {
		return d, err
	}
	err = new(task.Decoder).Decode(&d, task.EventSubmitted, events[0].V, events[0].Data)
	return d, err
}

// ReadChanges reads the canonical body of a retry: {} or {"parameters":{…}, "file_names":{…},
// "subject":"…"} or {"reason":"…"}.
// Without parameters there are none in the changes: the same task is tried again. It returns
// what is wrong, with pointers from the body.
func ReadChanges(body []byte) (Changes, []task.FieldError) {
	if !jsontext.IsObject(body) {
		return Changes{}, []task.FieldError{{Pointer: "", Detail: `the body of a retry is empty, or an object such as {"parameters":{…}}`}}
	}
	r := request{}
	var c Changes
	for key, value := range jsontext.Members(body) {
		switch {
		case string(key) != "parameters" && string(key) != "file_names" && string(key) != "subject" && string(key) != "reason":
			r.wrong("/"+jsontext.EscapePointer(string(key)), "is not a field of this request; it takes parameters, file_names, subject and reason")
		case jsontext.IsNull(value):
		case string(key) == "subject":
			c.Subject = r.subject(value)
		case string(key) == "reason":
			c.Reason = r.reason(value)
		case string(key) == "file_names":
			r.fileNames(value)
		case value[0] != '{':
			r.wrong("/parameters", "must be an object")
		default:
			c.Parameters = value
		}
	}
	if c.FileNames = r.names; c.FileNames != nil && c.Parameters == nil {
		r.wrong("/file_names", "must be given together with parameters, which name the files")
	}
	if c.Subject != "" && c.Parameters == nil {
		r.wrong("/subject", "must be given together with parameters: without them the same task is tried again")
	}
	if c.Reason != "" && c.Parameters != nil {
		r.wrong("/reason", "must not be given together with parameters, which make another task")
	}
	return c, r.bad
}

// maxReason is the most bytes of a reason.
const maxReason = 1000

// reason reads why a task is retried.
func (r *request) reason(value []byte) string {
	text := ""
	if value[0] == '"' {
		text = jsontext.Unquote(value)
	}
	if value[0] != '"' || len(text) > maxReason || jsontext.HasBidi(text) {
		r.wrong("/reason", "must be a string of at most 1000 bytes without bidirectional control characters")
		return ""
	}
	return text
}
