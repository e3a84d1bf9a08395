package api

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// retryParameters reads the body of a retry: nothing, {}, or {"parameters":{…}}. It returns
// the canonical parameters, nil for none.
func (a *API) retryParameters(p *reply, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == nil {
		return nil, nil
	}
	buffer := borrow()
	defer giveBack(buffer)
	if err := a.readBody(p, r, buffer, maxSubmit); err != nil {
		return nil, err
	}
	if len(strings.TrimSpace(string(*buffer))) == 0 {
		return nil, nil
	}
	if err := wantJSON(r); err != nil {
		return nil, err
	}
	canonical, err := task.CanonicalJSON(nil, *buffer, maxDepth+1)
	if err != nil {
		return nil, err
	}
	m, ok := membersOf(canonical)
	if !ok {
		return nil, invalid("", `the body of a retry is empty, or an object such as {"parameters":{…}}`)
	}
	var parameters []byte
	for {
		key, value, more := m.next()
		if !more {
			return parameters, nil
		}
		switch {
		case string(key) != "parameters":
			return nil, invalid("/"+escapePointer(string(key)), "is not a field of this request; it takes parameters")
		case isNull(value):
		case value[0] != '{':
			return nil, invalid("/parameters", "must be an object")
		default:
			parameters = value
		}
	}
}

// retryAs retries an ended task as another one, which has these parameters and all else of
// the old one.
func (a *API) retryAs(p *reply, r *http.Request, id ulid.ULID, parameters []byte) error {
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	old, _, err := a.Views.Get(r.Context(), id)
	if err != nil {
		return err
	}
	one := []task.Submit{likeTask(&old)}
	s := submission{api: a, now: task.MicrosOf(time.Now()), into: &one[0]}
	if s.earlier, err = a.fileNames(r.Context(), &old); err != nil {
		return err
	}
	if one[0].RunAt <= s.now {
		one[0].RunAt = 0
	}
	s.parameters(parameters)
	if s.bad != nil {
		return invalids(s.bad)
	}
	if err := a.likeUnique(r, &old, &one[0]); err != nil {
		return err
	}
	if key != "" {
		one[0].IdempotencyKey, one[0].RequestHash = key, retryHash(id, parameters)
	}
	done, err := a.Scheduler.Submit(r.Context(), actor, one)
	if err != nil {
		return single(err)
	}
	return a.sendSubmitted(p, r, &one[0], &done[0], false)
}

// likeTask is a submit of a task like an old one, but for its parameters and its keys.
func likeTask(old *task.Task) task.Submit {
	backoff, timeout := old.Backoff, old.Timeout
	if timeout == 0 {
		timeout = task.NoTimeout
	}
	return task.Submit{
		Type: old.Type, Queue: old.Queue, Priority: old.Priority, RunAt: old.RunAt, MaxAttempts: old.MaxAttempts,
		Backoff: &backoff, Timeout: timeout, Tags: old.Tags, RetryOf: old.ID,
	}
}

// likeUnique lets the submit hold the unique key that the old task had, if nobody else does.
// A key that stood for the old parameters becomes one that stands for the new ones.
func (a *API) likeUnique(r *http.Request, old *task.Task, s *task.Submit) error {
	if _, ok := old.Claims(); !ok {
		return nil
	}
	u := old.Links.Unique
	s.Unique = &task.UniqueSubmit{Key: u.Key, For: u.For, OnConflict: task.ConflictReject}
	if !strings.HasPrefix(u.Key, parametersKey) {
		return nil
	}
	one, err := a.rowOf(r.Context(), old, whole)
	if err != nil {
		return err
	}
	if one.parameters == nil || keyOfParameters(one.parameters) == u.Key { // nil: erased or damaged
		s.Unique.Key = keyOfParameters(s.Parameters)
	}
	return nil
}

// retryHash is the hash of the whole request, for its idempotency key.
func retryHash(id ulid.ULID, parameters []byte) [32]byte {
	hash := hashOf(parameters, "", appendNormal)
	return sha256.Sum256(append(append([]byte("retry\n"), id[:]...), hash[:]...))
}
