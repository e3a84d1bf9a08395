package projection

import (
	"daybook/eventlog"
	"daybook/task"
)

// Observer is told of each event as it is folded, for what is measured or exported beside the views. It is
// called by the goroutine that writes, while the views are locked: it must be quick, and must not call
// methods of the views.
type Observer interface {
	// TaskChanged is told of an event of a task, which it has led from the status before to where it
	// now is. Neither is to be kept.
	TaskChanged(t *task.Task, before task.Status, e *task.Event)
	// StreamChanged is told of an event that is not of a task.
	StreamChanged(e *eventlog.Event)
}

// Observe adds an observer, before anything is appended. Events of before are not told, and those
// may be missing that are folded while a damaged view file is made again.
func (v *Views) Observe(o Observer) { v.observers = append(v.observers, o) }
