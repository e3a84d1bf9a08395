package projection

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/task"
)

func TestAnUnknownEventRefusesTheRebuildAndSaysWhere(t *testing.T) {
	for _, test := range []struct {
		name string
		bend func(e *eventlog.Event)
		want error
		says string
	}{
		{"type", func(e *eventlog.Event) { e.Type = "task.teleported" }, ErrNewer, "task.teleported"},
		{"type of another stream", func(e *eventlog.Event) { e.Type = "queue.teleported" }, ErrNewer, "queue.teleported"},
		{"version", func(e *eventlog.Event) { e.V = 3 }, ErrNewer, "in schema version 3"},
		{"version of another", func(e *eventlog.Event) { e.Type, e.V = "server.started", 2 }, ErrNewer, "in schema version 2"},
		{"data", func(e *eventlog.Event) { e.Data = []byte(`{"attempts":1}`) }, task.ErrData, "task.started"},
		{"stream", func(e *eventlog.Event) { e.Stream = "task:nobody" }, task.ErrIllegal, `"task:nobody"`},
		{"task", func(e *eventlog.Event) { e.Stream = task.StreamOf(idOf(noon, 9)) }, task.ErrIllegal, "NONE"},
		{"order", func(e *eventlog.Event) { e.Version = 3 }, task.ErrIllegal, "version 3 after 1"},
		{"gap", func(e *eventlog.Event) { e.Seq = 3 }, ErrGap, "want 2"},
	} {
		l := newLedger(t)
		l.start(l.submit(task.Submit{}))
		test.bend(l.events[1])
		v, err := Rebuild(t.Context(), tape{events: l.events}, nil)
		if v != nil || !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if !strings.Contains(strings.ToLower(err.Error()), "event 2") && test.name != "gap" {
			t.Errorf("%s: it does not say where: %v", test.name, err)
		}
		if test.want == ErrNewer && !strings.Contains(err.Error(), "written by a newer Daybook") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestARefusedEventOfApplyMovesNothing(t *testing.T) {
	l := newLedger(t)
	id := l.submit(task.Submit{})
	v := apply(t, New(), l.events)
	l.start(id)
	l.events[1].Data = []byte(`{"attempt":0}`)
	if err := v.Apply(l.events); !errors.Is(err, task.ErrData) || v.Seq() != 1 {
		t.Fatal(err, v.Seq())
	}
}

func TestARebuildTellsHowFarItIs(t *testing.T) {
	_, events := flow((2*progressEvery+6)/3, 1000)
	var seen []int64
	v, err := Rebuild(t.Context(), tape{events: events}, func(done, head int64) {
		if head != int64(len(events)) {
			t.Errorf("head %d", head)
		}
		seen = append(seen, done)
	})
	if err != nil || v.Seq() != int64(len(events)) {
		t.Fatal(err)
	}
	if diff := diffOf([]int64{progressEvery, 2 * progressEvery, int64(len(events))}, seen); diff != "" {
		t.Fatal(diff)
	}
}

func TestAReplayEndsItsBatchForACheckpoint(t *testing.T) {
	l := newLedger(t)
	v := openKept(t, growing{l: l}, t.TempDir(), 0)
	defer closeViews(t, v)
	if n := v.keeper.lockedFor.Load(); n != lockedFor {
		t.Errorf("after a replay a checkpoint holds the lock for %d records, want %d", n, lockedFor)
	}
	l.start(l.submit(task.Submit{}))
	l.submit(task.Submit{})
	r := replay{v: v, progress: func(_, _ int64) {}}
	for i, waits := range []bool{false, true, false} {
		v.keeper.waiting.Store(waits)
		if err := r.apply(l.events[i]); err != nil {
			t.Fatal(err)
		}
		if ended := r.open == 0; ended != waits {
			t.Errorf("event %d: a checkpoint waits: %v, the batch has ended: %v", i+1, waits, ended)
		}
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}

func TestARebuildEndsWithItsContext(t *testing.T) {
	_, events := flow(3, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Rebuild(ctx, tape{events: events}, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestAnEmptyLogGivesEmptyViews(t *testing.T) {
	v, err := Rebuild(t.Context(), tape{}, nil)
	if err != nil || v.Seq() != 0 || v.ReadyCount() != 0 || v.NextDue() != 0 {
		t.Fatal(err)
	}
	if page, err := v.List(t.Context(), Query{Limit: 1}); err != nil || page.Total != 0 || !page.Exact {
		t.Fatal(page, err)
	}
	if rows, seq, truncated := v.Changes(0, 1); len(rows) != 0 || seq != 0 || truncated {
		t.Fatal(rows, seq, truncated)
	}
	if rows, seq, truncated := v.Changes(5, 1); len(rows) != 0 || seq != 0 || truncated {
		t.Fatal(rows, seq, truncated)
	}
}

func TestTheCatalogueHasTheEventsThatAreNotOfATask(t *testing.T) {
	text, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range OtherEventTypes() {
		if !strings.Contains(string(text), "\n### "+name+"\n") {
			t.Errorf("docs/events.md lacks %s", name)
		}
	}
}
