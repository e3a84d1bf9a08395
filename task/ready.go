package task

// AgeStep is what a point of priority is worth: a task of priority p starts as if it had been due p steps
// earlier. So a task is overtaken by those of a higher priority for a bounded time only, and none waits
// for ever. See docs/adr/0038.
const AgeStep = 5 * 60 * Second

// ReadyKey is the place of a pending task among those that may start: due earlier first, a higher
// priority counting as due earlier, then submitted earlier. It is the one statement of that order.
// It does not change while the task waits.
type ReadyKey struct {
	Due Micros // less AgeStep for each point of priority
	Seq int64  // of the submission
}

// ReadyKey returns the task's place among those that may start.
func (t *Task) ReadyKey() ReadyKey {
	return ReadyKey{t.DueAt - Micros(t.Priority)*AgeStep, t.SubmitSeq}
}

// Less reports whether a task with key a starts before one with key b.
func (a ReadyKey) Less(b ReadyKey) bool {
	if a.Due != b.Due {
		return a.Due < b.Due
	}
	return a.Seq < b.Seq
}
