package viewfile

import "testing"

// A row is refused long after Archive has returned: in the middle of what is queued.
func TestARowThatIsRefusedFailsTheCommitAndTheBatchIsLost(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	rows := make([]Row, 2*batchRows)
	makeRows(rows, 0)
	fill := func(b *Batch) {
		for i := range rows {
			ok(t, b.Archive(&rows[i], Nowhere))
		}
	}
	b, err := f.Begin()
	ok(t, err)
	fill(b)
	ok(t, b.Archive(&rows[batchRows], Nowhere)) // a second task of its submit seq
	if err := b.Commit(&State{Seq: 1, Groups: benchGroups}); err == nil {
		t.Fatal("two tasks have one submit seq")
	}
	if s, err := f.State(); err != nil || s.Seq != 0 || f.Last() != 0 {
		t.Errorf("seq %d, archive number %d, want none of the batch (%v)", s.Seq, f.Last(), err)
	}
	b, err = f.Begin()
	ok(t, err)
	fill(b)
	ok(t, b.Commit(&State{Seq: 2, Groups: benchGroups}))
	if n, err := f.write.conn.Number("SELECT count(*) FROM ended"); err != nil || n != int64(len(rows)) {
		t.Errorf("want %d tasks, got %d (%v)", len(rows), n, err)
	}
}

func TestCloseEndsAnOpenBatch(t *testing.T) {
	path := temp(t)
	f := open(t, path)
	rows := make([]Row, 2*batchRows)
	makeRows(rows, 0)
	b, err := f.Begin()
	ok(t, err)
	for i := range rows {
		ok(t, b.Archive(&rows[i], Nowhere))
	}
	ok(t, f.Close())
	f = open(t, path)
	defer func() { ok(t, f.Close()) }()
	if n, err := f.write.conn.Number("SELECT count(*) FROM ended"); err != nil || n != 0 {
		t.Errorf("want no task, got %d (%v)", n, err)
	}
}

func TestConcurrencyKeysAreWrittenInTheirOrder(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	b, err := f.Begin()
	ok(t, err)
	b.PutKeys([]Key{
		{Queue: "q", Key: "a", Due: 1, Finish: 2},
		{Queue: "q", Key: "b", Due: 3, Finish: 4},
		{Queue: "q", Key: "a", Gone: true},
		{Queue: "q", Key: "b", Gone: true},
		{Queue: "q", Key: "b", Due: 5, Finish: 6},
		{Queue: "p", Key: "", Due: 7, Finish: 8},
		{Queue: "p", Key: "c", Gone: true},
	})
	ok(t, b.Commit(&State{Seq: 1}))
	got := map[Key]bool{}
	ok(t, f.Keys(func(k Key) { got[k] = true }))
	if len(got) != 2 || !got[Key{Queue: "q", Key: "b", Due: 5, Finish: 6}] || !got[Key{Queue: "p", Due: 7, Finish: 8}] {
		t.Errorf("got %v", got)
	}
}
