package projection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"daybook/eventlog"
	"daybook/internal/sqlite"
	"daybook/projection/viewfile"
	"daybook/task"

	"pgregory.net/rapid"
)

// growing is the log of a ledger, which grows.
type growing struct {
	tape
	l *ledger
}

func (g growing) now() tape           { return tape{events: g.l.events} }
func (g growing) Head() eventlog.Head { return g.now().Head() }
func (g growing) Events(ctx context.Context, seqs []int64) ([]*eventlog.Event, error) {
	return g.now().Events(ctx, seqs)
}
func (g growing) Payload(ctx context.Context, seq int64) ([]byte, error) {
	return g.now().Payload(ctx, seq)
}
func (g growing) Payloads(ctx context.Context, seqs []int64, fn func(int, []byte, error) error) error {
	return g.now().Payloads(ctx, seqs, fn)
}
func (g growing) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	return g.now().Scan(ctx, after, fn)
}

// quiet says nothing.
var quiet = slog.New(slog.DiscardHandler)

// openKept opens views with a file that keeps tasks in memory for so many events only.
// Checkpoints are made when the test says so.
func openKept(t testing.TB, log eventlog.Log, dir string, keep int64) *Views {
	t.Helper()
	o := Options{Dir: dir, Logger: quiet}
	v, err := openFiles(log, o)
	if err != nil {
		t.Fatal(err)
	}
	v.keeper.stop() // its goroutines end before they do anything
	v.keeper.keep = keep
	if err := v.keeper.load(t.Context(), o); err != nil {
		t.Fatal(errors.Join(err, v.keeper.abandon()))
	}
	v.keeper.running.Wait()
	return v
}

// checkpoint makes one now and has texts indexed.
func checkpointNow(t failer, v *Views) {
	t.Helper()
	if err := v.keeper.checkpoint(); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := v.keeper.indexSome(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func TestViewsWithAFileAreTheSameAsInMemory(t *testing.T) {
	t.Parallel() // it waits for the disk most of the time
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		dir, err := os.MkdirTemp(t.TempDir(), "views")
		if err != nil {
			t.Fatal(err)
		}
		keep := rapid.Int64Range(0, 6).Draw(rt, "keep")
		kept := openKept(t, growing{l: l}, dir, keep)
		for range rapid.IntRange(1, 6).Draw(rt, "stretches") {
			from := len(l.events)
			wander(rt, l)
			applyIn(rt, kept, l.events[from:])
			switch rapid.IntRange(0, 4).Draw(rt, "then") {
			case 0, 1:
				checkpointNow(rt, kept)
			case 2: // a clean stop
				closeViews(rt, kept)
				kept = openKept(t, growing{l: l}, dir, keep)
			case 3: // a kill
				if err := kept.keeper.abandon(); err != nil {
					rt.Fatal(err)
				}
				kept = openKept(t, growing{l: l}, dir, keep)
			}
			sameTasks(rt, l.views, kept, l.now)
			checkClaims(rt, l, kept)
			sameFamilies(rt, l, kept)
			sameLists(rt, l, kept)
		}
		closeViews(rt, kept)
	})
}

// applyIn applies the events in batches of a random size.
func applyIn(rt *rapid.T, v *Views, events []*eventlog.Event) {
	for len(events) > 0 {
		n := rapid.IntRange(1, len(events)).Draw(rt, "batch")
		if err := v.Apply(events[:n]); err != nil {
			rt.Fatal(err)
		}
		events = events[n:]
		if rapid.IntRange(0, 9).Draw(rt, "checkpoint") == 0 {
			checkpointNow(rt, v)
		}
	}
}

func closeViews(t failer, v *Views) {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
}

// sameTasks compares all but Changes, which may say that more was changed than it knows.
func sameTasks(t failer, want, got *Views, now task.Micros) {
	t.Helper()
	a, b := snapshotOf(t, want, now), snapshotOf(t, got, now)
	a.Changed, b.Changed = nil, nil
	if diff := diffOf(a, b); diff != "" {
		t.Fatalf("with a file (-want +got):\n%s", diff)
	}
}

// sameLists asks both for every page of a random query, and for every task.
func sameLists(rt *rapid.T, l *ledger, kept *Views) {
	for range 3 {
		q := anyQuery(rt, l)
		if rapid.IntRange(0, 3).Draw(rt, "by duration") == 0 {
			q.MinRun = task.Micros(rapid.IntRange(0, 2_000_000).Draw(rt, "min"))
			q.MaxRun = q.MinRun + task.Micros(rapid.IntRange(0, 20_000_000).Draw(rt, "span"))
		}
		for pages := 0; ; pages++ {
			want, err := l.views.List(context.Background(), q)
			if err != nil {
				rt.Fatal(err)
			}
			got, err := kept.List(context.Background(), q)
			if diff := diffOf(want, got); err != nil || diff != "" {
				rt.Fatalf("%+v: %v (-memory +file):\n%s", q, err, diff)
			}
			if q.Before = want.Next; q.Before == 0 {
				break
			}
		}
	}
	for _, id := range l.order {
		got, _, err := kept.Get(context.Background(), id)
		if diff := diffOf(*l.tasks[id], got); err != nil || diff != "" {
			rt.Fatalf("%s: %v\n%s", id, err, diff)
		}
	}
}

func TestWhatChangedIsKnownOrSaidToBeTooMuch(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		kept := openKept(t, growing{l: l}, t.TempDir(), rapid.Int64Range(0, 6).Draw(rt, "keep"))
		wander(rt, l)
		applyIn(rt, kept, l.events)
		for after := int64(0); after <= kept.Seq(); after++ {
			want, _, more := l.views.Changes(after, 5)
			got, _, truncated := kept.Changes(after, 5)
			if truncated {
				continue
			}
			if diff := diffOf(want, got); diff != "" || more {
				rt.Fatalf("after %d (truncated %v):\n%s", after, more, diff)
			}
		}
		closeViews(rt, kept)
	})
}

func TestTasksThatEndedLeaveMemory(t *testing.T) {
	l := newLedger(t)
	v := openKept(t, growing{l: l}, t.TempDir(), 10)
	for range 2000 {
		id := l.submit(task.Submit{})
		l.do(system, id, task.Succeed{Fence: l.start(id)})
	}
	pending := l.submit(task.Submit{})
	apply(t, v, l.events)
	checkpointNow(t, v)
	if n := v.Stats().InMemory; n > 10 {
		t.Fatalf("%d tasks are in memory", n)
	}
	if n := len(v.table.slabs); v.table.slabs[n-1] == nil && n > 1 {
		t.Fatal("the last slab has gone though a task is in it")
	}
	if got, _, err := v.Get(t.Context(), pending); err != nil || got.Status != task.Pending {
		t.Fatal(got, err)
	}
	closeViews(t, v)
}

// TestTasksAreFoundDueWhileACheckpointCopiesThem is for the race detector.
func TestTasksAreFoundDueWhileACheckpointCopiesThem(t *testing.T) {
	const tasks = 2000
	l := newLedger(t)
	v := openKept(t, growing{l: l}, t.TempDir(), 10)
	for i := range tasks {
		l.submit(task.Submit{RunAt: l.now + task.Micros(i+1)*task.Second})
	}
	apply(t, v, l.events)
	var writing sync.WaitGroup
	writing.Go(func() { checkpointNow(t, v) })
	for i := range tasks {
		v.Promote(l.now + task.Micros(i+1)*task.Second)
	}
	writing.Wait()
	if n := v.ReadyCount(); n != tasks {
		t.Fatalf("%d are ready", n)
	}
	closeViews(t, v)
}

func TestAFileThatCannotBeUsedIsMadeAgain(t *testing.T) {
	l := newLedger(t)
	for range 50 {
		id := l.submit(task.Submit{Tags: []string{"x"}})
		l.do(system, id, task.Succeed{Fence: l.start(id)})
	}
	log := growing{l: l}
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"garbage": func(t *testing.T, dir string) {
			write := os.WriteFile(filepath.Join(dir, fileName), []byte(strings.Repeat("no database ", 1000)), 0o600)
			if write != nil {
				t.Fatal(write)
			}
		},
		"text is gone": func(t *testing.T, dir string) { remove(t, filepath.Join(dir, textName)) },
		"file is gone": func(t *testing.T, dir string) { remove(t, filepath.Join(dir, fileName)) },
		"of a longer log": func(t *testing.T, dir string) {
			longer := &ledger{}
			*longer = *l
			longer.events = append(slices.Clone(l.events), l.events[0])
			f, err := viewfile.Open(filepath.Join(dir, fileName), logID)
			if err != nil {
				t.Fatal(err)
			}
			b, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(b.Commit(&viewfile.State{Seq: int64(len(longer.events)), Groups: []viewfile.Group{{Type: "SLEEP", Queue: "default"}}, Counts: make([]int64, viewfile.FacetSpan)}), f.Close()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			v := openKept(t, log, dir, 5)
			checkpointNow(t, v)
			checkpointNow(t, v) // which trims what was indexed
			closeViews(t, v)
			spoil(t, dir)
			again, err := Open(t.Context(), log, Options{Dir: dir, Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			sameTasks(t, l.views, again, l.now)
			closeViews(t, again)
		})
	}
}

// A file of an older version is no damage, and nothing that a person needs to look at.
func TestAFileOfAnotherVersionIsMadeAgainWithoutAWordOfDamage(t *testing.T) {
	l := newLedger(t)
	for range 50 {
		id := l.submit(task.Submit{})
		l.do(system, id, task.Succeed{Fence: l.start(id)})
	}
	dir, log := t.TempDir(), growing{l: l}
	v := openKept(t, log, dir, 5)
	checkpointNow(t, v)
	closeViews(t, v)
	conn, err := sqlite.ConnectSummed(filepath.Join(dir, fileName), "", 8192)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Do("PRAGMA user_version = 5"), conn.Close()); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	again, err := Open(t.Context(), log, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	sameTasks(t, l.views, again, l.now)
	closeViews(t, again)
	if !strings.Contains(said.String(), "another version") || strings.Contains(said.String(), "WARN") {
		t.Errorf("said: %s", said.String())
	}
}

func remove(t *testing.T, path string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

// TestAListIsWholeWhileTasksLeaveAndComeBack lists all the time while tasks end, leave
// memory and are sent round again: every task must be on it once.
func TestAListIsWholeWhileTasksLeaveAndComeBack(t *testing.T) {
	t.Parallel() // it waits for the disk most of the time
	const tasks = 3000
	l := newLedger(t)
	v := openKept(t, growing{l: l}, t.TempDir(), 20)
	var mu sync.Mutex // the ledger's events are read by the keeper
	commit := func(from int) {
		if err := v.Apply(l.events[from:]); err != nil {
			t.Error(err)
		}
	}
	for range tasks {
		l.submit(task.Submit{Tags: []string{"x"}})
	}
	commit(0)
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for _, q := range []Query{{Limit: MaxLimit}, {Limit: MaxLimit, Tags: []string{"x"}}} {
		readers.Go(func() {
			for ctx.Err() == nil {
				if err := listOnce(v, q, tasks); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	readers.Go(func() {
		for ctx.Err() == nil {
			mu.Lock()
			err := v.keeper.checkpoint()
			mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for round := range 6 {
		for i := round; i < tasks; i += 3 {
			id := l.order[i]
			mu.Lock()
			from := len(l.events)
			if l.tasks[id].Status != task.Pending {
				l.do(person, id, task.Retry{})
			}
			l.do(system, id, task.Fail{Fence: l.start(id), Code: task.CodePermanent})
			commit(from)
			mu.Unlock()
		}
	}
	stop()
	readers.Wait()
	closeViews(t, v)
}

// listOnce goes through all pages and says what is wrong with them.
func listOnce(v *Views, q Query, want int) error {
	met := make(map[int64]bool)
	for {
		page, err := v.List(context.Background(), q)
		if err != nil {
			return err
		}
		if page.Total != int64(want) {
			return fmt.Errorf("%d matches", page.Total)
		}
		for i := range page.Tasks {
			if seq := page.Tasks[i].SubmitSeq; met[seq] {
				return fmt.Errorf("task %d is there twice", seq)
			}
			met[page.Tasks[i].SubmitSeq] = true
		}
		if q.Before = page.Next; q.Before == 0 {
			break
		}
	}
	if len(met) != want {
		return fmt.Errorf("%d tasks on all pages", len(met))
	}
	return nil
}
