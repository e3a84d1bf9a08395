package projection

import (
	"fmt"
	"slices"
	"testing"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// needs are what the views know of the tasks that depend on others: how many dependencies are open, and whether one is impossible.
func needs(v *Views, ids ...ulid.ULID) (list []string) {
	stranded := map[ulid.ULID]bool{}
	for t := range v.Stranded() {
		stranded[t.ID] = true
	}
	for _, id := range ids {
		_, open := v.OpenDependencies(id, 10)
		where := "gone"
		if rec := v.table.find(id); rec != nil {
			where = map[place]string{nowhere: "ended", inReady: "ready", inHeld: "held", inRunning: "runs"}[rec.place]
		}
		list = append(list, fmt.Sprint(where, " ", open, " ", stranded[id]))
	}
	return list
}

func TestATaskIsHeldUntilItsDependenciesHaveEndedAsItNeeds(t *testing.T) {
	l := newLedger(t)
	a, b := l.submit(task.Submit{MaxAttempts: 1}), l.submit(task.Submit{MaxAttempts: 1})
	both := l.submit(task.Submit{DependsOn: []task.Dependency{{Task: a}, {Task: b}}})
	onFailure := l.submit(task.Submit{DependsOn: []task.Dependency{{Task: a, When: task.WhenFailed}}})
	always := l.submit(task.Submit{DependsOn: []task.Dependency{{Task: b, When: task.WhenEnded}}})
	anyway := l.submit(task.Submit{DependsOn: []task.Dependency{{Task: a}, {Task: b}}, RunAnyway: true})
	dir := t.TempDir()
	v := openKept(t, growing{l: l}, dir, 0)
	check := func(when string, want ...string) {
		t.Helper()
		if got := needs(l.views, both, onFailure, always, anyway); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
		if err := v.Apply(l.events[v.Seq():]); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		v = openKept(t, growing{l: l}, dir, 0)
		if got := needs(v, both, onFailure, always, anyway); !slices.Equal(got, want) {
			t.Errorf("%s, after a restart: %v, want %v", when, got, want)
		}
	}
	check("at first", "held 2 false", "held 1 false", "held 1 false", "held 2 false")
	l.do(system, a, task.Succeed{Fence: l.start(a)})
	check("one has succeeded", "held 1 false", "held 1 true", "held 1 false", "held 1 false")
	l.do(system, b, task.Fail{Fence: l.start(b), Code: task.CodePermanent})
	check("the other has failed", "held 1 true", "held 1 true", "ready 0 false", "ready 0 false")
	l.start(always)
	l.do(person, b, task.Retry{})
	check("it is retried", "held 1 false", "held 1 true", "runs 0 false", "held 1 false")
	l.do(system, b, task.Succeed{Fence: l.start(b)})
	check("it has succeeded", "ready 0 false", "held 1 true", "runs 0 false", "ready 0 false")
	for _, id := range []ulid.ULID{both, onFailure, always, anyway} {
		l.do(person, id, task.Cancel{})
		if l.tasks[id].CancelRequested {
			l.do(system, id, task.Stop{Fence: l.tasks[id].Fence()})
		}
	}
	if n, stranded := len(l.views.order.targets), len(l.views.order.stranded); n != 0 || stranded != 0 {
		t.Errorf("%d targets and %d stranded tasks are left", n, stranded)
	}
}

func TestADependencyThatHasLeftMemoryIsLookedUp(t *testing.T) {
	l := newLedger(t)
	a := l.submit(task.Submit{MaxAttempts: 1})
	l.do(system, a, task.Fail{Fence: l.start(a), Code: task.CodePermanent})
	waits := l.submit(task.Submit{DependsOn: []task.Dependency{{Task: a}}})
	l.do(person, waits, task.Cancel{})
	dir := t.TempDir()
	v := openKept(t, growing{l: l}, dir, 0)
	checkpointNow(t, v)
	checkpointNow(t, v)
	if n := v.table.size(); n != 0 {
		t.Fatalf("%d tasks are still in memory", n)
	}
	fresh := l.submit(task.Submit{DependsOn: []task.Dependency{{Task: a, When: task.WhenFailed}}})
	l.do(person, waits, task.Retry{})
	if err := v.Apply(l.events[v.Seq():]); err != nil {
		t.Fatal(err)
	}
	if got, want := needs(v, a, fresh, waits), []string{"gone 0 false", "ready 0 false", "held 1 true"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
}
