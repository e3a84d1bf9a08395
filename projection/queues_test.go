package projection

import (
	"fmt"
	"testing"

	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// inQueue submits a task of the queue that fails, or goes on to wait.
func inQueue(l *ledger, name string, ends bool) ulid.ULID {
	id := l.submit(task.Submit{Type: "T", Queue: name, MaxAttempts: 1})
	if ends {
		l.do(system, id, task.Fail{Fence: l.start(id), Error: "no"})
	}
	return id
}

// merged are counts as a client has them that knew some, and was sent what changed.
func merged(known, changed []Count) []Count {
	byName := make(map[Count]int64)
	for _, c := range append(append([]Count(nil), known...), changed...) {
		n := c.N
		c.N = 0
		byName[c] = n
	}
	var list []Count
	for c, n := range byName {
		if c.N = n; n != 0 {
			list = append(list, c)
		}
	}
	inOrder(list)
	return list
}

func TestEmptyQueuesAreForgottenTheLeastRecentlyUsedFirst(t *testing.T) {
	l := newLedger(t)
	dir := t.TempDir()
	v := openKept(t, growing{l: l}, dir, 0)
	known, at := v.Counts()
	follow := func(when string) []Count {
		t.Helper()
		if err := v.Apply(l.events[v.Seq():]); err != nil {
			t.Fatal(err)
		}
		want, _ := l.views.Counts()
		got, seq := v.Counts()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: with a file they are others:\n%s", when, diff)
		}
		changed, _ := v.CountsSince(at)
		if diff := cmp.Diff(got, merged(known, changed)); diff != "" {
			t.Fatalf("%s: what changed does not say so:\n%s", when, diff)
		}
		known, at = got, seq
		return got
	}
	of := func(counts []Count, queue string) (n int64) {
		for _, c := range counts {
			if c.Queue == queue {
				n += c.N
			}
		}
		return n
	}

	waiting := inQueue(l, "waits", false)
	first := inQueue(l, "q0", true)
	for i := 1; i < MaxQueues; i++ {
		inQueue(l, fmt.Sprint("q", i), true)
	}
	counts := follow("one too many")
	if of(counts, "q0") != 0 || of(counts, "") != 1 || of(counts, "q1") != 1 || of(counts, "waits") != 1 {
		t.Error(counts[:3])
	}
	checkpointNow(t, v)
	inQueue(l, "q1", true) // the next would have been this one
	inQueue(l, "new", true)
	follow("after a checkpoint")
	closeViews(t, v)

	v = openKept(t, growing{l: l}, dir, 0)
	known, at = v.Counts()
	inQueue(l, "newer", true)
	counts = follow("after a restart")
	if of(counts, "q1") != 2 || of(counts, "q2") != 0 || of(counts, "q3") != 0 || of(counts, "") != 3 {
		t.Errorf("%d of q1, %d of the rest", of(counts, "q1"), of(counts, ""))
	}
	l.do(system, first, task.Retry{})
	counts = follow("one goes on")
	if of(counts, "q0") != 1 || of(counts, "") != 3 {
		t.Errorf("%d of q0, %d of the rest", of(counts, "q0"), of(counts, ""))
	}
	l.do(system, waiting, task.Cancel{})
	follow("the oldest is empty")
	page, err := v.List(t.Context(), Query{Queues: []string{"q3"}, Limit: 10})
	if err != nil || page.Total != 1 {
		t.Errorf("a forgotten queue lists %d: %v", page.Total, err)
	}
	closeViews(t, v)
}
