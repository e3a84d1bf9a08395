package viewfile

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"daybook/task"
)

var (
	benchTasks = flag.Int("tasks", 200_000, "archived tasks that BenchmarkRows reads from")
	benchFile  = flag.String("file", "", "where BenchmarkRows keeps them for the next run")
)

const (
	benchBatch = 50_000
	benchTypes = 12
)

var benchGroups = func() (groups []Group) {
	for i := range benchTypes {
		groups = append(groups, Group{fmt.Sprintf("TYPE_%d", i%4), fmt.Sprintf("queue-%d", i/4)})
	}
	return groups
}()

var benchTags = func() (tags [500]string) {
	for i := range tags {
		tags[i] = fmt.Sprintf("tag-%d", i)
	}
	return tags
}()

// makeRow returns the i-th task of a history with three events per task: 12 groups, 90 % SUCCESS, 8 %
// FAILED, 2 % CANCELLED, 0 to 3 of 500 tags, and log-normal run times around 20 ms.
func makeRow(r *Row, i int) {
	rng := rand.New(rand.NewPCG(1, uint64(i)))
	*r = Row{Group: uint32(rng.IntN(benchTypes))}
	t := &r.Task
	t.SubmitSeq = int64(3*i + 1)
	t.CreatedAt = task.Micros(1_780_000_000_000_000 + int64(i)*500)
	_ = t.ID.SetTime(uint64(t.CreatedAt) / 1000)
	binary.BigEndian.PutUint64(t.ID[6:], uint64(i)<<20)
	binary.BigEndian.PutUint16(t.ID[14:], uint16(rng.Uint32()))
	t.DueAt = t.CreatedAt
	t.StartedAt = t.CreatedAt + task.Micros(rng.IntN(2000))
	t.CompletedAt = t.StartedAt + task.Micros(20_000*math.Exp(1.5*rng.NormFloat64()))
	t.Version, t.LastSeq, t.Attempt, t.LastFence = 3, t.SubmitSeq+2+int64(rng.IntN(200)), 1, 2
	t.MaxAttempts, t.Progress = 3, 10_000
	switch p := rng.IntN(100); {
	case p < 90:
		t.Status, t.ResultSeq = task.Success, t.LastSeq
	case p < 98:
		t.Status, t.ErrorSeq, t.Code, t.Progress = task.Failed, t.LastSeq, task.CodeError, 0
	default:
		t.Status, t.Progress = task.Cancelled, 0
	}
	var extras task.Extras
	for range rng.IntN(4) {
		extras.Tags = append(extras.Tags, benchTags[rng.IntN(len(benchTags))])
	}
	t.SetExtras(extras)
	r.Events = binary.AppendUvarint(binary.AppendUvarint(r.Events, 1), uint64(t.LastSeq-t.SubmitSeq))
	t.Type, t.Queue = benchGroups[r.Group].Type, benchGroups[r.Group].Queue
}

// archiveRange archives the rows, which are those of the history after from, in one batch.
func archiveRange(tb testing.TB, f *File, rows []Row, from int) {
	b, err := f.Begin()
	if err != nil {
		tb.Fatal(err)
	}
	for i := range rows {
		if err := b.Archive(&rows[i], Nowhere); err != nil {
			tb.Fatal(err)
		}
	}
	s := State{Seq: int64(3 * (from + len(rows))), Groups: benchGroups, Counts: append([]int64(nil), f.write.counts...)}
	for len(s.Counts) < len(benchGroups)*int(FacetSpan) {
		s.Counts = append(s.Counts, 0)
	}
	for i := range rows {
		s.Counts[rows[i].Group*FacetSpan+uint32(rows[i].Task.Status)]++
	}
	if err := b.Commit(&s); err != nil {
		tb.Fatal(err)
	}
}

func makeRows(rows []Row, from int) {
	for i := range rows {
		makeRow(&rows[i], from+i)
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return int(a.Task.LastSeq - b.Task.LastSeq) })
}

// processorTime returns the CPU time of the process. On a busy machine it says more than wall time.
func processorTime() time.Duration { return usage(syscall.RUSAGE_SELF) }

func threadTime() time.Duration { return usage(syscall.RUSAGE_THREAD) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmarkFile returns a file with -tasks tasks, from an earlier run if possible.
func benchmarkFile(tb testing.TB) (*File, int) {
	path := *benchFile
	if path == "" {
		path = filepath.Join(tb.TempDir(), "views.db")
	}
	f, err := Open(path, "log")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	s, err := f.State()
	if err != nil {
		tb.Fatal(err)
	}
	have := int(s.Seq / 3)
	if have >= *benchTasks {
		return f, have
	}
	if have == 0 {
		if err := f.StartBulk(); err != nil {
			tb.Fatal(err)
		}
	}
	var spent, cpu time.Duration
	rows := make([]Row, benchBatch)
	for from := have; from < *benchTasks; from += benchBatch {
		makeRows(rows, from)
		start, used := time.Now(), processorTime()
		archiveRange(tb, f, rows, from)
		spent, cpu = spent+time.Since(start), cpu+processorTime()-used
	}
	if have == 0 {
		start := time.Now()
		if err := f.EndBulk(nil); err != nil {
			tb.Fatal(err)
		}
		end := time.Since(start)
		fmt.Fprintf(os.Stderr, "bulk: %d tasks, %.0f/s with the end, which took %v; %.2f µs of processor time each before it\n",
			*benchTasks, float64(*benchTasks)/(spent+end).Seconds(), end, float64(cpu.Microseconds())/float64(*benchTasks))
	}
	return f, *benchTasks
}

// BenchmarkArchive adds batches of 50,000 tasks to the file.
func BenchmarkArchive(b *testing.B) {
	f, have := benchmarkFile(b)
	rows := make([]Row, benchBatch)
	var cpu time.Duration
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		makeRows(rows, have)
		used := processorTime()
		b.StartTimer()
		archiveRange(b, f, rows, have)
		cpu += processorTime() - used
		have += benchBatch
	}
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N*benchBatch)/1000, "cpu-µs/task")
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "tasks/s")
}

func facetsOf(groups []int, statuses ...task.Status) (facets []uint32) {
	for _, g := range groups {
		for _, s := range statuses {
			facets = append(facets, uint32(g)*FacetSpan+uint32(s))
		}
	}
	return facets
}

// BenchmarkRows reads a page of 101 rows at a random position and counts up to 10,001, and reports
// percentiles.
func BenchmarkRows(b *testing.B) {
	f, have := benchmarkFile(b)
	top := int64(3 * have)
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	ended := []task.Status{task.Success, task.Failed, task.Cancelled}
	tag := func(q *Query, rng *rand.Rand) { q.Tags = []string{benchTags[rng.IntN(500)]} }
	status := func(s ...task.Status) func(*Query, *rand.Rand) {
		return func(q *Query, _ *rand.Rand) { q.Facets = facetsOf(all, s...) }
	}
	taskType := func(q *Query, rng *rand.Rand) {
		i := rng.IntN(4)
		q.Facets = facetsOf([]int{i, i + 4, i + 8}, ended...)
	}
	queue := func(q *Query, rng *rand.Rand) {
		i := 4 * rng.IntN(3)
		q.Facets = facetsOf([]int{i, i + 1, i + 2, i + 3}, ended...)
	}
	oneGroup := func(s task.Status) func(q *Query, rng *rand.Rand) {
		return func(q *Query, rng *rand.Rand) { q.Facets = facetsOf([]int{rng.IntN(12)}, s) }
	}
	run := func(least, most task.Micros) func(q *Query, rng *rand.Rand) {
		return func(q *Query, _ *rand.Rand) { q.MinRun, q.MaxRun = least, most }
	}
	id := func(digits int) func(q *Query, rng *rand.Rand) {
		return func(q *Query, rng *rand.Rand) {
			var r Row
			makeRow(&r, rng.IntN(have))
			q.MinID, q.MaxID = r.Task.ID, r.Task.ID
			bits := 128 - (5*digits - 2)
			for i := range 16 {
				low := max(0, min(8, bits-8*(15-i)))
				mask := byte(1<<low - 1)
				q.MinID[i] &^= mask
				q.MaxID[i] |= mask
			}
		}
	}
	span := func(q *Query, rng *rand.Rand) {
		q.From = rng.Int64N(top)
		q.Before = q.From + rng.Int64N(top/20)
	}
	young := func(q *Query, rng *rand.Rand) { q.LastSeq = top - 30_000 - rng.Int64N(30_000) }
	without := func(q *Query, rng *rand.Rand) { q.Exclude = func(seq int64) bool { return seq > top-100_000 } }
	for _, c := range []struct {
		name string
		set  []func(*Query, *rand.Rand)
	}{
		{"all", nil},
		{"success", []func(*Query, *rand.Rand){status(task.Success)}},
		{"failed", []func(*Query, *rand.Rand){status(task.Failed)}},
		{"cancelled", []func(*Query, *rand.Rand){status(task.Cancelled)}},
		{"type", []func(*Query, *rand.Rand){taskType}},
		{"queue", []func(*Query, *rand.Rand){queue}},
		{"group+cancelled", []func(*Query, *rand.Rand){oneGroup(task.Cancelled)}},
		{"tag", []func(*Query, *rand.Rand){tag}},
		{"tag|tag|tag", []func(*Query, *rand.Rand){func(q *Query, rng *rand.Rand) { q.Tags = benchTags[rng.IntN(100)*5:][:3] }}},
		{"tag+success", []func(*Query, *rand.Rand){tag, status(task.Success)}},
		{"tag+cancelled", []func(*Query, *rand.Rand){tag, status(task.Cancelled)}},
		{"tag+type", []func(*Query, *rand.Rand){tag, taskType}},
		{"tag+queue", []func(*Query, *rand.Rand){tag, queue}},
		{"tag+span", []func(*Query, *rand.Rand){tag, span}},
		{"tag+slow", []func(*Query, *rand.Rand){tag, run(1_000_000, 0)}},
		{"slow", []func(*Query, *rand.Rand){run(1_000_000, 0)}},
		{"slowest", []func(*Query, *rand.Rand){run(20_000_000, 0)}},
		{"fastest", []func(*Query, *rand.Rand){run(0, 100)}},
		{"narrow", []func(*Query, *rand.Rand){run(20_000, 20_100)}},
		{"slow+cancelled", []func(*Query, *rand.Rand){run(1_000_000, 0), status(task.Cancelled)}},
		{"narrow+cancelled", []func(*Query, *rand.Rand){run(20_000, 20_100), status(task.Cancelled)}},
		{"slowest+type", []func(*Query, *rand.Rand){run(20_000_000, 0), taskType}},
		{"span", []func(*Query, *rand.Rand){span}},
		{"span+cancelled", []func(*Query, *rand.Rand){span, status(task.Cancelled)}},
		{"id6", []func(*Query, *rand.Rand){id(6)}},
		{"id8", []func(*Query, *rand.Rand){id(8)}},
		{"id12", []func(*Query, *rand.Rand){id(12)}},
		{"id6+cancelled", []func(*Query, *rand.Rand){id(6), status(task.Cancelled)}},
		{"id8+tag", []func(*Query, *rand.Rand){id(8), tag}},
		{"young", []func(*Query, *rand.Rand){young}},
		{"without", []func(*Query, *rand.Rand){without}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkQuery(b, f, top, c.set) })
	}
}

func benchmarkQuery(b *testing.B, f *File, top int64, set []func(*Query, *rand.Rand)) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(7, 7))
	r, err := f.Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if err := r.Fix(); err != nil {
		b.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var took, used []time.Duration
	var found, rows int64
	for b.Loop() {
		q := Query{LastSeq: math.MaxInt64}
		for _, set := range set {
			set(&q, rng)
		}
		part := Part{Before: 1 + rng.Int64N(top), Limit: 101}
		if q.Before != 0 {
			part.Before = q.Before
		}
		start, before := time.Now(), threadTime()
		got, n, err := r.Page(ctx, &q, part, 10_001)
		if err != nil {
			b.Fatal(err)
		}
		took, used = append(took, time.Since(start)), append(used, threadTime()-before)
		found, rows = found+n, rows+int64(len(got))
	}
	at := func(times []time.Duration, p float64) float64 {
		slices.Sort(times)
		return float64(times[int(p*float64(len(times)-1))].Microseconds()) / 1000
	}
	b.ReportMetric(at(took, 0.5), "p50-ms")
	b.ReportMetric(at(took, 0.99), "p99-ms")
	b.ReportMetric(at(used, 0.5), "p50-cpu-ms")
	b.ReportMetric(at(used, 0.99), "p99-cpu-ms")
	b.ReportMetric(float64(found)/float64(len(took)), "found")
	b.ReportMetric(float64(rows)/float64(len(took)), "rows")
}

// BenchmarkOne finds single tasks.
func BenchmarkOne(b *testing.B) {
	f, have := benchmarkFile(b)
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(7, 7))
	r, err := f.Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if err := r.Fix(); err != nil {
		b.Fatal(err)
	}
	b.Run("ByID", func(b *testing.B) {
		for b.Loop() {
			var row Row
			makeRow(&row, rng.IntN(have))
			if _, err := r.ByID(ctx, row.Task.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ByKeyOfNone", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.ByKey(ctx, fmt.Sprint("key", rng.Int64())); err == nil {
				b.Fatal("want no task")
			}
		}
	})
	b.Run("FirstAfter", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.FirstAfter(ctx, task.Micros(1_780_000_000_000_000+rng.Int64N(int64(have)*500))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOpen opens the file, reads its state and closes it.
func BenchmarkOpen(b *testing.B) {
	f, _ := benchmarkFile(b)
	path := f.path
	for b.Loop() {
		g, err := Open(path, "log")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := g.State(); err != nil {
			b.Fatal(err)
		}
		if err := g.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFix acquires a reader, fixes it and closes it.
func BenchmarkFix(b *testing.B) {
	f, _ := benchmarkFile(b)
	for b.Loop() {
		r, err := f.Acquire(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Fix(); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkArchiveScattered archives tasks that are spread over the whole history.
func BenchmarkArchiveScattered(b *testing.B) {
	f, err := Open(filepath.Join(b.TempDir(), "views.db"), "log")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const batches = 40
	rows := make([]Row, benchBatch)
	var cpu time.Duration
	for n := range min(b.N, batches) {
		b.StopTimer()
		for i := range rows {
			makeRow(&rows[i], i*batches+n)
		}
		used := processorTime()
		b.StartTimer()
		archiveRange(b, f, rows, 0)
		cpu += processorTime() - used
	}
	tasks := float64(min(b.N, batches) * benchBatch)
	b.ReportMetric(float64(cpu.Nanoseconds())/tasks/1000, "cpu-µs/task")
	b.ReportMetric(tasks/b.Elapsed().Seconds(), "tasks/s")
}
