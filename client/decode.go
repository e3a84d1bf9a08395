package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"daybook/internal/jsontext"
)

// Tasks are most of what a client decodes. Those that are written as the server writes them, in
// canonical JSON, are decoded here, several times faster than by encoding/json, which decodes all
// others. Both give the same.

// decode decodes JSON into out as json.Unmarshal does, tasks faster.
func decode(data []byte, out any) error {
	switch to := out.(type) {
	case *Task:
		if to.fromCanonical(canonical(trim(data))) {
			return nil
		}
	case *[]Task:
		if tasks, ok := tasksFromCanonical(canonical(trim(data))); ok {
			*to = tasks
			return nil
		}
	case *leasesAnswer:
		if to.fromCanonical(canonical(trim(data))) {
			return nil
		}
	}
	return json.Unmarshal(data, out)
}

// trim returns the text without the white space of JSON around it.
func trim(text []byte) []byte { return bytes.Trim(text, " \n\t\r") }

// canonical returns the text if it is canonical JSON; else nil.
func canonical(text []byte) []byte {
	scratch := scratches.Get().(*[]byte)
	if cap(*scratch) < len(text) {
		*scratch = make([]byte, 0, len(text))
	}
	if cap(*scratch) <= mostScratch {
		defer scratches.Put(scratch)
	}
	clean, err := jsontext.Canonical((*scratch)[:0], text, 100)
	if err != nil || len(clean) != len(text) { // only white space is left out
		return nil
	}
	return text
}

// mostScratch is the most bytes that are kept for the next text.
const mostScratch = 1 << 20

// scratches are where texts are written that nobody reads.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// splitBatch returns the n tasks of the answer to a batch.
func splitBatch(text []byte, n int) ([][]byte, error) {
	clean, err := jsontext.Canonical(make([]byte, 0, len(text)), text, 100)
	if err != nil || !jsontext.IsArray(clean) {
		return nil, fmt.Errorf("the answer to a batch is not a JSON array")
	}
	tasks := slices.AppendSeq(make([][]byte, 0, n), jsontext.Items(clean))
	if len(tasks) != n {
		return nil, fmt.Errorf("the answer to a batch of %d has %d tasks", n, len(tasks))
	}
	return tasks, nil
}

// tasksFromCanonical decodes an array of tasks; ok is false if encoding/json must decode it.
func tasksFromCanonical(text []byte) (tasks []Task, ok bool) {
	if !jsontext.IsArray(text) {
		return nil, false
	}
	tasks = []Task{}
	for item := range jsontext.Items(text) {
		tasks = append(tasks, Task{})
		if !tasks[len(tasks)-1].fromCanonical(item) {
			return nil, false
		}
	}
	return tasks, true
}

// fromCanonical decodes a task, which keeps the text. It returns false, and leaves the task as it
// was, if encoding/json must decode it: the text is not canonical, a key may be another spelling
// of a known one, or a value is not of its type.
func (t *Task) fromCanonical(text []byte) bool {
	if !jsontext.IsObject(text) || !t.isBlank() {
		return false
	}
	before := *t
	for key, value := range jsontext.Members(text) {
		if !isPlainKey(key) || !t.set(string(key), value[:len(value):len(value)]) {
			*t = before
			return false
		}
	}
	t.Raw = text[:len(text):len(text)]
	return true
}

// fromCanonical decodes the answer to a lease call. It returns false, and leaves the answer as it was, if
// encoding/json must decode it.
func (a *leasesAnswer) fromCanonical(text []byte) bool {
	if !jsontext.IsObject(text) {
		return false
	}
	var read leasesAnswer
	for key, value := range jsontext.Members(text) {
		if !isPlainKey(key) || !read.set(string(key), value) {
			return false
		}
	}
	*a = read
	return true
}

func (a *leasesAnswer) set(key string, value []byte) bool {
	switch key {
	case "leases":
		if !jsontext.IsArray(value) {
			return false
		}
		for item := range jsontext.Items(value) {
			l := new(leased)
			if !l.fromCanonical(item) {
				return false
			}
			a.Leases = append(a.Leases, l)
		}
	case "results":
		if !jsontext.IsArray(value) {
			return false
		}
		for item := range jsontext.Items(value) {
			a.Results = append(a.Results, Problem{})
			if to := &a.Results[len(a.Results)-1]; string(item) == `{"status":200}` {
				to.Status = http.StatusOK
			} else if !readAny(item, to) {
				return false
			}
		}
	case "quiet":
		return readBool(value, &a.Quiet)
	case "beat_seconds":
		return readFloat(value, &a.BeatSeconds)
	}
	return true
}

func (l *leased) fromCanonical(text []byte) bool {
	if !jsontext.IsObject(text) {
		return false
	}
	for key, value := range jsontext.Members(text) {
		ok := true
		switch string(key) {
		case "token":
			ok = readString(value, &l.Token)
		case "attempt":
			ok = readInt(value, &l.Attempt)
		case "task":
			ok = l.Task.fromCanonical(value)
		case "steps":
			ok = string(value) == "{}" || readAny(value, &l.Steps)
		case "dependencies":
			ok = string(value) == "{}" || readAny(value, &l.Dependencies)
		}
		if !ok || !isPlainKey(key) {
			return false
		}
	}
	return true
}

// isBlank reports whether the task has no memory that encoding/json would write into.
func (t *Task) isBlank() bool {
	return t.StartedAt == nil && t.CompletedAt == nil && t.ProgressMessage == nil && t.Parameters == nil &&
		t.ResultData == nil && t.ErrorMessage == nil && t.RunAt == nil && t.WaitingFor == nil &&
		t.TimeoutSeconds == nil && t.Tags == nil && t.IdempotencyKey == nil && t.Worker == nil &&
		t.Subject == nil && t.Outcome == nil && t.FileNames == nil && t.Damaged == nil && t.ReadyAt == nil &&
		t.ConcurrencyKey == nil && t.Unique == nil && t.RetryOf == nil && t.RetriedAs == nil && t.ReplacedBy == nil && t.TraceParent == nil &&
		t.DependsOn == nil && t.OnDependencyFailure == nil && t.Because == nil && t.ParentID == nil && t.ChildName == nil && t.WorkflowID == nil
}

// isPlainKey reports whether a key has small letters and _ only: encoding/json ignores case.
func isPlainKey(key []byte) bool {
	for _, c := range key {
		if (c < 'a' || 'z' < c) && c != '_' {
			return false
		}
	}
	return true
}

// set sets the field of a key; other keys are ignored.
func (t *Task) set(key string, value []byte) bool {
	switch key {
	case "id":
		return readString(value, &t.ID)
	case "task_type":
		return readString(value, &t.TaskType)
	case "status":
		return readString(value, (*string)(&t.Status))
	case "created_at":
		return readTime(value, &t.CreatedAt)
	case "started_at":
		return readOptional(value, &t.StartedAt, readTime)
	case "completed_at":
		return readOptional(value, &t.CompletedAt, readTime)
	case "progress":
		return readFloat(value, &t.Progress)
	case "progress_message":
		return readOptional(value, &t.ProgressMessage, readString)
	case "parameters":
		t.Parameters = value
	case "result_data":
		t.ResultData = value
	case "result_truncated":
		return readAny(value, &t.ResultTruncated)
	case "error_message":
		return readOptional(value, &t.ErrorMessage, readString)
	case "queue":
		return readString(value, &t.Queue)
	case "priority":
		return readInt(value, &t.Priority)
	case "run_at":
		return readOptional(value, &t.RunAt, readTime)
	case "waiting_for":
		return readOptional(value, &t.WaitingFor, readWaiting)
	case "subject":
		return readOptional(value, &t.Subject, readString)
	case "outcome":
		return readOptional(value, &t.Outcome, readString)
	case "partial":
		return readBool(value, &t.Partial)
	case "file_names":
		return readAny(value, &t.FileNames)
	case "erased":
		return readBool(value, &t.Erased)
	case "damaged":
		return readAny(value, &t.Damaged)
	case "ready_at":
		return readOptional(value, &t.ReadyAt, readTime)
	case "progress_reports":
		return readInt(value, &t.ProgressReports)
	case "steps":
		return readInt(value, &t.Steps)
	case "children":
		return readInt(value, &t.Children)
	case "attempt":
		return readInt(value, &t.Attempt)
	case "max_attempts":
		return readInt(value, &t.MaxAttempts)
	case "attempts_before_retry":
		return readInt(value, &t.AttemptsBeforeRetry)
	case "timeout_seconds":
		return readOptional(value, &t.TimeoutSeconds, readFloat)
	case "tags":
		return string(value) == "[]" && setEmpty(&t.Tags) || readAny(value, &t.Tags)
	case "idempotency_key":
		return readOptional(value, &t.IdempotencyKey, readString)
	case "concurrency_key":
		return readOptional(value, &t.ConcurrencyKey, readString)
	case "unique":
		return jsontext.IsNull(value) || readAny(value, &t.Unique)
	case "traceparent":
		return readOptional(value, &t.TraceParent, readString)
	case "retry_of":
		return readOptional(value, &t.RetryOf, readString)
	case "retried_as":
		return readOptional(value, &t.RetriedAs, readString)
	case "replaced_by":
		return readOptional(value, &t.ReplacedBy, readString)
	case "depends_on":
		return string(value) == "[]" && setEmpty(&t.DependsOn) || readAny(value, &t.DependsOn)
	case "on_dependency_failure":
		return readOptional(value, &t.OnDependencyFailure, readString)
	case "because":
		return readOptional(value, &t.Because, readString)
	case "parent_id":
		return readOptional(value, &t.ParentID, readString)
	case "child_name":
		return readOptional(value, &t.ChildName, readString)
	case "workflow_id":
		return readOptional(value, &t.WorkflowID, readString)
	case "worker":
		return readOptional(value, &t.Worker, readString)
	case "version":
		return readInt(value, &t.Version)
	case "last_seq":
		return readInt(value, &t.LastSeq)
	}
	return true
}

func setEmpty[T any](to *[]T) bool {
	*to = []T{}
	return true
}

// The functions below read one value. They return false if it is not of the type. As for
// encoding/json, null leaves what is there.

func readString(value []byte, to *string) bool {
	switch {
	case jsontext.IsNull(value):
		return true
	case value[0] != '"':
		return false
	}
	for _, w := range frequent {
		if string(value[1:len(value)-1]) == w {
			*to = w
			return true
		}
	}
	*to = jsontext.Unquote(value)
	return true
}

// frequent are strings that most tasks have. They are not allocated.
var frequent = [...]string{string(Pending), string(Running), string(Success), "default", "capacity", "run_at", "backoff"}

func readInt[T int | int64](value []byte, to *T) bool {
	if jsontext.IsNull(value) {
		return true
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	*to = T(n)
	return err == nil && int64(*to) == n
}

func readFloat(value []byte, to *float64) (ok bool) {
	if jsontext.IsNull(value) {
		return true
	}
	f, err := strconv.ParseFloat(string(value), 64)
	*to = f
	return err == nil
}

func readBool(value []byte, to *bool) bool {
	switch string(value) {
	case "true", "false":
		*to = string(value) == "true"
		return true
	}
	return jsontext.IsNull(value)
}

func readTime(value []byte, to *time.Time) bool { return to.UnmarshalJSON(value) == nil }

// readAny reads a value by encoding/json.
func readAny(value []byte, to any) bool { return json.Unmarshal(value, to) == nil }

// readOptional reads what null may stand for.
func readOptional[T any](value []byte, to **T, read func([]byte, *T) bool) bool {
	if jsontext.IsNull(value) {
		return true
	}
	*to = new(T)
	return read(value, *to)
}

// readWaiting reads what a task waits for.
func readWaiting(value []byte, to *WaitingFor) bool {
	if !jsontext.IsObject(value) {
		return false
	}
	for key, inner := range jsontext.Members(value) {
		switch {
		case !isPlainKey(key), string(key) == "reason" && !readString(inner, &to.Reason), string(key) == "also" && !readAny(inner, &to.Also):
			return false
		}
	}
	to.Raw = value
	return true
}
