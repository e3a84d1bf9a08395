package viewfile

import (
	"errors"
	"math"
	"testing"
)

// keepLive writes n live tasks.
func keepLive(t *testing.T, f *File, n int) []Row {
	rows := make([]Row, n)
	b, err := f.Begin()
	ok(t, err)
	for i := range rows {
		makeRow(&rows[i], i)
		ok(t, b.Keep(&rows[i], Nowhere))
	}
	ok(t, b.Commit(&State{Seq: math.MaxInt64, Groups: benchGroups, Counts: make([]int64, benchTypes*FacetSpan)}))
	return rows
}

func TestLiveTasksAreReadInOrderAndUntilAnError(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	rows := keepLive(t, f, 3*liveChunk+7)

	n := 0
	ok(t, f.Live(func(r *Row) error {
		if n < len(rows) && r.Task.ID != rows[n].Task.ID {
			t.Errorf("row %d is %s, want %s", n, r.Task.Name(), rows[n].Task.Name())
		}
		n++
		return nil
	}))
	if n != len(rows) {
		t.Errorf("%d rows of %d", n, len(rows))
	}

	enough := errors.New("enough")
	for _, stop := range []int{1, liveChunk, liveChunk + 1, len(rows)} {
		n = 0
		err := f.Live(func(*Row) error {
			if n++; n == stop {
				return enough
			}
			return nil
		})
		if err != enough || n != stop {
			t.Errorf("%d rows and %v, want %d", n, err, stop)
		}
	}
}

func TestReadingLiveTasksEndsAtADamagedRow(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	keepLive(t, f, 2*liveChunk)
	ok(t, f.write.conn.Do("UPDATE live SET trusted = 7 WHERE submit_seq = (SELECT submit_seq FROM live ORDER BY submit_seq LIMIT 1 OFFSET 10)"))
	n := 0
	if err := f.Live(func(*Row) error { n++; return nil }); !errors.Is(err, ErrUnusable) || n != 10 {
		t.Errorf("%d rows and %v", n, err)
	}
}
