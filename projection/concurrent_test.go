package projection

import (
	"context"
	"sync"
	"testing"

	"daybook/task"
)

// TestReadersSeeOneStateWhileTheWriterMoves is for the race detector, and checks that
// what one call returns fits together.
func TestReadersSeeOneStateWhileTheWriterMoves(t *testing.T) {
	changes, _ := flow(6000, 50)
	v := New()
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for _, read := range []func(*testing.T, *Views){readCounts, readList, readHistory, readMemory, readWindows} {
		readers.Go(func() {
			for ctx.Err() == nil {
				read(t, v)
			}
		})
	}
	readers.Go(func() { follow(ctx, t, v, len(changes)*50) })
	for _, batch := range changes {
		if err := v.ApplyChanges(batch); err != nil {
			t.Fatal(err)
		}
		v.Promote(noon)
	}
	stop()
	readers.Wait()
}

func readCounts(t *testing.T, v *Views) {
	counts, _ := v.Counts()
	var all int64
	for _, c := range counts {
		all += c.N
	}
	if all%50 != 0 {
		t.Errorf("%d tasks: half a batch was seen", all)
	}
	_ = v.ReadyCount()
}

func readList(t *testing.T, v *Views) {
	page, err := v.List(t.Context(), Query{Limit: 100, Statuses: []task.Status{task.Success}})
	if err != nil {
		t.Error(err)
	}
	for i := range page.Tasks {
		if page.Tasks[i].Status != task.Success {
			t.Errorf("a row is %s", page.Tasks[i].Status)
		}
	}
	if _, err := v.List(t.Context(), Query{Limit: 1, Tags: []string{"none"}}); err != nil {
		t.Error(err)
	}
}

func readHistory(t *testing.T, v *Views) {
	page, err := v.List(t.Context(), Query{Limit: 1})
	if err != nil || len(page.Tasks) == 0 {
		return
	}
	seqs, err := v.History(t.Context(), page.Tasks[0].ID)
	if err != nil || len(seqs) == 0 || seqs[0] != page.Tasks[0].SubmitSeq {
		t.Error(seqs, err)
	}
}

func readMemory(t *testing.T, v *Views) {
	page, err := v.List(t.Context(), Query{Limit: 100})
	if err != nil {
		t.Error(err)
	}
	for i := range page.Tasks {
		if id := page.Tasks[i].ID; v.InMemory(id).ID != id {
			t.Errorf("task %s is not in memory", id)
		}
	}
}

func readWindows(t *testing.T, v *Views) {
	windows, _ := v.Windows(noon)
	if w := windows[0]; w.Run.Count != w.Succeeded {
		t.Errorf("%d ran, %d succeeded", w.Run.Count, w.Succeeded)
	}
}

// follow reads changes as a screen does and checks that none is missed.
func follow(ctx context.Context, t *testing.T, v *Views, last int) {
	var after int64
	for ctx.Err() == nil && after < int64(last) {
		changed := v.Changed()
		rows, seq, truncated := v.Changes(after, 1000)
		for i := range rows {
			if r := &rows[i]; r.LastSeq <= after || r.LastSeq > seq {
				t.Errorf("row of %d between %d and %d", r.LastSeq, after, seq)
			}
		}
		if !truncated && seq > after && len(rows) == 0 {
			t.Errorf("nothing changed between %d and %d", after, seq)
		}
		if after = seq; v.Seq() > after {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}
