package daybook

import (
	"daybook/projection"
	"daybook/task"
)

// EventTypes lists the names of all types of events, as the log has them: "task.submitted".
func EventTypes() []string {
	var names []string
	for _, t := range task.EventTypes() {
		names = append(names, t.String())
	}
	return append(names, projection.OtherEventTypes()...)
}
