package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/task"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

func TestEveryPageOfARandomQueryIsWhatAFullSearchFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		wander(rt, l)
		q := anyQuery(rt, l)
		var want []string
		for _, id := range slices.Backward(l.order) {
			if r := l.tasks[id]; asked(q, r) {
				want = append(want, r.Name())
			}
		}
		var got []string
		for {
			page, err := l.views.List(context.Background(), q)
			if err != nil || page.Seq != int64(len(l.events)) || !page.Exact || page.Total != int64(len(want)) || len(page.Tasks) > q.Limit {
				rt.Fatalf("%+v gave %d rows of %d (exact %v) at %d: %v; want %d in all",
					q, len(page.Tasks), page.Total, page.Exact, page.Seq, err, len(want))
			}
			for i := range page.Tasks {
				got = append(got, page.Tasks[i].Name())
			}
			if page.Next == 0 {
				break
			}
			if len(page.Tasks) != q.Limit {
				rt.Fatalf("a page of %d rows is not the last", len(page.Tasks))
			}
			q.Before = page.Next
		}
		if diff := diffOf(want, got); diff != "" {
			rt.Fatalf("%+v:\n%s", q, diff)
		}
	})
}

func anyQuery(rt *rapid.T, l *ledger) Query {
	q := Query{Limit: rapid.IntRange(1, 6).Draw(rt, "limit")}
	q.Statuses = rapid.SampledFrom([][]task.Status{nil, nil, {task.Pending}, {task.Running, task.Failed}, {task.Success}}).Draw(rt, "statuses")
	q.Types = rapid.SampledFrom([][]string{nil, nil, {"A"}, {"B", "C"}, {"none such"}}).Draw(rt, "types")
	q.Queues = rapid.SampledFrom([][]string{nil, nil, {"default"}, {"mail", "yard"}}).Draw(rt, "queues")
	q.Tags = rapid.SampledFrom([][]string{nil, nil, nil, {"x"}, {"y", "z"}}).Draw(rt, "tags")
	if len(l.order) > 0 && rapid.IntRange(0, 3).Draw(rt, "by id") == 0 {
		name := rapid.SampledFrom(l.order).Draw(rt, "id").String()
		q.IDPrefix = name[:rapid.IntRange(1, len(name)).Draw(rt, "prefix")]
	}
	if len(l.order) > 0 && rapid.IntRange(0, 2).Draw(rt, "by time") == 0 {
		q.CreatedAfter = l.tasks[rapid.SampledFrom(l.order).Draw(rt, "from")].CreatedAt - 1
		q.CreatedBefore = l.tasks[rapid.SampledFrom(l.order).Draw(rt, "to")].CreatedAt + task.Micros(rapid.IntRange(0, 1).Draw(rt, "more"))
	}
	return q
}

func asked(q Query, r *task.Task) bool {
	tagged := len(q.Tags) == 0
	for _, tag := range r.Tags() {
		tagged = tagged || slices.Contains(q.Tags, tag)
	}
	return anyOf(q.Statuses, r.Status) && anyOf(q.Types, r.Type) && anyOf(q.Queues, r.Queue) && tagged &&
		strings.HasPrefix(r.Name(), q.IDPrefix) &&
		(q.CreatedAfter == 0 || r.CreatedAt > q.CreatedAfter) && (q.CreatedBefore == 0 || r.CreatedAt < q.CreatedBefore)
}

func TestAPrefixThatNoIDCanHaveFindsNothing(t *testing.T) {
	l := newLedger(t)
	name := l.submit(task.Submit{}).String()
	for _, prefix := range []string{"8", "01m", "I", "é", name + "0", strings.ToLower(name), strings.Repeat("0", 1000)} {
		page, err := l.views.List(t.Context(), Query{IDPrefix: prefix, Limit: 1})
		if err != nil || page.Total != 0 || !page.Exact || len(page.Tasks) != 0 {
			t.Errorf("%q found %+v, %v", prefix, page, err)
		}
	}
}

func TestALimitOutOfRangeIsRefused(t *testing.T) {
	for _, limit := range []int{-1, 0, MaxLimit + 1} {
		if _, err := New().List(t.Context(), Query{Limit: limit}); !errors.Is(err, ErrLimit) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// manyTasks is n pending tasks; every third has the tag. It returns the id of the first.
func manyTasks(t testing.TB, n int) (*Views, ulid.ULID) {
	changes := make([]Change, n)
	for i := range changes {
		e := &task.Event{Type: task.EventSubmitted, Version: 1, At: noon, Seq: int64(i) + 1, Data: task.Data{
			TaskType: "SLEEP", Queue: "default", MaxAttempts: 3, Backoff: task.DefaultBackoff}}
		if i%3 == 0 {
			e.Data.Tags = []string{"third"}
		}
		changes[i] = Change{ID: idOf(noon, uint64(i)), Event: e}
	}
	v := New()
	if err := v.ApplyChanges(changes); err != nil {
		t.Fatal(err)
	}
	return v, changes[0].ID
}

func TestACountWithoutACounterStopsAtTenThousand(t *testing.T) {
	for _, test := range []struct {
		tasks int
		total int64
		exact bool
	}{{29_998, 10_000, true}, {30_001, 10_000, false}} {
		v, _ := manyTasks(t, test.tasks)
		page, err := v.List(t.Context(), Query{Tags: []string{"third"}, Limit: 1000})
		if err != nil || page.Total != test.total || page.Exact != test.exact || len(page.Tasks) != 1000 || page.Next == 0 {
			t.Fatalf("%d tasks: total %d, exact %v, %d rows, %v", test.tasks, page.Total, page.Exact, len(page.Tasks), err)
		}
		page, err = v.List(t.Context(), Query{Limit: 1000, Statuses: []task.Status{task.Pending}})
		if err != nil || page.Total != int64(test.tasks) || !page.Exact {
			t.Fatalf("by status: total %d, exact %v, %v", page.Total, page.Exact, err)
		}
		// A page far back has its rows although the count stopped long before them.
		page, err = v.List(t.Context(), Query{Tags: []string{"third"}, Limit: 10, Before: 20})
		if err != nil || len(page.Tasks) != 7 || page.Next != 0 || page.Exact != test.exact {
			t.Fatalf("far back: %d rows, next %d, exact %v, %v", len(page.Tasks), page.Next, page.Exact, err)
		}
	}
}

func TestAListEndsWithItsContext(t *testing.T) {
	v, _ := manyTasks(t, 2*scanChunk)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.List(ctx, Query{Tags: []string{"none"}, Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	l := newLedger(t)
	l.submit(task.Submit{})
	if _, _, err := l.views.Get(t.Context(), idOf(noon, 77)); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := l.views.History(t.Context(), idOf(noon, 77)); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	peeked, err := l.views.Find(idOf(noon, 77))
	if peeked != nil || err != nil {
		t.Fatal("found", err)
	}
	for _, key := range []string{"", "k"} {
		if keyed, err := l.views.FindByKey(key); keyed != nil || err != nil {
			t.Fatal("found", err)
		}
	}
}

func TestALongHistoryIsWhole(t *testing.T) {
	l := newLedger(t)
	id := l.submit(task.Submit{})
	l.open = true
	fence := l.start(id)
	const n = recentSize + 1000
	for i := range n {
		l.do(system, id, task.Progress{Fence: fence, Percent: float64(i) / n})
	}
	l.commit()
	seqs, err := l.views.History(t.Context(), id)
	if err != nil || len(seqs) != n+2 {
		t.Fatal(len(seqs), err)
	}
	for i, seq := range seqs {
		if seq != int64(i)+1 {
			t.Fatal(fmt.Sprint("event ", i, " at seq ", seq))
		}
	}
	if rows, _, truncated := l.views.Changes(l.views.Seq()-recentSize, 10); len(rows) != 1 || truncated {
		t.Fatal("within reach:", len(rows), truncated)
	}
	if rows, _, truncated := l.views.Changes(l.views.Seq()-recentSize-1, 10); len(rows) != 0 || !truncated {
		t.Fatal("out of reach:", len(rows), truncated)
	}
}
