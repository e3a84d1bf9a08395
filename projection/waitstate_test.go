package projection

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"daybook/task"

	"pgregory.net/rapid"
)

// waitOf works out what a pending task waits for from the tasks and the state of its queue alone.
func (l *ledger) waitOf(r *task.Task) WaitState {
	q := l.views.QueueState(r.Queue)
	var running int
	for _, other := range l.tasks {
		if other.Queue == r.Queue && other.Status == task.Running {
			running++
		}
	}
	switch {
	case r.Waits() != nil, r.Ending() != task.None:
		return WaitSuspended
	case !r.Due(l.now) && r.Retrying:
		return WaitBackoff
	case !r.Due(l.now):
		return WaitScheduled
	case q.Paused, q.Limits.Concurrency > 0 && running >= q.Limits.Concurrency, l.isHeld(r):
		return WaitBlocked
	case q.Limits.Rate > 0 && q.Limits.Pace().StartsAt(q.Due) > l.now:
		return WaitBlocked
	}
	if h := l.views.KeyHold(r); h.Limit > 0 || h.Until > l.now {
		return WaitBlocked
	}
	return WaitReady
}

// checkWaiting compares counts and lists with what each task says by itself.
func checkWaiting(t *rapid.T, l *ledger) {
	version := map[string]int64{}
	for _, queue := range []string{"default", "mail", "yard"} {
		for range rapid.IntRange(0, 2).Draw(t, "changes of "+queue) {
			version[queue]++
			kind := rapid.SampledFrom([]string{"queue.paused", "queue.resumed", "queue.limits_set"}).Draw(t, "kind")
			data := "{}"
			if kind == "queue.limits_set" {
				data = rapid.SampledFrom([]string{`{"concurrency":1}`, `{"concurrency":2}`, `{"rate_per_second":0.001}`, `{}`}).Draw(t, "limits")
			}
			l.otherOf("queue:"+queue, kind, version[queue], data)
		}
	}
	l.ruled = rapid.Bool().Draw(t, "ruled")
	wander(t, l) // so that starts are charged to the rates
	l.views.Promote(l.now)
	l.views.OpenKeys(l.now)
	want := map[WaitCount]int64{}
	byState := map[WaitState][]*task.Task{}
	for _, id := range l.order {
		if r := l.tasks[id]; r.Status == task.Pending {
			state := l.waitOf(r)
			want[WaitCount{State: state, Type: r.Type, Queue: r.Queue}]++
			byState[state] = append(byState[state], r)
		}
	}
	got := map[WaitCount]int64{}
	counts, next := l.views.WaitCounts(l.now)
	for _, c := range counts {
		got[WaitCount{c.State, c.Type, c.Queue, 0}] = c.N
	}
	if diff := diffOf(want, got); diff != "" || next != l.views.NextDue() {
		t.Fatalf("next due %d, want %d; counts (-want +got):\n%s", next, l.views.NextDue(), diff)
	}
	for _, states := range [][]WaitState{{WaitReady}, {WaitScheduled}, {WaitBackoff}, {WaitBlocked}, {WaitSuspended}, {WaitScheduled, WaitBackoff}, {WaitReady, WaitBackoff}} {
		checkWaitList(t, l, states, byState)
	}
}

func checkWaitList(t *rapid.T, l *ledger, states []WaitState, byState map[WaitState][]*task.Task) {
	q := anyQuery(t, l)
	q.Waiting, q.Wall = states, l.now
	var want []*task.Task
	for _, state := range states {
		for _, r := range byState[state] {
			if asked(q, r) {
				want = append(want, r)
			}
		}
	}
	slices.SortFunc(want, func(a, b *task.Task) int {
		if q.IsByDue() {
			return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.SubmitSeq, b.SubmitSeq))
		}
		return cmp.Compare(b.SubmitSeq, a.SubmitSeq)
	})
	var got []string
	for {
		page, err := l.views.List(context.Background(), q)
		if err != nil || !page.Exact || page.Total != int64(len(want)) {
			t.Fatalf("%+v: %d of %d: %v", q, page.Total, len(want), err)
		}
		for i := range page.Tasks {
			got = append(got, page.Tasks[i].Name())
		}
		if q.Before, q.AfterDue = page.Next, page.NextDue; q.Before == 0 && q.AfterDue == (Due{}) {
			break
		}
	}
	if diff := diffOf(names(want), got); diff != "" {
		t.Fatalf("%+v (-want +got):\n%s", q, diff)
	}
}

func TestATaskBehindAnotherIsReadyWhenThatHasEndedAlsoAfterARestart(t *testing.T) {
	l := newLedger(t)
	first := l.submit(task.Submit{Unique: &task.UniqueSubmit{Key: "k"}})
	fence := l.start(first)
	second := l.submit(task.Submit{Unique: &task.UniqueSubmit{Key: "k", Behind: first}})
	dir := t.TempDir()
	v := openKept(t, growing{l: l}, dir, 0)
	check := func(when string, v *Views, blocked, ready int64) {
		t.Helper()
		got := map[WaitState]int64{}
		counts, _ := v.WaitCounts(l.now)
		for _, c := range counts {
			got[c.State] += c.N
		}
		if got[WaitBlocked] != blocked || got[WaitReady] != ready || int64(v.ReadyCount()) != ready {
			t.Errorf("%s: %v, %d ready", when, got, v.ReadyCount())
		}
	}
	check("while the first runs", l.views, 1, 0)
	check("in views on disk", v, 1, 0)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = openKept(t, growing{l: l}, dir, 0)
	check("after a restart", v, 1, 0)
	l.do(system, first, task.Succeed{Fence: fence})
	if err := v.Apply(l.events[v.Seq():]); err != nil {
		t.Fatal(err)
	}
	check("when it has ended", l.views, 0, 1)
	check("when it has ended after the restart", v, 0, 1)
	l.do(person, second, task.Cancel{})
	if n := len(l.views.order.targets); n != 0 {
		t.Errorf("%d are still followed", n)
	}
}
