package projection

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/task"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

// openChildren counts the children of a task that have not ended, apart from detached ones.
func (l *ledger) openChildren(parent ulid.ULID) (n int) {
	for _, t := range l.tasks {
		if t.IsMinded() && t.Parent() == parent && !t.Status.Ended() {
			n++
		}
	}
	return n
}

// anyKin makes a running task the parent of the next one; nil if none runs.
func anyKin(rt *rapid.T, l *ledger) *task.Kin {
	var running []ulid.ULID
	for _, id := range l.order {
		if l.tasks[id].Status == task.Running {
			running = append(running, id)
		}
	}
	if len(running) == 0 {
		return nil
	}
	id := rapid.SampledFrom(running).Draw(rt, "parent")
	step := rapid.SampledFrom([]string{"fan", "all", "any", "rest"}).Draw(rt, "step of children")
	k := &task.Kin{Parent: id, Step: step, Name: fmt.Sprint(len(l.order)), Depth: l.tasks[id].KinNow().Depth + 1, Any: step == "any",
		Detached: rapid.IntRange(0, 5).Draw(rt, "detached") == 0}
	if step == "rest" {
		k.OnFailure = task.ChildEndsRest
	}
	l.do(system, id, task.RecordSteps{Fence: l.tasks[id].Fence(), Steps: []task.NewStep{{Name: fmt.Sprint("kids", len(l.events)), Value: []byte("1"), Kind: task.StepChildren, Children: 1}}})
	return k
}

// familiesIn are the families of the views, and for which of them there is something to be done.
func familiesIn(v *Views) (lines []string) {
	for id, f := range v.families.live {
		for step, b := range f.broods {
			lines = append(lines, fmt.Sprintf("%s %s: %d open, %d told, %d done, %d lost", id, step, b.n[kinOpen], b.n[kinTold], b.n[kinDone], b.n[kinLost]))
		}
		_, due := v.families.due.Get(f.parent.task.SubmitSeq)
		lines = append(lines, fmt.Sprintf("%s: %d open, due %v, to cancel %v", id, f.open, due, len(v.ToCancel(id, 1000))))
	}
	slices.Sort(lines)
	return lines
}

// childrenIn are all children of a task, as the views find them.
func childrenIn(t failer, v *Views, parent ulid.ULID) string {
	var list []string
	err := v.Children(context.Background(), parent, func(child *task.Task) { list = append(list, child.Name()+" "+child.Status.String()) })
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// checkFamilies works out from the tasks what families there are and what is to be done for them.
func checkFamilies(t failer, l *ledger) {
	t.Helper()
	var want []string
	for _, id := range l.order {
		parent := l.tasks[id]
		if w := parent.Waits(); parent.Status.Ended() || !parent.IsParent() && (w == nil || w.Kind != task.StepChildren) {
			continue
		}
		counts := make(map[string][4]int) // open, told, done, lost
		open := 0
		for _, child := range l.tasks {
			if child.Parent() != id || child.Kin.Detached {
				continue
			}
			n := counts[child.Kin.Step]
			switch {
			case child.Status == task.Success:
				n[2]++
			case child.Status.Ended():
				n[3]++
			case child.CancelRequested || child.Ending() == task.Failed || child.Ending() == task.Cancelled:
				n[1]++
			default:
				n[0]++
			}
			if !child.Status.Ended() {
				open++
			}
			counts[child.Kin.Step] = n
		}
		cancels, settled := 0, true
		gone := parent.CancelRequested || parent.Ending() == task.Failed || parent.Ending() == task.Cancelled
		for step, n := range counts {
			want = append(want, fmt.Sprintf("%s %s: %d open, %d told, %d done, %d lost", id, step, n[0], n[1], n[2], n[3]))
			if gone || step == "any" && n[2] > 0 || step == "rest" && n[3] > 0 {
				cancels += n[0]
			}
			settled = settled && (n[0]+n[1] == 0 || step == "any" && n[2] > 0)
		}
		due := cancels > 0 || parent.Ending() != task.None && open == 0
		if w := parent.Waits(); w != nil && w.Kind == task.StepChildren {
			due = due || settled
		}
		want = append(want, fmt.Sprintf("%s: %d open, due %v, to cancel %v", id, open, due, cancels))
	}
	slices.Sort(want)
	if diff := diffOf(want, familiesIn(l.views)); diff != "" {
		t.Fatalf("families (-want +got):\n%s", diff)
	}
}

// A parent with three children: one succeeds, one fails, one is cancelled with it; then all that was lost is retried.
var familyStory = story{"family", func(l *ledger) {
	parent := l.submit(task.Submit{})
	fence := l.start(parent)
	kids := l.bear(parent, "fan", "a", "b", "c")
	l.after(task.Second)
	l.do(system, kids[0], task.Succeed{Fence: l.start(kids[0])})
	l.do(system, parent, task.Suspend{Fence: fence, Step: "join", Kind: task.StepChildren, Of: "fan"})
	l.do(person, parent, task.Cancel{Reason: "enough"})
	l.do(system, kids[1], task.Fail{Fence: l.start(kids[1]), Code: task.CodePermanent, Error: "no disk"})
	l.do(system, kids[2], task.Cancel{Reason: "its parent was cancelled"})
	l.do(system, parent, task.Finish{})
	l.after(task.Second)
	l.do(person, parent, task.Retry{})
	l.do(person, kids[1], task.Retry{})
	l.do(person, kids[2], task.Retry{})
	l.do(system, parent, task.Succeed{Fence: l.start(parent), Result: []byte("1"), Outcome: "done", Partial: true})
	l.do(system, kids[1], task.Succeed{Fence: l.start(kids[1])})
	l.do(system, kids[2], task.Fail{Fence: l.start(kids[2]), Code: task.CodePermanent, Error: "no disk"})
	l.do(system, parent, task.Finish{Error: "child c is FAILED"})
}}

// bear makes children of a running task.
func (l *ledger) bear(parent ulid.ULID, step string, names ...string) (ids []ulid.ULID) {
	l.tb.Helper()
	l.do(system, parent, task.RecordSteps{Fence: l.tasks[parent].Fence(), Steps: []task.NewStep{{Name: step, Value: []byte("3"), Kind: task.StepChildren, Children: len(names)}}})
	for _, name := range names {
		ids = append(ids, l.submit(task.Submit{Kin: &task.Kin{Parent: parent, Step: step, Name: name, Depth: 1}}))
	}
	return ids
}

func TestAParentThatComesBackFromTheFileHasItsChildren(t *testing.T) {
	l := newLedger(t)
	parent := l.submit(task.Submit{})
	fence := l.start(parent)
	kids := l.bear(parent, "fan", "a", "b", "c")
	for _, id := range kids {
		l.do(system, id, task.Fail{Fence: l.start(id), Code: task.CodePermanent, Error: "no disk"})
	}
	l.do(system, parent, task.Fail{Fence: fence, Code: task.CodePermanent, Error: "no disk"})
	kept := openKept(t, growing{l: l}, t.TempDir(), 0)
	defer closeViews(t, kept)
	checkpointNow(t, kept)
	if kept.has(parent) || kept.has(kids[0]) {
		t.Fatal("they are still in memory")
	}
	l.views = kept
	for _, id := range []ulid.ULID{parent, kids[1], kids[2]} {
		l.do(person, id, task.Retry{})
		checkFamilies(t, l)
	}
	if got := childrenIn(t, kept, parent); strings.Count(got, "FAILED") != 1 || strings.Count(got, "PENDING") != 2 {
		t.Errorf("children: %s", got)
	}
}

// sameFamilies compares the families of the ledger's views with those of others.
func sameFamilies(t failer, l *ledger, v *Views) {
	t.Helper()
	if diff := diffOf(familiesIn(l.views), familiesIn(v)); diff != "" {
		t.Fatalf("families (-want +got):\n%s", diff)
	}
	for _, id := range l.order {
		if want, got := childrenIn(t, l.views, id), childrenIn(t, v, id); want != got {
			t.Fatalf("children of %s: %s, want %s", id, got, want)
		}
	}
}
