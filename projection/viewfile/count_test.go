package viewfile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"daybook/task"
)

// Few groups are counted facet by facet, many in the table.
func TestACountIsThatOfAWalk(t *testing.T) {
	for _, groups := range []int{3, mostCounts} {
		t.Run(fmt.Sprintf("groups=%d", groups), func(t *testing.T) { compareCounts(t, groups) })
	}
}

func compareCounts(t *testing.T, groups int) {
	const tasks = 3000
	f, err := Open(filepath.Join(t.TempDir(), "views.db"), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(1, uint64(groups)))
	s := State{Seq: 3 * tasks}
	for i := range groups {
		s.Groups = append(s.Groups, Group{fmt.Sprint("TYPE_", i), "default"})
	}
	s.Counts = make([]int64, groups*int(FacetSpan))
	b, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range tasks {
		var row Row
		makeRow(&row, i)
		row.Group = uint32(rng.IntN(groups))
		row.Task.Type, row.Task.Queue = s.Groups[row.Group].Type, "default"
		row.Task.SetExtras(task.Extras{Tags: []string{benchTags[rng.IntN(3)], "every"}})
		s.Counts[row.Group*FacetSpan+uint32(row.Task.Status)]++
		if err := b.Archive(&row, Nowhere); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(&s); err != nil {
		t.Fatal(err)
	}
	r, err := f.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Fix(); err != nil {
		t.Fatal(err)
	}
	ofStatus := func(status task.Status) (facets []uint32) {
		for group := range groups {
			facets = append(facets, uint32(group)*FacetSpan+uint32(status))
		}
		return facets
	}
	for _, filter := range []Query{
		{}, {Facets: ofStatus(task.Failed)}, {Facets: ofStatus(task.Success)[1:]}, {Facets: []uint32{uint32(task.Failed), 999_999}}, {Facets: []uint32{}},
		{Tags: []string{"every"}}, {Tags: []string{"tag-1"}}, {Tags: []string{"tag-1", "tag-1"}}, {Tags: []string{"tag-1", "tag-2"}}, {Tags: []string{"none"}},
		{Tags: []string{"every"}, Facets: ofStatus(task.Failed)}, {Tags: []string{"every"}, Facets: append(ofStatus(task.Failed), ofStatus(task.Cancelled)...)},
		{Tags: []string{"every"}, Facets: ofStatus(task.Success)[1:]}, {Tags: []string{"every"}, Facets: append(ofStatus(task.Failed), uint32(task.Success))},
	} {
		for range 20 {
			q, most := filter, int64(1+rng.IntN(tasks))
			q.LastSeq, q.From, q.Before = math.MaxInt64, int64(rng.IntN(2*tasks)), int64(rng.IntN(4*tasks))
			walked := q
			walked.Exclude = func(int64) bool { return false } // an index has no such condition
			part := Part{From: int64(rng.IntN(tasks)), Before: int64(rng.IntN(4 * tasks)), Limit: 1 + rng.IntN(100)}
			rows, n, err := r.Page(t.Context(), &q, part, most)
			if err != nil {
				t.Fatal(err)
			}
			wantRows, want, err := r.Page(t.Context(), &walked, part, most)
			if err != nil {
				t.Fatal(err)
			}
			if n != want || len(rows) != len(wantRows) || len(rows) > 0 && rows[0].Task.ID != wantRows[0].Task.ID {
				t.Fatalf("%+v, %+v: %d rows of %d, a walk finds %d of %d", q, part, len(rows), n, len(wantRows), want)
			}
		}
	}
}
