package workflowfile

import (
	"maps"
	"slices"
)

// Fields are the keys that the check knows, by the schema of the API that has them.
func Fields() map[string][]string {
	return map[string][]string{
		"NewWorkflow":  slices.Sorted(maps.Keys(workflowFields)),
		"WorkflowTask": slices.Sorted(maps.Keys(taskFields)),
	}
}
