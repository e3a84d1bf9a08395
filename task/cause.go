package task

import "errors"

// Causes of the end of an attempt's context: what context.Cause says to a handler.
var (
	// ErrAttemptCancelled: somebody cancelled the task; nothing of the attempt is kept.
	ErrAttemptCancelled = errors.New("task was cancelled")
	// ErrAttemptTimeout: the attempt ran longer than the task's timeout.
	ErrAttemptTimeout = errors.New("attempt ran longer than its timeout")
	// ErrAttemptStopping: the server stops; the task is given back and the attempt does not count.
	ErrAttemptStopping = errors.New("server is stopping")
	// ErrAttemptLeaseLost: the attempt does not hold its task any more; nothing of it is kept.
	ErrAttemptLeaseLost = errors.New("attempt no longer holds its task")
)
