package task

import "errors"

// Causes of the end of an attempt's context: what context.Cause says to a handler.
var (
	// CauseCancelled: somebody cancelled the task; nothing of the attempt is kept.
	CauseCancelled = errors.New("task was cancelled")
	// CauseTimeout: the attempt ran longer than the task's timeout.
	CauseTimeout = errors.New("attempt ran longer than its timeout")
	// CauseStopping: the server stops; the task is given back and the attempt does not count.
	CauseStopping = errors.New("server is stopping")
	// CauseLeaseLost: the attempt does not hold its task any more; nothing of it is kept.
	CauseLeaseLost = errors.New("attempt no longer holds its task")
)
