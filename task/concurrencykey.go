package task

// OnKeyConflict is what happens when a task is submitted while tasks of its queue with the same concurrency
// key have not ended.
type OnKeyConflict uint8

// The ways to resolve a conflict of concurrency keys.
const (
	KeyConflictWait           OnKeyConflict = iota // the new task waits for its turn
	KeyConflictReplaceWaiting                      // pending ones are cancelled
	KeyConflictCancelRunning                       // pending ones are cancelled, running ones are asked to stop
	KeyConflictReject                              // the submit is refused

	keyConflictCount
)

// KeyConflictNames lists the names, for errors.
const KeyConflictNames = "wait, replace_waiting, cancel_running or reject"

var keyConflictNames = [keyConflictCount]string{"wait", "replace_waiting", "cancel_running", "reject"}

// String returns the name in a request: "wait".
func (c OnKeyConflict) String() string { return keyConflictNames[c] }

// ParseOnKeyConflict returns what has that name.
func ParseOnKeyConflict(name string) (OnKeyConflict, bool) {
	for i, known := range keyConflictNames {
		if name == known {
			return OnKeyConflict(i), true
		}
	}
	return 0, false
}
