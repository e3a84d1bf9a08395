package viewfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"daybook/task"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

// model is the view file as a map.
type model struct {
	rows  map[int64]*modelRow // by submit seq
	no    int64
	trim  int64
	state State
}

type modelRow struct {
	row   Row
	place Place
	no    int64
}

func newModel() *model { return &model{rows: map[int64]*modelRow{}} }

func (m *model) clone() *model {
	c := *m
	c.rows = map[int64]*modelRow{}
	for seq, row := range m.rows {
		r := *row
		c.rows[seq] = &r
	}
	return &c
}

func (m *model) seqs() []int64 { return slices.Sorted(maps.Keys(m.rows)) }

func (m *model) in(place Place) []*modelRow {
	var rows []*modelRow
	for _, seq := range m.seqs() {
		if m.rows[seq].place == place {
			rows = append(rows, m.rows[seq])
		}
	}
	return rows
}

func (m *model) matches(q *Query) []Row {
	var found []Row
	for _, r := range slices.Backward(m.in(Ended)) {
		if modelMatch(q, &r.row) {
			found = append(found, r.row)
		}
	}
	return found
}

func modelMatch(q *Query, r *Row) bool {
	t := &r.Task
	run := t.CompletedAt - t.StartedAt
	switch {
	case q.Facets != nil && !slices.Contains(q.Facets, r.Group*FacetSpan+uint32(t.Status)):
	case q.Tags != nil && !slices.ContainsFunc(t.Tags(), func(tag string) bool { return slices.Contains(q.Tags, tag) }):
	case t.SubmitSeq < q.From || q.Before != 0 && t.SubmitSeq >= q.Before:
	case (q.MinID != ulid.ULID{} || q.MaxID != ulid.ULID{}) && (bytes.Compare(t.ID[:], q.MinID[:]) < 0 || bytes.Compare(t.ID[:], q.MaxID[:]) > 0):
	case (q.MinRun != 0 || q.MaxRun != 0) && t.StartedAt == 0:
	case q.MinRun != 0 && run < q.MinRun || q.MaxRun != 0 && run > q.MaxRun:
	case t.LastSeq > q.LastSeq:
	case q.Exclude != nil && q.Exclude(t.SubmitSeq):
	default:
		return true
	}
	return false
}

const (
	modelTags  = 8
	modelTypes = 4
	zoneSize   = 1 << zoneBits
)

var modelGroups = func() (groups []Group) {
	for i := range modelTypes {
		groups = append(groups, Group{fmt.Sprintf("type%d", i), fmt.Sprintf("queue%d", i%2)})
	}
	return groups
}()

// drawRow draws a task with that submit seq. Its id and creation time increase with seq.
func drawRow(t *rapid.T, seq int64, ended bool) Row {
	r := Row{Group: rapid.Uint32Range(0, modelTypes-1).Draw(t, "group")}
	k := &r.Task
	k.SubmitSeq, k.CreatedAt = seq, task.Micros(1_000_000+seq/3*1000)
	_ = k.ID.SetTime(uint64(seq))
	k.ID[15] = byte(seq)
	k.Type, k.Queue = modelGroups[r.Group].Type, modelGroups[r.Group].Queue
	k.LastSeq = seq + rapid.Int64Range(0, 1000).Draw(t, "last")
	k.Version = 3
	if ended {
		k.Status = rapid.SampledFrom([]task.Status{task.Success, task.Failed, task.Cancelled}).Draw(t, "status")
		k.CompletedAt = k.CreatedAt + 7_000_000
		if rapid.IntRange(0, 4).Draw(t, "started") > 0 {
			k.StartedAt = k.CompletedAt - task.Micros(rapid.Int64Range(0, 5_000_000).Draw(t, "run"))
		}
	} else {
		k.Status = rapid.SampledFrom([]task.Status{task.Pending, task.Running}).Draw(t, "status")
	}
	var extras task.Extras
	for range rapid.IntRange(0, 3).Draw(t, "tags") {
		extras.Tags = append(extras.Tags, fmt.Sprintf("tag%d", rapid.IntRange(0, modelTags-1).Draw(t, "tag")))
	}
	if rapid.Bool().Draw(t, "keyed") {
		extras.IdempotencyKey = fmt.Sprintf("key-%d", seq)
	}
	k.SetExtras(extras)
	if rapid.Bool().Draw(t, "events") {
		r.Events = []byte{1, 2, byte(seq)}
	}
	return r
}

func drawQuery(t *rapid.T, top int64) Query {
	q := Query{LastSeq: math.MaxInt64}
	maybe := func(label string) bool { return rapid.IntRange(0, 2).Draw(t, label) == 0 }
	if maybe("by facet") {
		q.Facets = rapid.SliceOfN(rapid.Uint32Range(0, modelTypes*FacetSpan+3), 0, 9).Draw(t, "facets")
	}
	if maybe("by tag") {
		q.Tags = rapid.SliceOfN(rapid.Map(rapid.IntRange(0, modelTags), func(i int) string { return fmt.Sprintf("tag%d", i) }), 1, 3).Draw(t, "tags")
	}
	if maybe("from") {
		q.From = rapid.Int64Range(0, top+5).Draw(t, "from seq")
	}
	if maybe("before") {
		q.Before = rapid.Int64Range(1, top+5).Draw(t, "before seq")
	}
	if maybe("by id") {
		_ = q.MinID.SetTime(uint64(rapid.Int64Range(0, top+5).Draw(t, "least id")))
		_ = q.MaxID.SetTime(uint64(rapid.Int64Range(1, top+5).Draw(t, "most id")))
		q.MaxID[15] = 0xFF
	}
	if maybe("least run") {
		q.MinRun = task.Micros(rapid.Int64Range(1, 5_000_000).Draw(t, "min"))
	}
	if maybe("most run") {
		q.MaxRun = task.Micros(rapid.Int64Range(1, 5_000_000).Draw(t, "max"))
	}
	if maybe("as of") {
		q.LastSeq = rapid.Int64Range(0, top+1000).Draw(t, "last seq")
	}
	if maybe("without") {
		q.Exclude = func(seq int64) bool { return seq%3 == 0 }
	}
	return q
}

// drawBatch applies one random batch to the file and to the model.
func drawBatch(t *rapid.T, f *File, m *model) {
	b, err := f.Begin()
	must(t, err)
	// Seqs on both sides of the borders of zones.
	seq := rapid.OneOf(rapid.Int64Range(1, 300), rapid.Int64Range(zoneSize-100, zoneSize+100), rapid.Int64Range(5*zoneSize-50, 5*zoneSize+50))
	next := m.clone()
	for range rapid.IntRange(0, 60).Draw(t, "rows") {
		at := seq.Draw(t, "seq")
		if known := m.seqs(); len(known) > 0 && rapid.Bool().Draw(t, "again") {
			at = rapid.SampledFrom(known).Draw(t, "known")
		}
		was := Nowhere
		if old := next.rows[at]; old != nil {
			was = old.place
		}
		if rapid.IntRange(0, 3).Draw(t, "keep") == 0 {
			r := drawRow(t, at, false)
			must(t, b.Keep(&r, was))
			next.rows[at] = &modelRow{row: r, place: Live}
		} else {
			r := drawRow(t, at, true)
			must(t, b.Archive(&r, was))
			next.no++
			next.rows[at] = &modelRow{row: r, place: Ended, no: next.no}
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "trim") == 0 {
		next.trim = max(next.trim, rapid.Int64Range(0, next.no).Draw(t, "trim to"))
		must(t, b.Trim(next.trim))
	}
	if rapid.IntRange(0, 5).Draw(t, "rollback") == 0 {
		must(t, b.Rollback())
		return
	}
	next.state = State{Seq: m.state.Seq + 1, Groups: modelGroups, Counts: []int64{m.state.Seq, -5, 1 << 40}, Windows: []byte{9}}
	next.state.Hash[3] = 7
	must(t, b.Commit(&next.state))
	*m = *next
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *rapid.T, what string, want, got any) {
	t.Helper()
	if d := gocmp.Diff(want, got); d != "" {
		t.Fatalf("%s: -want +got\n%s", what, d)
	}
}

// compare compares the answers to all kinds of queries.
func compare(t *rapid.T, r *Reader, m *model) {
	ctx := context.Background()
	for range 4 {
		q := drawQuery(t, 5*zoneSize+50)
		limit := rapid.SampledFrom([]int{1, 5, 1000}).Draw(t, "limit")
		want := m.matches(&q)
		got, err := r.Rows(ctx, &q, limit)
		must(t, err)
		same(t, fmt.Sprintf("rows of %+v", q), append([]Row{}, want[:min(len(want), limit)]...), got)
		most := rapid.SampledFrom([]int64{1, 7, 10_001}).Draw(t, "most")
		comparePage(t, r, &q, want, limit, most)
	}
	archived := m.in(Ended)
	compareOrder(t, r, m, archived)
	for _, row := range m.rows {
		got, err := r.ByID(ctx, row.row.Task.ID)
		compareOne(t, row, &got, err)
		if key := row.row.Task.IdempotencyKey(); key != "" {
			got, err := r.ByKey(ctx, key)
			compareOne(t, row, &got, err)
		}
	}
	moment := task.Micros(1_000_000 + rapid.Int64Range(-1, 5*zoneSize+50).Draw(t, "moment")/3*1000)
	want := int64(math.MaxInt64)
	if i := slices.IndexFunc(archived, func(r *modelRow) bool { return r.row.Task.CreatedAt > moment }); i >= 0 {
		want = archived[i].row.Task.SubmitSeq
	}
	got, err := r.FirstAfter(ctx, moment)
	must(t, err)
	same(t, "first after", want, got)
}

// comparePage compares a page of a part of the matches, and the count of all.
func comparePage(t *rapid.T, r *Reader, q *Query, matches []Row, limit int, most int64) {
	seq := rapid.Int64Range(0, 5*zoneSize+50)
	part := Part{From: seq.Draw(t, "part from"), Before: math.MaxInt64, Limit: limit}
	if rapid.Bool().Draw(t, "part ends") {
		part.Before = seq.Draw(t, "part before")
	}
	want := []Row{}
	for _, row := range matches {
		if at := row.Task.SubmitSeq; at >= part.From && at < part.Before && len(want) < limit {
			want = append(want, row)
		}
	}
	rows, n, err := r.Page(context.Background(), q, part, most)
	must(t, err)
	same(t, fmt.Sprintf("page %+v of %+v", part, q), want, rows)
	same(t, fmt.Sprintf("count with page %+v of %+v", part, q), min(int64(len(matches)), most), n)
}

func compareOne(t *rapid.T, want *modelRow, got *Row, err error) {
	t.Helper()
	if want.place != Ended {
		if !errors.Is(err, ErrNotFound) {
			t.Fatalf("task %d is live: want ErrNotFound, got %v", want.row.Task.SubmitSeq, err)
		}
		return
	}
	must(t, err)
	same(t, "one task", &want.row, got)
}

// compareOrder compares the ended tasks in the order of their archive numbers, read in pieces.
func compareOrder(t *rapid.T, r *Reader, m *model, archived []*modelRow) {
	var want, got []Row
	byNo := slices.Clone(archived)
	slices.SortFunc(byNo, func(a, b *modelRow) int { return cmp.Compare(a.no, b.no) })
	after := rapid.Int64Range(0, m.no).Draw(t, "after")
	for _, row := range byNo {
		if row.no > after && row.no > m.trim {
			want = append(want, row.row)
		}
	}
	for {
		rows, last, err := r.Archived(context.Background(), nil, after, rapid.IntRange(1, 20).Draw(t, "limit"))
		must(t, err)
		got = append(got, rows...)
		if last == after {
			break
		}
		after = last
	}
	same(t, "order of archiving", want, got)
	if after < m.no {
		t.Fatalf("want last archive number %d, got %d", m.no, after)
	}
}

func compareLive(t *rapid.T, f *File, m *model) {
	var want, got []Row
	for _, r := range m.in(Live) {
		want = append(want, r.row)
	}
	must(t, f.Live(func(r *Row) error { got = append(got, *r); return nil }))
	same(t, "live tasks", want, got)
	s, err := f.State()
	must(t, err)
	same(t, "state", m.state, s)
	keyed, archived := int64(0), int64(0)
	for _, r := range m.in(Ended) {
		archived++
		if r.row.Task.IdempotencyKey() != "" {
			keyed++
		}
	}
	for sql, want := range map[string]int64{
		"SELECT count(*) FROM ended_keys": keyed, "SELECT count(*) FROM ended": archived,
	} {
		n, err := f.write.conn.Number(sql)
		must(t, err)
		same(t, sql, want, n)
	}
}

func TestAFileAnswersLikeAMap(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprintf("views%d.db", n))
		f, err := Open(path, "log")
		must(t, err)
		defer func() { must(t, f.Close()); must(t, Remove(path)) }()
		m := newModel()
		bulk := rapid.Bool().Draw(t, "bulk")
		if bulk {
			must(t, f.StartBulk())
		}
		for range rapid.IntRange(1, 5).Draw(t, "batches") {
			drawBatch(t, f, m)
		}
		if bulk {
			must(t, f.EndBulk(nil))
		}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			fixed := m.clone()
			r, err := f.Acquire(context.Background())
			must(t, err)
			if err := r.Fix(); err != nil {
				t.Fatal(err)
			}
			func() {
				defer r.Close()
				drawBatch(t, f, m)
				compare(t, r, fixed)
			}()
			compareLive(t, f, m)
			if rapid.Bool().Draw(t, "reopen") {
				must(t, f.Close())
				f, err = Open(path, "log")
				must(t, err)
			}
		}
	})
}
