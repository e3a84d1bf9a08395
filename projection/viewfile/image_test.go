package viewfile

import (
	"errors"
	"testing"
)

// keepInImage puts n tasks into the image.
func keepInImage(t *testing.T, f *File, n int) []Row {
	rows := make([]Row, n)
	b, err := f.Begin()
	ok(t, err)
	for i := range rows {
		makeRow(&rows[i], i)
		ok(t, b.Keep(&rows[i], Nowhere))
	}
	ok(t, b.Commit(&State{Seq: maxSeq, Groups: benchGroups, Counts: make([]int64, benchTypes*FacetSpan)}))
	return rows
}

func TestALongImageIsReadInChunksInOrderOrUntilAnError(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	rows := keepInImage(t, f, 3*imageChunk+7)

	n := 0
	ok(t, f.Image(func(r *Row) error {
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
	for _, stop := range []int{1, imageChunk, imageChunk + 1, len(rows)} {
		n = 0
		err := f.Image(func(*Row) error {
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

func TestADamagedRowOfTheImageIsToldAndNothingAfterIt(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	keepInImage(t, f, 2*imageChunk)
	ok(t, f.write.conn.Do("UPDATE image SET body = x'00' WHERE seq = (SELECT seq FROM image ORDER BY seq LIMIT 1 OFFSET 10)"))
	n := 0
	if err := f.Image(func(*Row) error { n++; return nil }); !errors.Is(err, ErrUnusable) || n != 10 {
		t.Errorf("%d rows and %v", n, err)
	}
}
