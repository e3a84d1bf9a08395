package projection

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"daybook/task"

	"pgregory.net/rapid"
)

// The order of submission is one, although what waits is kept apart.
func TestTheLinesOfAllStatusesAreOneOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newTable(0)
		want := map[int64]*record{} // by submit seq
		status := rapid.SampledFrom(task.Statuses())
		var last int64
		some := func() *record {
			seqs := make([]int64, 0, len(want))
			for seq := range want {
				seqs = append(seqs, seq)
			}
			slices.Sort(seqs)
			return want[rapid.SampledFrom(seqs).Draw(t, "seq")]
		}
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			step := rapid.IntRange(0, 3).Draw(t, "step")
			switch {
			case step < 2 || len(want) == 0:
				rec := table.next()
				last += rapid.Int64Range(1, 3).Draw(t, "gap")
				binary.BigEndian.PutUint64(rec.task.ID[:], uint64(last))
				rec.task.SubmitSeq, rec.task.CreatedAt, rec.task.Status = last, task.Micros(last/4), status.Draw(t, "status")
				rec.facet = facetOf(rec)
				if !table.add(rec) {
					t.Fatal("it is there already")
				}
				want[last] = rec
			case step == 2:
				rec := some()
				rec.task.Status = status.Draw(t, "status")
				rec.facet = facetOf(rec)
				table.refacet(rec)
			default:
				rec := some()
				delete(want, rec.task.SubmitSeq)
				table.remove(rec)
			}
		}
		checkLines(t, &table, want, rapid.Int64Range(0, last+2).Draw(t, "before"), last)
	})
}

func checkLines(t *rapid.T, table *table, want map[int64]*record, before, last int64) {
	statuses := make([]bool, statusSpan)
	for _, s := range task.Statuses() {
		statuses[s] = rapid.Bool().Draw(t, "wanted")
	}
	for _, before := range []int64{before, math.MaxInt64} {
		var seqs, got []int64
		for seq, rec := range want {
			if seq < before && statuses[rec.task.Status] {
				seqs = append(seqs, seq)
			}
		}
		slices.Sort(seqs)
		slices.Reverse(seqs)
		most := rapid.IntRange(1, len(seqs)+1).Draw(t, "most")
		table.descend(before, statuses, func(l line) bool {
			if rec := table.at(l.slot); rec != want[l.seq] || rec.facet != l.facet {
				t.Errorf("line %+v is of %+v", l, rec)
			}
			rec := want[l.seq]
			if !statuses[task.Pending] && rec.task.Status == task.Pending {
				t.Errorf("%d waits and was passed", l.seq)
			}
			if statuses[rec.task.Status] {
				got = append(got, l.seq)
			}
			return len(got) < most
		})
		if seqs = seqs[:min(most, len(seqs))]; !slices.Equal(got, seqs) {
			t.Errorf("before %d: %d, want %d", before, got, seqs)
		}
	}
	for moment := task.Micros(-1); moment <= task.Micros(last); moment++ {
		first := int64(math.MaxInt64)
		for seq, rec := range want {
			if rec.task.CreatedAt > moment {
				first = min(first, seq)
			}
		}
		if got := table.firstAfter(moment); got != first {
			t.Errorf("the first after %d is %d, want %d", moment, got, first)
		}
	}
}
