package task

import (
	"encoding/binary"

	"daybook/internal/jsontext"

	"github.com/oklog/ulid/v2"
)

// A workflow is a task of the type WORKFLOW whose children depend on each other. It runs while they do, in no slot and with no
// worker, and so holds its place in its queue and its concurrency key for all of them.

const (
	TypeWorkflow  = "WORKFLOW"
	QueueWorkflow = "workflows" // of all workflows

	// Limits of a workflow.
	MaxWorkflowTasks = 10_000
	MaxWorkflowEdges = 100_000
)

// Workflow is a workflow to be submitted: the task WORKFLOW, and its tasks in an order in which each comes after those that it depends on.
type Workflow struct {
	Whole Submit
	Tasks []WorkflowTask
}

// WorkflowTask is a task of a workflow. Its Submit has no DependsOn.
type WorkflowTask struct {
	Submit
	Name  string  // 1 … 64 of [A-Za-z0-9._-]
	After []After // the tasks of the workflow that it depends on
}

// After is a dependency on another task of the same workflow.
type After struct {
	Task int // its place in Workflow.Tasks
	When When
	Name string
}

// NameOnEnd is the name of the task of a workflow that comes after all others.
const NameOnEnd = "on_end"

// Validate lists what is wrong with the workflow and with each of its tasks, as Submit.Validate does, with pointers from the request: /tasks/a/queue.
func (w *Workflow) Validate() []FieldError {
	bad := w.Whole.Validate()
	for i := range bad {
		if bad[i].Pointer == "/subject" {
			bad[i].Pointer = "/name"
		}
	}
	for i := range w.Tasks {
		one := w.Tasks[i].Submit
		for _, on := range w.Tasks[i].After { // as it will be, with ids that differ
			var id ulid.ULID
			binary.BigEndian.PutUint64(id[8:], uint64(on.Task)+1)
			one.DependsOn = append(one.DependsOn, Dependency{Task: id, When: on.When, Name: on.Name})
		}
		for _, f := range one.Validate() {
			f.Pointer = w.Tasks[i].Pointer() + f.Pointer
			bad = append(bad, f)
		}
	}
	return bad
}

// Pointer is where the task is in the request of its workflow.
func (t *WorkflowTask) Pointer() string {
	if t.Name == NameOnEnd {
		return "/on_end"
	}
	return "/tasks/" + jsontext.EscapePointer(t.Name)
}

// IsWorkflow reports whether the task is a workflow.
func (t *Task) IsWorkflow() bool { return t.Type == TypeWorkflow }

// InWorkflow is the workflow whose task it is, zero for none. A child of such a task is none.
func (t *Task) InWorkflow() ulid.ULID {
	if k := t.Kin; k != nil && k.Step == "" && k.Workflow != (ulid.ULID{}) && k.Workflow == k.Parent {
		return k.Workflow
	}
	return ulid.ULID{}
}
