package handler

import (
	"errors"
	"time"
)

// LogFailure writes to the task's log why the attempt failed, and whether and when another follows. The text of err must
// hold no secret.
func (c *Call) LogFailure(err error) {
	log := c.Log().With("error", err.Error())
	var later interface{ RetryAfter() time.Duration }
	switch {
	case IsPermanent(err):
		log.Error("the attempt failed; a retry would not help")
	case c.LastAttempt:
		log.Error("the attempt failed; it was the last one")
	case errors.As(err, &later) && later.RetryAfter() > 0:
		log.Warn("the attempt failed; it is retried after the time that was asked for", "retry_after_seconds", later.RetryAfter().Seconds())
	default:
		log.Warn("the attempt failed; it is retried after the backoff of the task")
	}
}
