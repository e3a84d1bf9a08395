package viewfile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

func temp(t *testing.T) string { return filepath.Join(t.TempDir(), "views.db") }

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path, "log")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// filled creates a file with n ended tasks and closes it.
func filled(t *testing.T, n int) string {
	t.Helper()
	path := temp(t)
	f := open(t, path)
	rows := make([]Row, n)
	makeRows(rows, 0)
	archiveRange(t, f, rows, 0)
	ok(t, f.Close())
	return path
}

// change runs SQL on a closed file.
func change(t *testing.T, path, sql string) {
	t.Helper()
	conn, err := sqlite.ConnectSummed(path, "", pageSize)
	ok(t, err)
	if pages, err := conn.Number("PRAGMA page_count"); err != nil || pages == 0 {
		ok(t, errors.Join(err, conn.MakeSummed(pageSize)))
	}
	ok(t, conn.Do(sql))
	ok(t, conn.Close())
}

func refused(t *testing.T, path, logID string) {
	t.Helper()
	f, err := Open(path, logID)
	if err == nil {
		ok(t, f.Close())
	}
	if !errors.Is(err, ErrUnusable) {
		t.Fatalf("want ErrUnusable, got %v", err)
	}
	t.Log(err)
}

func TestAFileOfAnotherLogIsRefused(t *testing.T) { refused(t, filled(t, 10), "another log") }

func TestAFileOfANewerFormatIsRefused(t *testing.T) {
	path := filled(t, 10)
	change(t, path, fmt.Sprintf("PRAGMA user_version = %d", format+1))
	refused(t, path, "log")
}

func TestADatabaseThatIsNotAViewFileIsRefused(t *testing.T) {
	path := temp(t)
	change(t, path, "CREATE TABLE events (seq)")
	refused(t, path, "log")
}

func TestAFileWhoseRebuildDidNotFinishIsRefused(t *testing.T) {
	path := temp(t)
	f := open(t, path)
	ok(t, f.StartBulk())
	rows := make([]Row, 100)
	makeRows(rows, 0)
	archiveRange(t, f, rows, 0)
	ok(t, f.Close())
	refused(t, path, "log")
}

func TestAFileWhoseRebuildFinishedIsComplete(t *testing.T) {
	path := temp(t)
	f := open(t, path)
	ok(t, f.StartBulk())
	rows := make([]Row, 100)
	makeRows(rows, 0)
	archiveRange(t, f, rows, 0)
	last := int64(-1)
	ok(t, f.EndBulk(func(done, total int64) {
		if done < last || done > total {
			t.Errorf("progress goes from %d to %d of %d", last, done, total)
		}
		last = done
	}))
	if n, err := f.write.conn.Number("PRAGMA synchronous"); err != nil || n != 1 {
		t.Errorf("want synchronous back at NORMAL, got %d (%v)", n, err)
	}
	ok(t, f.Close())
	f = open(t, path)
	s, err := f.State()
	if ok(t, err); s.Seq != 300 {
		t.Errorf("want seq 300, got %d", s.Seq)
	}
	ok(t, f.Close())
}

func TestAFileThatIsNotADatabaseIsRefused(t *testing.T) {
	path := temp(t)
	ok(t, os.WriteFile(path, make([]byte, 10_000), 0o600))
	refused(t, path, "log")
}

func TestAFileThatCannotBeOpenedIsNotUnusable(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "no", "such", "folder"), "log")
	if err == nil || errors.Is(err, ErrUnusable) {
		t.Fatalf("want an error that is not ErrUnusable, got %v", err)
	}
}

func TestAnEmptyFileIsInitialised(t *testing.T) {
	path := temp(t)
	ok(t, os.WriteFile(path, nil, 0o600))
	ok(t, open(t, path).Close())
}

// Bytes anywhere are overwritten: Open and every query succeed or return ErrUnusable, and nothing
// panics.
func TestADamagedFileIsUnusableOrAnswers(t *testing.T) {
	path := filled(t, 3000)
	whole, err := os.ReadFile(path)
	ok(t, err)
	rng := rand.New(rand.NewPCG(3, 3))
	unusable := 0
	for range 150 {
		bad := append([]byte(nil), whole...)
		at := rng.IntN(len(bad) - 4096)
		for i := range 1 + rng.IntN(4096) {
			bad[at+i] = byte(rng.Uint32())
		}
		ok(t, Remove(path))
		ok(t, os.WriteFile(path, bad, 0o600))
		err := useAll(path)
		if err != nil && !errors.Is(err, ErrUnusable) {
			t.Errorf("bytes from %d: want ErrUnusable, got %v", at, err)
		}
		if err != nil {
			unusable++
		}
	}
	if unusable < 75 {
		t.Errorf("only %d of 150 damaged files were unusable", unusable)
	}
}

// useAll reads everything in a file, and moves some tasks from ended to live.
func useAll(path string) error {
	f, err := Open(path, "log")
	if err != nil {
		return err
	}
	_, err = f.State()
	if err == nil {
		err = readAll(f)
	}
	if err == nil {
		err = moveSome(f)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func readAll(f *File) error {
	ctx := context.Background()
	r, err := f.Acquire(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.Fix(); err != nil {
		return err
	}
	for _, q := range []Query{
		{}, {Tags: benchTags[:]}, {MinRun: 1}, {Facets: facetsOf([]int{0, 1, 2}, task.Failed)}, {Facets: []uint32{3}, Tags: benchTags[:1]},
	} {
		q.LastSeq = math.MaxInt64
		if _, _, err := r.Page(ctx, &q, Part{}, math.MaxInt64); err != nil {
			return err
		}
	}
	rows, err := r.Rows(ctx, &Query{LastSeq: 3000}, 10_000)
	if err != nil {
		return err
	}
	for i := range rows {
		if _, err := r.ByID(ctx, rows[i].Task.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	if _, err := r.ByKey(ctx, "no key"); !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, _, err = r.Archived(ctx, nil, 0, 10_000); err != nil {
		return err
	}
	_, err = r.FirstAfter(ctx, rows[0].Task.CreatedAt)
	return err
}

func moveSome(f *File) error {
	b, err := f.Begin()
	if err != nil {
		return err
	}
	for i := range 100 {
		var r Row
		makeRow(&r, i*20)
		if err := b.Keep(&r, Ended); err != nil {
			return errors.Join(err, b.Rollback())
		}
	}
	return b.Commit(&State{Seq: 9000, Groups: benchGroups})
}

func TestRemoveDeletesTheFilesOfSQLiteToo(t *testing.T) {
	path := filled(t, 10)
	ok(t, os.WriteFile(path+"-wal", nil, 0o600))
	ok(t, os.WriteFile(path+"-shm", nil, 0o600))
	ok(t, Remove(path))
	ok(t, Remove(path))
	left, err := os.ReadDir(filepath.Dir(path))
	if ok(t, err); len(left) > 0 {
		t.Fatalf("left over: %v", left)
	}
}

func TestOneBatchAtATime(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	b, err := f.Begin()
	ok(t, err)
	if _, err := f.Begin(); !errors.Is(err, ErrBusy) {
		t.Errorf("second batch: want ErrBusy, got %v", err)
	}
	ok(t, b.Rollback())
	ok(t, b.Rollback())
	b, err = f.Begin()
	ok(t, err)
	ok(t, b.Commit(&State{}))
}

func TestAcquireWaitsForAReaderUntilItsContextOrTheFileEnds(t *testing.T) {
	f := open(t, temp(t))
	var acquired []*Reader
	for range readers {
		r, err := f.Acquire(context.Background())
		ok(t, err)
		acquired = append(acquired, r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("want the context's error, got %v", err)
	}
	waiting := make(chan error)
	go func() {
		_, err := f.Acquire(context.Background())
		waiting <- err
	}()
	closed := make(chan error)
	go func() { closed <- f.Close() }()
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("want ErrClosed, got %v", err)
	}
	for _, r := range acquired {
		r.Close()
	}
	ok(t, <-closed)
}

func TestTagsOfARolledBackBatchAreDiscarded(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	ctx := context.Background()
	row := func(i int, tag string) *Row {
		var r Row
		makeRow(&r, i)
		r.Task.SetExtras(task.Extras{Tags: []string{tag}})
		return &r
	}
	b, err := f.Begin()
	ok(t, err)
	ok(t, b.Archive(row(1, "red"), Nowhere))
	ok(t, b.Rollback())
	b, err = f.Begin()
	ok(t, err)
	ok(t, b.Archive(row(2, "blue"), Nowhere))
	ok(t, b.Archive(row(3, "red"), Nowhere))
	ok(t, b.Commit(&State{Groups: benchGroups}))
	r, err := f.Acquire(ctx)
	ok(t, err)
	defer r.Close()
	ok(t, r.Fix())
	rows, err := r.Rows(ctx, &Query{Tags: []string{"red"}, LastSeq: math.MaxInt64}, 10)
	ok(t, err)
	if len(rows) != 1 || rows[0].Task.SubmitSeq != row(3, "").Task.SubmitSeq {
		t.Errorf("want task 3 alone, got %v", rows)
	}
}

func TestAKeyIsFoundInAnyEpoch(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	ctx := context.Background()
	b, err := f.Begin()
	ok(t, err)
	var want [3]Row
	for i := range want {
		makeRow(&want[i], i<<22)
		want[i].Task.SetExtras(task.Extras{IdempotencyKey: fmt.Sprint("key", i)})
		ok(t, b.Archive(&want[i], Nowhere))
	}
	ok(t, b.Commit(&State{Groups: benchGroups}))
	r, err := f.Acquire(ctx)
	ok(t, err)
	defer r.Close()
	ok(t, r.Fix())
	for i := range want {
		got, err := r.ByKey(ctx, fmt.Sprint("key", i))
		ok(t, err)
		if d := cmp.Diff(want[i], got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
}

// Ids need not increase with submit seqs. Then zones do not help, and each id is checked.
func TestIDsInAnyOrderAreFoundByTheirBounds(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(5, 5))
	b, err := f.Begin()
	ok(t, err)
	ids := map[int64]ulid.ULID{}
	for i := range 2000 {
		var r Row
		makeRow(&r, i*50)
		for j := range r.Task.ID {
			r.Task.ID[j] = byte(rng.Uint32())
		}
		ids[r.Task.SubmitSeq] = r.Task.ID
		ok(t, b.Archive(&r, Nowhere))
	}
	ok(t, b.Commit(&State{Groups: benchGroups}))
	r, err := f.Acquire(ctx)
	ok(t, err)
	defer r.Close()
	ok(t, r.Fix())
	q := Query{LastSeq: math.MaxInt64, MinID: ulid.ULID{0x20}, MaxID: ulid.ULID{0x90}}
	want := int64(0)
	for _, id := range ids {
		if id.Compare(q.MinID) >= 0 && id.Compare(q.MaxID) <= 0 {
			want++
		}
	}
	if _, n, err := r.Page(ctx, &q, Part{}, math.MaxInt64); err != nil || n != want {
		t.Errorf("want %d, got %d (%v)", want, n, err)
	}
}

func TestATaskWithALaterEventIsNotFound(t *testing.T) {
	f := open(t, filled(t, 10))
	defer func() { ok(t, f.Close()) }()
	ctx := context.Background()
	r, err := f.Acquire(ctx)
	ok(t, err)
	defer r.Close()
	ok(t, r.Fix())
	var newest int64
	for i := range 10 {
		var row Row
		makeRow(&row, i)
		newest = max(newest, row.Task.LastSeq)
	}
	for last, want := range map[int64]int64{newest: 10, newest - 1: 9} {
		if _, n, err := r.Page(ctx, &Query{LastSeq: last}, Part{}, 100); err != nil || n != want {
			t.Errorf("up to seq %d: want %d tasks, got %d (%v)", last, want, n, err)
		}
	}
}

func TestARebuildDoesNotFinishWhileAReaderIsFixed(t *testing.T) {
	f := open(t, temp(t))
	defer func() { ok(t, f.Close()) }()
	ok(t, f.write.conn.Do("PRAGMA busy_timeout = 1"))
	ok(t, f.StartBulk())
	r, err := f.Acquire(context.Background())
	ok(t, err)
	ok(t, r.Fix())
	rows := make([]Row, 10)
	makeRows(rows, 0)
	archiveRange(t, f, rows, 0)
	if err := f.EndBulk(nil); !errors.Is(err, ErrReaders) {
		t.Errorf("want ErrReaders, got %v", err)
	}
	r.Close()
	ok(t, f.EndBulk(nil))
}
