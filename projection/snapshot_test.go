package projection

import (
	"context"
	"fmt"
	"slices"

	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// failer is what a test and a rapid check have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// snapshot is all that two folds of one log must have in common.
type snapshot struct {
	Seq                     int64
	Tasks                   []task.Task
	Histories               [][]int64
	Counts                  []Count
	Ready, Waiting, Running []string
	WaitCounts              []WaitCount
	NextDue                 task.Micros
	ReadyCount              int
	Keys                    []string
	Claims                  map[string]claimed // by type and unique key
	KeyStates               []string
	Held                    int64 // ready tasks of the queue mail that their keys hold
	Windows                 [][]Window
	Servers                 []ServerRun
	Changed                 []string
	Suspended               []string
	Stranded                []string // tasks that cannot start any more
	Families                []string
}

// snapshotOf looks at the views after all that is due by now was promoted.
func snapshotOf(t failer, v *Views, now task.Micros) snapshot {
	t.Helper()
	v.Promote(now)
	v.OpenKeys(now)
	s := snapshot{Seq: v.Seq(), NextDue: v.NextDue(), ReadyCount: v.ReadyCount(), Claims: map[string]claimed{}}
	for q := (Query{Limit: MaxLimit}); ; {
		page, err := v.List(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Tasks {
			seqs, err := v.History(context.Background(), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			s.Tasks, s.Histories = append(s.Tasks, r), append(s.Histories, seqs)
			if r.Links != nil && r.Links.Unique.Key != "" {
				s.Claims[r.Type+" "+r.Links.Unique.Key] = claimedOf(t, v, &r, now)
			}
			if r.IsParent() {
				s.Families = append(s.Families, childrenIn(t, v, r.ID))
			}
			if key := r.IdempotencyKey(); key != "" {
				s.Keys = append(s.Keys, fmt.Sprintf("%s = %s", key, must(t, v.FindByKey, key).Name()))
			}
		}
		if q.Before = page.Next; q.Before == 0 {
			break
		}
	}
	s.Counts, _ = v.Counts()
	s.WaitCounts, _ = v.WaitCounts(now)
	s.Servers = v.ServerRuns()
	s.Ready, s.Waiting, s.Running = orderOf(v)
	s.Suspended, s.Families = suspendedIn(v), append(s.Families, familiesIn(v)...)
	for t := range v.Stranded() {
		s.Stranded = append(s.Stranded, t.Name())
	}
	slices.Sort(s.Stranded)
	slices.Sort(s.Keys)
	s.KeyStates, s.Held = keyStatesOf(v, now), heldOf(v, "mail")
	for _, at := range []task.Micros{now, now + 59*task.Second, now + 301*task.Second, now + 3500*task.Second} {
		windows, _ := v.Windows(at)
		s.Windows = append(s.Windows, windows)
	}
	rows, _, truncated := v.Changes(max(0, v.Seq()-50), 20)
	for _, r := range rows {
		s.Changed = append(s.Changed, r.Name())
	}
	s.Changed = append(s.Changed, fmt.Sprint(truncated))
	return s
}

// heldOf is how many ready tasks of the queue their keys hold.
func heldOf(v *Views, queue string) (held int64) {
	if q := v.order.keyed.byName[queue]; q != nil {
		for _, of := range q.groups {
			held += of.held
		}
	}
	return held
}

// keyStatesOf is what is known of concurrency keys. A key of which nothing need be known is left out.
func keyStatesOf(v *Views, now task.Micros) (states []string) {
	for _, q := range v.order.keyed.byName {
		states = append(states, fmt.Sprint(q.name, " at ", q.virtual))
		for _, k := range q.keys {
			if len(k.running) > 0 || len(k.lanes) > 0 || !k.blank(now) {
				states = append(states, fmt.Sprint(q.name, " ", k.name, " runs ", len(k.running), ", due ", max(k.due, now), ", opens ", k.opens, ", finish ", max(k.finish, q.virtual)))
			}
		}
	}
	queues := foldIn[*queueStates](v.streams)
	states = append(states, fmt.Sprint("queues at ", queues.Weights.Virtual, ", ahead ", queues.Weights.Finishes, ", runs ", queues.Runs))
	slices.Sort(states)
	return states
}

// claimed is who holds a unique key.
type claimed struct {
	Live  []string    // sorted
	Until task.Micros // if none is live: how long those that have ended hold it; 0 = none does
}

func claimedOf(t failer, v *Views, r *task.Task, now task.Micros) (c claimed) {
	t.Helper()
	claim, _ := r.Claims()
	v.FindLiveClaims(claim, now, func(live *task.Task) { c.Live = append(c.Live, live.Name()) })
	if slices.Sort(c.Live); len(c.Live) > 0 {
		return c
	}
	ended, err := v.FindEndedClaim(claim, now)
	if err != nil {
		t.Fatal(err)
	}
	if ended != nil {
		c.Until = ended.Links.Unique.Until()
	}
	return c
}

func orderOf(v *Views) (ready, waiting, running []string) {
	for r := range v.Ready(anyType) {
		ready = append(ready, r.Name())
	}
	walkDue(v.order.timed[:], Due{}, func(key dueKey) bool {
		waiting = append(waiting, key.rec.task.Name())
		return true
	})
	for r := range v.Running() {
		running = append(running, r.Name())
	}
	slices.Sort(running)
	return ready, waiting, running
}

func sameViews(t failer, what string, want, got *Views, now task.Micros) {
	t.Helper()
	if diff := diffOf(snapshotOf(t, want, now), snapshotOf(t, got, now)); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// statusOf is None for a task that there is not.
func statusOf(v *Views, id ulid.ULID) task.Status {
	if r, err := v.Find(id); err == nil && r != nil {
		return r.Status
	}
	return task.None
}

// must is the task that find finds by key.
func must[K any](t failer, find func(K) (*task.Task, error), key K) *task.Task {
	t.Helper()
	r, err := find(key)
	if err != nil || r == nil {
		t.Fatalf("%v is not found: %v", key, err)
	}
	return r
}

// diffOf says how got differs from want; "" = not at all.
func diffOf(want, got any) string { return cmp.Diff(want, got) }

// anyType accepts every task type and queue.
func anyType(string, string) bool { return true }
