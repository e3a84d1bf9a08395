package projection

import (
	"testing"

	"daybook/task"
)

func TestACopyInUsedMemoryHasItsOwnEvents(t *testing.T) {
	long, short := &record{slot: 1}, &record{slot: 2}
	for range 30 {
		long.trail.add(1 << 40)
	}
	short.trail.add(7)
	long.task.Status = task.Running
	rows := appendCopy(nil, long)
	rows = appendCopy(reuse(rows, 1), short)
	if len(rows) != 1 || rows[0].slot != 2 || rows[0].row.Task.Status != task.None {
		t.Fatalf("%+v", rows)
	}
	if seqs := seqsOf(1, rows[0].row.Events); len(seqs) != 2 || seqs[1] != 8 {
		t.Fatal(seqs)
	}
	rows[0].row.Events[0] = 9
	if b := short.trail.bytes(); b[0] != 7 {
		t.Fatal("the record shares its events with the copy")
	}
}

func TestRoomIsGivenUpWhenItIsMoreThanMost(t *testing.T) {
	if s := reuse(make([]int, 3, 5), 5); len(s) != 0 || cap(s) != 5 {
		t.Fatal(len(s), cap(s))
	}
	if s := reuse(make([]int, 3, 6), 5); s != nil {
		t.Fatal(cap(s))
	}
}
