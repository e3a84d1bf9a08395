package task

// ReadyKey is the place of a pending task among those that may start: higher priority
// first, then due earlier, then submitted earlier. It is the one statement of that order.
type ReadyKey struct {
	Rank int32 // the priority, negated
	Due  Micros
	Seq  int64 // of the submission
}

// ReadyKey returns the task's place among those that may start.
func (t *Task) ReadyKey() ReadyKey { return ReadyKey{-int32(t.Priority), t.DueAt, t.SubmitSeq} }

// Less reports whether a task with key a starts before one with key b.
func (a ReadyKey) Less(b ReadyKey) bool {
	if a.Rank != b.Rank {
		return a.Rank < b.Rank
	}
	if a.Due != b.Due {
		return a.Due < b.Due
	}
	return a.Seq < b.Seq
}
