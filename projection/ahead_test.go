package projection

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// The line, which says what starts next, is the oracle: what is ahead of a task is its place there.
func TestWhatIsAheadOfATaskIsItsPlaceInTheLine(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(60) {
		aheadOnce(t, rand.New(rand.NewPCG(seed, 16)), seed, seen)
	}
	for _, what := range []string{"exact", "exact with rules", "at least", "not ready"} {
		if seen[what] == 0 {
			t.Errorf("none is %s: %v", what, seen)
		}
	}
}

func aheadOnce(t *testing.T, r *rand.Rand, seed uint64, seen map[string]int) {
	l := newLedger(t)
	queues, plain := []int{1, 3, 40, 90}[r.IntN(4)], true
	name := func(i int) string { return fmt.Sprintf("q%d", i) }
	if r.IntN(2) == 0 {
		plain = false
		l.limit(name(0), []QueueLimits{{FairKeys: true}, {KeyConcurrency: 2}, {Weight: 200}}[r.IntN(3)])
	}
	var submitted []ulid.ULID
	for range 120 {
		submitted = append(submitted, l.submit(task.Submit{Type: []string{"A", "B", "C"}[r.IntN(3)], Queue: name(r.IntN(queues)), Priority: r.IntN(3),
			ConcurrencyKey: []string{"", "a", "b"}[r.IntN(3)]}))
		l.after(task.Micros(r.IntN(200)) * task.Second)
	}
	for _, id := range submitted {
		if r.IntN(10) == 0 {
			l.start(id)
		}
	}
	shares := func(taskType string) bool { return taskType != "C" }
	place := 0
	for next := range l.views.Ready(func(taskType, _ string) bool { return shares(taskType) }) {
		got, ready := l.views.Ahead(next.ID, l.now, shares)
		switch {
		case !ready, got.N > place, !got.More && got.N != place:
			t.Fatalf("seed %d: ahead of the task in place %d are %+v, ready: %v", seed, place, got, ready)
		case plain && got.More && queues <= mostCounted/2: // two types in each
			t.Fatalf("seed %d: %d in place %d is not said to be exact", seed, got.N, place)
		case got.More:
			seen["at least"]++
		case plain:
			seen["exact"]++
		default:
			seen["exact with rules"]++
		}
		place++
	}
	for _, id := range submitted {
		if _, ready := l.views.Ahead(id, l.now, shares); !ready {
			seen["not ready"]++
			if l.tasks[id].Status != task.Running {
				t.Fatalf("seed %d: %s is not ready", seed, l.tasks[id].Status)
			}
		}
	}
}

// What a pause or a limit holds does not come first.
func TestWhatAQueueHoldsIsAheadOfItsOwnTasksOnly(t *testing.T) {
	l := newLedger(t)
	l.submit(task.Submit{Type: "A", Queue: "held"})
	own, other := l.submit(task.Submit{Type: "A", Queue: "held"}), l.submit(task.Submit{Type: "A", Queue: "open"})
	check := func(when string, id ulid.ULID, want int) {
		t.Helper()
		if got, ready := l.views.Ahead(id, l.now, func(string) bool { return true }); !ready || got != (Ahead{N: want}) {
			t.Errorf("%s: %+v, want %d", when, got, want)
		}
	}
	check("own", own, 1)
	check("other", other, 2)
	l.otherOf("queue:held", "queue.paused", 1, "{}")
	check("own, paused", own, 1)
	check("other, paused", other, 0)
}

func TestTheNumberBeforeAnItemIsFoundFromAnywhere(t *testing.T) {
	for n := range 70 {
		tree := newDueTree()
		for i := range n {
			tree.Set(dueKey{ReadyKey: task.ReadyKey{Seq: int64(2 * i)}})
		}
		for want := range n + 1 {
			for from := range n + 3 {
				if got := beforeFrom(tree, dueKey{ReadyKey: task.ReadyKey{Seq: int64(2*want - 1)}}, from); got != want {
					t.Fatalf("%d of %d, from %d: %d", want, n, from, got)
				}
			}
		}
	}
}
