package projection

import (
	"testing"

	"daybook/task"
)

func TestWorkflowsOfAKeyAreHeldAlsoInViewsOnDisk(t *testing.T) {
	l := newLedger(t)
	submit := func() task.Submit {
		return task.Submit{Type: task.TypeWorkflow, Queue: task.QueueWorkflow, ConcurrencyKey: "k", Kin: &task.Kin{Children: 1}}
	}
	first, second := l.submit(submit()), l.submit(submit())
	node := l.submit(task.Submit{Kin: &task.Kin{Parent: second, Workflow: second, Name: "a", Depth: 1}})
	dir := t.TempDir()
	v := openKept(t, growing{l: l}, dir, 0)
	check := func(when string, held bool) {
		t.Helper()
		if err := v.Apply(l.events[v.Seq():]); err != nil {
			t.Fatal(err)
		}
		checkpointNow(t, v)
		for range 2 {
			if hold := v.KeyHold(l.tasks[second]); held != (hold.Limit == 1 && hold.Running == 1) {
				t.Errorf("%s: the key holds %+v", when, hold)
			}
			if rec := v.table.find(node); (rec.place == inHeld) != (l.tasks[second].Status == task.Pending) {
				t.Errorf("%s: its task is in place %d", when, rec.place)
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			v = openKept(t, growing{l: l}, dir, 0)
		}
	}
	l.do(system, first, task.Start{})
	check("the first runs", true)
	l.do(system, first, task.Succeed{Fence: l.tasks[first].Fence()})
	check("it has ended", false)
	l.do(system, second, task.Start{})
	check("the second runs", true)
}
