package projection

import (
	"fmt"
	"testing"

	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

func TestABulkIsTheFoldOfItsStream(t *testing.T) {
	l := newLedger(t)
	l.on("bulk:A", BulkStartedType, 1, `{"action":"reprioritise","priority":5,"matched":7,"skipped":{"already_ended":2},"from":{"seq":10}}`)
	l.on("bulk:B", BulkStartedType, 1, `{"action":"undo","undoes":"A","matched":4,"from":{"seq":1}}`)
	l.on("bulk:A", BulkAppliedType, 1, `{"changed":2,"next":{"seq":5}}`)
	l.on("bulk:A", BulkAppliedType, 1, `{"changed":2,"skipped":{"already_ended":1},"next":{"seq":0}}`)
	at := l.now
	l.on("bulk:A", BulkEndedType, 1, `{"outcome":"done","changed":4,"skipped":{"already_ended":3}}`)
	l.on("bulk:B", BulkAppliedType, 1, `{"changed":1,"next":{"seq":3,"done":1}}`)
	l.on("bulk:C", BulkStartedType, 1, `{"action":"undo","undoes":"A","matched":4,"from":{"seq":1}}`) // changes nothing: B is the undo
	l.on("bulk:C", BulkAppliedType, 1, `{"changed":0,"skipped":{"changed_since":4},"next":{"seq":0}}`)
	v := foldedAnyWay(t, l)
	five := 5
	got, _ := v.Bulks()
	want := []*Bulk{
		{ID: "C", BulkStarted: BulkStarted{Action: BulkUndo, Undoes: "A", Matched: 4, Skipped: map[string]int64{"changed_since": 4}, From: BulkPlace{Seq: 1}}, Actor: system,
			StartedSeq: 7, StartedAt: l.now, Version: 1},
		{ID: "B", BulkStarted: BulkStarted{Action: BulkUndo, Undoes: "A", Matched: 4, From: BulkPlace{Seq: 1}}, Actor: system,
			StartedSeq: 2, StartedAt: l.now, Version: 1, Next: BulkPlace{Seq: 3, Done: 1}, Changed: 1},
		{ID: "A", BulkStarted: BulkStarted{Action: BulkReprioritise, Priority: &five, Matched: 7, Skipped: map[string]int64{"already_ended": 3}, From: BulkPlace{Seq: 10}},
			Actor: system, StartedSeq: 1, StartedAt: l.now, Version: 1, Changed: 4, EndedAt: at, EndedBy: system, Outcome: BulkDone, UndoneBy: "B"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if running := v.RunningBulks(); len(running) != 2 || running[0].ID != "B" {
		t.Errorf("running: %v", running)
	}
}

func TestOnlyTheLatestBulksAreKept(t *testing.T) {
	l := newLedger(t)
	l.on("bulk:runs", BulkStartedType, 1, `{"action":"cancel","matched":1,"from":{"seq":1}}`)
	for i := range KeptBulks + 2 {
		stream := fmt.Sprint("bulk:", i)
		l.on(stream, BulkStartedType, 1, `{"action":"cancel","matched":1,"from":{"seq":1}}`)
		l.on(stream, BulkEndedType, 1, `{"outcome":"stopped","changed":0}`)
	}
	list, _ := foldedAnyWay(t, l).Bulks()
	if len(list) != KeptBulks+1 || list[len(list)-1].ID != "runs" || list[len(list)-2].ID != "2" {
		t.Errorf("%d are kept, the first is %s, the next %s", len(list), list[len(list)-1].ID, list[len(list)-2].ID)
	}
}

func TestASelectionReadAndWrittenIsTheSame(t *testing.T) {
	for _, s := range []Selection{
		{},
		{Text: "sales", Query: Query{Statuses: []task.Status{task.Failed, task.Cancelled}, Waiting: []WaitState{WaitScheduled}, Types: []string{"A"},
			Queues: []string{"q", "r"}, Tags: []string{"t"}, IDPrefix: "01M8", CreatedAfter: 1_795_000_000_123_456, CreatedBefore: 1_795_000_001_000_000,
			MinRun: 1, MaxRun: 3*task.Second + 7}},
	} {
		got, err := ParseSelection(s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, *got); diff != "" {
			t.Errorf("%s: %s", s.Encode(), diff)
		}
	}
	if _, err := ParseSelection([]byte(`{"status":["BROKEN"]}`)); err == nil {
		t.Error("a status that is not known is taken")
	}
}
