package viewfile

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// archiveByWayOfTheImage puts n tasks, in no order, into the image and then,
// in the same batch, into the archive. spread is how many tasks of the history lie between.
func archiveByWayOfTheImage(t *testing.T, f *File, from, n, spread int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		makeRow(&rows[i], from+i*spread)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	b, err := f.Begin()
	ok(t, err)
	for i := range rows {
		ok(t, b.Keep(&rows[i], Nowhere))
	}
	slices.Reverse(rows)
	for i := range rows {
		ok(t, b.Archive(&rows[i], InImage))
	}
	ok(t, b.Commit(&State{Seq: int64(from + n*spread), Groups: benchGroups, Counts: make([]int64, benchTypes*FacetSpan)}))
	return rows
}

func TestALargeBatchIsWrittenInPartsAndLeavesNothingOut(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	const n = 3*nearRows + 7
	rows := archiveByWayOfTheImage(t, f, 0, n, 1)
	rows = append(rows, archiveByWayOfTheImage(t, f, n, nearRows+1, 100)...) // far apart: they wait for the end
	ok(t, f.Image(func(r *Row) error { t.Errorf("%s is still in the image", r.Task.Name()); return nil }))
	r, err := f.Take(t.Context())
	ok(t, err)
	defer r.Close()
	ok(t, r.Fix())
	found, total, err := r.Page(t.Context(), &Query{LastSeq: maxSeq}, Part{Before: maxSeq, Limit: len(rows)}, maxSeq)
	ok(t, err)
	if int(total) != len(rows) || len(found) != len(rows) {
		t.Fatalf("%d counted, %d listed of %d", total, len(found), len(rows))
	}
	byNumber, last, err := r.Archived(t.Context(), nil, 0, len(rows))
	ok(t, err)
	if len(byNumber) != len(rows) || int(last) != len(rows) {
		t.Fatalf("%d of %d archive numbers, the last %d", len(byNumber), len(rows), last)
	}
	for i := range rows {
		if byNumber[i].Task.ID != rows[i].Task.ID || byNumber[i].Task.LastSeq != rows[i].Task.LastSeq {
			t.Fatalf("archive number %d is of %s, want %s", i+1, byNumber[i].Task.Name(), rows[i].Task.Name())
		}
	}
}

func TestABatchLeavesLittleRoomToTheNext(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	archiveByWayOfTheImage(t, f, 0, 1000, 1)
	w := f.write.waiting
	if cap(w.pending.rows) == 0 || len(w.pending.rows) > 0 || len(w.changes.chunks) > 0 || len(w.changes.spare) == 0 {
		t.Fatal("the room of a small batch is lost, or not empty")
	}
	archiveByWayOfTheImage(t, f, 1000, 4*nearRows, 100)
	if n := cap(w.pending.rows); n > 2*nearRows {
		t.Fatalf("there is room for %d rows", n)
	}
	if n := len(w.changes.spare); n > spareChunks {
		t.Fatalf("%d chunks are spare", n)
	}
}

func TestABatchMakesNoTemporaryFile(t *testing.T) {
	before := namelessFiles(t)
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	rows := make([]Row, 3*nearRows)
	makeRows(rows, 0)
	b, err := f.Begin()
	ok(t, err)
	for i := range rows {
		ok(t, b.Keep(&rows[i], Nowhere))
		ok(t, b.Archive(&rows[i], InImage))
	}
	ok(t, b.flush())
	if n := namelessFiles(t); n != before {
		t.Errorf("%d files without a name are open, %d before the batch", n, before)
	}
	ok(t, b.Rollback())
}

// namelessFiles counts the open files of this process that have been deleted.
func namelessFiles(t *testing.T) (n int) {
	t.Helper()
	const open = "/proc/self/fd"
	files, err := os.ReadDir(open)
	if err != nil {
		t.Skip("the system does not list open files: ", err)
	}
	for _, file := range files {
		if name, _ := os.Readlink(filepath.Join(open, file.Name())); strings.HasSuffix(name, " (deleted)") {
			n++
		}
	}
	return n
}
