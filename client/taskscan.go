package client

import (
	"bytes"
	"encoding/json"
)

// taskFields are the members of a task in the order in which the server writes them.
var taskFields = [...]struct {
	key  string
	read func(s *scan, t *Task)
}{
	{"id", func(s *scan, t *Task) { s.words(&t.ID) }},
	{"task_type", func(s *scan, t *Task) { s.words(&t.TaskType) }},
	{"status", func(s *scan, t *Task) { s.words((*string)(&t.Status)) }},
	{"created_at", func(s *scan, t *Task) { s.moment(&t.CreatedAt) }},
	{"started_at", func(s *scan, t *Task) { optional(s, &t.StartedAt, (*scan).moment) }},
	{"completed_at", func(s *scan, t *Task) { optional(s, &t.CompletedAt, (*scan).moment) }},
	{"progress", func(s *scan, t *Task) { s.float(&t.Progress) }},
	{"progress_message", func(s *scan, t *Task) { optional(s, &t.ProgressMessage, (*scan).words) }},
	{"parameters", func(s *scan, t *Task) { s.raw(&t.Parameters) }},
	{"result_data", func(s *scan, t *Task) { s.raw(&t.ResultData) }},
	{"result_truncated", func(s *scan, t *Task) { s.truth(&t.ResultTruncated) }},
	{"error_message", func(s *scan, t *Task) { optional(s, &t.ErrorMessage, (*scan).words) }},
	{"queue", func(s *scan, t *Task) { s.words(&t.Queue) }},
	{"priority", func(s *scan, t *Task) { s.small(&t.Priority) }},
	{"run_at", func(s *scan, t *Task) { optional(s, &t.RunAt, (*scan).moment) }},
	{"waiting_for", func(s *scan, t *Task) { optional(s, &t.WaitingFor, (*scan).waiting) }},
	{"attempt", func(s *scan, t *Task) { s.small(&t.Attempt) }},
	{"max_attempts", func(s *scan, t *Task) { s.small(&t.MaxAttempts) }},
	{"attempts_before_retry", func(s *scan, t *Task) { s.small(&t.AttemptsBeforeRetry) }},
	{"timeout_seconds", func(s *scan, t *Task) { optional(s, &t.TimeoutSeconds, (*scan).float) }},
	{"tags", func(s *scan, t *Task) { s.list(&t.Tags) }},
	{"idempotency_key", func(s *scan, t *Task) { optional(s, &t.IdempotencyKey, (*scan).words) }},
	{"unique", func(s *scan, t *Task) { optional(s, &t.Unique, (*scan).uniqueKey) }},
	{"retry_of", func(s *scan, t *Task) { optional(s, &t.RetryOf, (*scan).words) }},
	{"retried_as", func(s *scan, t *Task) { optional(s, &t.RetriedAs, (*scan).words) }},
	{"replaced_by", func(s *scan, t *Task) { optional(s, &t.ReplacedBy, (*scan).words) }},
	{"worker", func(s *scan, t *Task) { optional(s, &t.Worker, (*scan).words) }},
	{"version", func(s *scan, t *Task) { s.integer(&t.Version) }},
	{"last_seq", func(s *scan, t *Task) { s.integer(&t.LastSeq) }},
}

// fromPlain decodes a task in the plain form and tells whether it was that. If not, t is
// as it was.
func (t *Task) fromPlain(data []byte) bool {
	if !t.blank() {
		return false
	}
	before := *t
	s := scan{text: bytes.Clone(data)}
	s.task(t)
	if s.odd || s.at != len(s.text) {
		*t = before
		return false
	}
	t.Raw = s.text[:len(s.text):len(s.text)]
	return true
}

// blank tells that the task has no memory that a decoder would write into.
func (t *Task) blank() bool {
	return t.StartedAt == nil && t.CompletedAt == nil && t.ProgressMessage == nil && t.Parameters == nil &&
		t.ResultData == nil && t.ErrorMessage == nil && t.RunAt == nil && t.WaitingFor == nil &&
		t.TimeoutSeconds == nil && t.Tags == nil && t.IdempotencyKey == nil && t.Worker == nil &&
		t.Unique == nil && t.RetryOf == nil && t.RetriedAs == nil && t.ReplacedBy == nil
}

// task reads a task. Members that it does not know may stand anywhere; those that it
// knows are odd in another order, or twice.
func (s *scan) task(t *Task) {
	s.take('{')
	next := 0
	for ok := !s.odd; ok; ok = s.more('}') {
		key := s.key()
		i := fieldAt(key, next)
		switch {
		case i >= 0:
			taskFields[i].read(s, t)
			next = i + 1
		case fieldAt(key, 0) >= 0:
			s.odd = true
		default:
			s.value(0)
		}
	}
}

// fieldAt is the index of the member of that name, not before from; -1 for none.
func fieldAt(key []byte, from int) int {
	for i := from; i < len(taskFields); i++ {
		if taskFields[i].key == string(key) {
			return i
		}
	}
	return -1
}

// waiting reads what a task waits for.
func (s *scan) waiting(w *WaitingFor) {
	start, seen := s.at, false
	s.take('{')
	for ok := !s.odd; ok; ok = s.more('}') {
		if string(s.key()) != "reason" {
			s.value(0)
			continue
		}
		s.words(&w.Reason)
		s.odd = s.odd || seen
		seen = true
	}
	w.Raw = json.RawMessage(s.text[start:s.at:s.at])
}

// uniqueKey reads the key that a task holds.
func (s *scan) uniqueKey(u *UniqueKey) {
	start := s.at
	s.value(0)
	if !s.odd && json.Unmarshal(s.text[start:s.at], u) != nil {
		s.odd = true
	}
}

// plainTasks decodes an array of tasks in the plain form and tells whether it was that. If
// each element is JSON, so is the array.
func plainTasks(text []byte) ([]Task, bool) {
	elements, ok := elementsOf(text, 0)
	if !ok {
		return nil, false
	}
	tasks := make([]Task, len(elements))
	for i, one := range elements {
		if !tasks[i].fromPlain(one) {
			return nil, false
		}
	}
	return tasks, true
}
