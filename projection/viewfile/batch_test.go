package viewfile

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// batchRows is a number of rows that one flush does not hold.
const batchRows = mostPending / 256

// archiveFromLive writes n tasks as live ones, in random order, and archives them in the same batch. It
// uses every spread-th task of the history.
func archiveFromLive(t *testing.T, f *File, from, n, spread int) []Row {
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
		ok(t, b.Archive(&rows[i], Live))
	}
	ok(t, b.Commit(&State{Seq: int64(from + n*spread), Groups: benchGroups, Counts: make([]int64, benchTypes*FacetSpan)}))
	return rows
}

func TestALargeBatchIsWrittenCompletely(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	const n = 3*batchRows + 7
	rows := archiveFromLive(t, f, 0, n, 1)
	rows = append(rows, archiveFromLive(t, f, n, batchRows+1, 100)...) // far apart, in many zones
	ok(t, f.Live(func(r *Row) error { t.Errorf("%s is still live", r.Task.Name()); return nil }))
	r, err := f.Acquire(t.Context())
	ok(t, err)
	defer r.Close()
	ok(t, r.Fix())
	found, total, err := r.Page(t.Context(), &Query{LastSeq: math.MaxInt64}, Part{Before: math.MaxInt64, Limit: len(rows)}, math.MaxInt64)
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

func TestABatchCreatesNoTemporaryFile(t *testing.T) {
	before := deletedFiles(t)
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	rows := make([]Row, 3*batchRows)
	makeRows(rows, 0)
	b, err := f.Begin()
	ok(t, err)
	for i := range rows {
		ok(t, b.Keep(&rows[i], Nowhere))
		ok(t, b.Archive(&rows[i], Live))
	}
	ok(t, b.w.pending.flush(b.w))
	if n := deletedFiles(t); n != before {
		t.Errorf("%d deleted files are open, %d before the batch", n, before)
	}
	ok(t, b.Rollback())
}

// deletedFiles counts the open files of this process that have been deleted.
func deletedFiles(t *testing.T) (n int) {
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
