package projection

import (
	"errors"
	"testing"

	"daybook/eventlog"
	"daybook/task"
)

func TestATaskIsSeenThroughItsWholeLife(t *testing.T) {
	l := newLedger(t)
	id := l.submit(task.Submit{Queue: "mail", Tags: []string{"a"}})
	if n := l.views.ReadyCount(); n != 1 {
		t.Fatalf("ready: %d", n)
	}
	l.after(task.Second)
	fence := l.start(id)
	l.after(2 * task.Second)
	l.do("system:scheduler", id, task.Succeed{Fence: fence})

	got, seq, err := l.views.Get(t.Context(), id)
	if err != nil || seq != 3 || got.Status != task.Success {
		t.Fatalf("got %v at %d: %v", got.Status, seq, err)
	}
	page, err := l.views.List(t.Context(), Query{Limit: 10, Statuses: []task.Status{task.Success}, Tags: []string{"a", "b"}})
	if err != nil || len(page.Tasks) != 1 || page.Total != 1 || !page.Exact || page.Next != 0 {
		t.Fatalf("page %+v, %v", page, err)
	}
	seqs, err := l.views.History(t.Context(), id)
	if err != nil || len(seqs) != 3 || seqs[0] != 1 || seqs[2] != 3 {
		t.Fatalf("history %v, %v", seqs, err)
	}
	windows, _ := l.views.Windows(l.now)
	if w := windows[0]; w.Submitted != 1 || w.Succeeded != 1 || w.Run.Count != 1 || w.Wait.Count != 1 {
		t.Fatalf("window %+v", w)
	}
	counts, _ := l.views.Counts()
	if len(counts) != 1 || counts[0] != (Count{task.Success, "SLEEP", "mail", 1}) {
		t.Fatalf("counts %v", counts)
	}
}

func TestAGapChangesNothing(t *testing.T) {
	l := newLedger(t)
	l.submit(task.Submit{})
	l.submit(task.Submit{})
	v := New()
	if err := v.Apply([]*eventlog.Event{l.events[1]}); !errors.Is(err, ErrGap) {
		t.Fatal(err)
	}
	if v.Seq() != 0 {
		t.Fatal(v.Seq())
	}
	if err := v.Apply(l.events); err != nil {
		t.Fatal(err)
	}
}
