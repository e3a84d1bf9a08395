package eventlog

import "errors"

// Errors of Append. Every Result.Err wraps exactly one of them, or ErrDamaged: the log was
// found to be damaged and is only read from then on (nothing written).
var (
	// ErrInvalid: the entry can never be appended as it is (nothing written).
	ErrInvalid = errors.New("entry is not valid")
	// ErrConflict: the guard of the entry does not hold, because somebody else has appended, or
	// an entry that it needs was refused (nothing written). Read the log to its head and decide again.
	ErrConflict = errors.New("log has moved on")
	// ErrFull: there is no room (nothing written). Try again later.
	ErrFull = errors.New("log is full")
	// ErrUnavailable: the log cannot be reached now, or has no majority (nothing written). Try again later.
	ErrUnavailable = errors.New("log cannot be reached")
	// ErrUnknown: the entry is written or it is not. The log takes no more
	// appends; reopen it and look.
	ErrUnknown = errors.New("outcome of the append is unknown")
)

// Errors of reading.
var (
	// ErrNotFound: there is no such event, or it never had a payload.
	ErrNotFound = errors.New("not in the log")
	// ErrErased: the payload was erased; its hash remains.
	ErrErased = errors.New("payload was erased")
	// ErrDamaged: what was read does not fit its hash, or a seq is missing.
	ErrDamaged = errors.New("log is damaged")
	// ErrMoved: the files of the log are not where they were when it was opened. What is
	// appended to them would be lost with them, so nothing is.
	ErrMoved = errors.New("files of the log were removed or replaced")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("log is closed")
)
