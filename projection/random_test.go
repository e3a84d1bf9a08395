package projection

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/task"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

// wander carries out random commands, most of them legal, in batches of random size.
func wander(rt *rapid.T, l *ledger) {
	for range rapid.IntRange(1, 25).Draw(rt, "batches") {
		l.open = true
		for range rapid.IntRange(1, 8).Draw(rt, "commands") {
			step(rt, l)
		}
		l.commit()
		l.after(task.Micros(rapid.SampledFrom([]int64{0, 1, 999, 1_500_000, 12_000_000, 700_000_000}).Draw(rt, "pause")))
		if rapid.Bool().Draw(rt, "promote") {
			l.views.Promote(l.now)
		}
	}
}

// step is one random command.
func step(rt *rapid.T, l *ledger) {
	kind := rapid.IntRange(0, 22).Draw(rt, "command")
	if len(l.order) == 0 || kind < 4 {
		submitAny(rt, l)
		return
	}
	if kind == 4 && l.ruled && rapid.Bool().Draw(rt, "limits") {
		l.limit("mail", anyRules(rt))
		return
	}
	if kind == 4 {
		l.other("server.started", int64(len(l.events)), `{}`)
		return
	}
	if kind == 18 {
		sendAny(rt, l)
		return
	}
	id := rapid.SampledFrom(l.order).Draw(rt, "task")
	fence := l.tasks[id].LastFence
	if rapid.IntRange(0, 9).Draw(rt, "stale") == 0 {
		fence = rapid.Int64Range(0, 9).Draw(rt, "fence")
	}
	_ = l.try(person, id, commandOf(rt, l, kind, id, fence)) // a refusal is an answer too
}

func submitAny(rt *rapid.T, l *ledger) {
	c := task.Submit{
		Type:        rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "type"),
		Queue:       rapid.SampledFrom([]string{"", "mail", "yard"}).Draw(rt, "queue"),
		Priority:    rapid.SampledFrom([]int{0, 0, 0, 5, -5, 100}).Draw(rt, "priority"),
		MaxAttempts: rapid.IntRange(0, 3).Draw(rt, "max_attempts"),
		Tags:        rapid.SampledFrom([][]string{nil, {"x"}, {"x", "y"}, {"z"}}).Draw(rt, "tags"),
	}
	if l.ruled {
		c.ConcurrencyKey = rapid.SampledFrom([]string{"", "k", "m", "n"}).Draw(rt, "concurrency key")
	}
	if rapid.IntRange(0, 3).Draw(rt, "timed") == 0 {
		c.RunAt = l.now + task.Micros(rapid.Int64Range(-5, 50).Draw(rt, "run_at"))*task.Second
	}
	if rapid.IntRange(0, 5).Draw(rt, "keyed") == 0 {
		c.IdempotencyKey = fmt.Sprint("key ", len(l.order))
		c.RequestHash = sha256.Sum256([]byte(c.IdempotencyKey))
	}
	if rapid.IntRange(0, 2).Draw(rt, "unique") == 0 {
		c.Unique = &task.UniqueSubmit{Key: rapid.SampledFrom([]string{"u", "v"}).Draw(rt, "unique key"),
			For: task.Micros(rapid.SampledFrom([]int64{0, 5, 60, 1500}).Draw(rt, "for")) * task.Second}
		if len(l.order) > 0 && !l.alone && rapid.Bool().Draw(rt, "behind another") {
			c.Unique.Behind = rapid.SampledFrom(l.order).Draw(rt, "behind")
		}
	}
	if len(l.order) > 0 && !l.alone && rapid.IntRange(0, 2).Draw(rt, "depends") == 0 {
		for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(l.order), 1, min(3, len(l.order)), rapid.ID[ulid.ULID]).Draw(rt, "on") {
			c.DependsOn = append(c.DependsOn, task.Dependency{Task: id, When: task.When(rapid.IntRange(0, 2).Draw(rt, "when"))})
		}
		if c.RunAnyway = rapid.IntRange(0, 3).Draw(rt, "anyway") == 0; c.RunAnyway {
			for i := range c.DependsOn {
				c.DependsOn[i].When = task.WhenSucceeded
			}
		}
	}
	if len(l.order) > 0 && rapid.Bool().Draw(rt, "a child") {
		c.Kin = anyKin(rt, l)
	}
	l.submit(c)
}

// anyRules are limits of a queue for its keys, or none.
func anyRules(rt *rapid.T) QueueLimits {
	limits := QueueLimits{KeyConcurrency: rapid.IntRange(0, 2).Draw(rt, "key_concurrency"), FairKeys: rapid.Bool().Draw(rt, "fair_keys")}
	if rapid.Bool().Draw(rt, "with weight") {
		limits.Weight = rapid.IntRange(1, 1000).Draw(rt, "weight")
	}
	if rapid.Bool().Draw(rt, "with rate") {
		limits.KeyRate, limits.KeyBurst = 0.1, rapid.IntRange(0, 2).Draw(rt, "burst")
	}
	return limits
}

func commandOf(rt *rapid.T, l *ledger, kind int, id ulid.ULID, fence int64) task.Command {
	switch kind {
	case 5, 6, 7:
		return task.Start{Boot: l.boot, Charge: task.Micros(rapid.SampledFrom([]int64{0, 1, 100_000, 5_000_000}).Draw(rt, "charge"))}
	case 8, 9:
		return task.Succeed{Fence: fence}
	case 10, 11:
		code := task.Code(rapid.IntRange(int(task.CodeError), int(task.CodePanic)).Draw(rt, "code"))
		return task.Fail{Fence: fence, Code: code, Seed: rapid.Uint64().Draw(rt, "seed")}
	case 12:
		return task.Progress{Fence: fence, Percent: rapid.Float64Range(0, 100).Draw(rt, "percent"), Trusted: rapid.Bool().Draw(rt, "trusted")}
	case 13:
		return rapid.SampledFrom([]task.Command{task.Cancel{}, task.Stop{Fence: fence}}).Draw(rt, "cancel")
	case 14:
		return rapid.SampledFrom([]task.Command{task.Expire{Fence: fence}, task.Release{Fence: fence},
			task.Expire{Fence: fence, Crash: task.CrashAlone}, task.Expire{Fence: fence, Crash: task.CrashTogether}}).Draw(rt, "lose")
	case 15:
		return task.Retry{}
	case 19, 20, 21, 22:
		return stepCommand(rt, l, kind, id, fence)
	case 16:
		return task.Snooze{Until: l.now + task.Micros(rapid.Int64Range(-5, 50).Draw(rt, "until"))*task.Second}
	default:
		return rapid.SampledFrom([]task.Command{task.Erase{}, task.Reprioritise{Priority: 3}, task.Reprioritise{Priority: -3}}).Draw(rt, "change")
	}
}

func TestViewsFoldedLiveRebuiltAndReplayedAreEqual(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		l.ruled = rapid.Bool().Draw(rt, "ruled")
		wander(rt, l)
		rebuilt, err := Rebuild(t.Context(), tape{events: l.events}, nil)
		if err != nil {
			t.Fatal(err)
		}
		replayed := New()
		for rest := l.events; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "page")
			apply(t, replayed, rest[:n])
			rest = rest[n:]
		}
		sameViews(rt, "rebuilt", l.views, rebuilt, l.now)
		sameViews(rt, "replayed", l.views, replayed, l.now)
	})
}

func TestViewsAreWhatTheTasksSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		wander(rt, l)
		l.views.Promote(l.now)
		checkTasks(rt, l)
		checkOrder(rt, l)
		checkCounts(rt, l)
		checkChanges(rt, l)
		checkClaims(rt, l, l.views)
		checkWindows(rt, l)
		checkSuspended(rt, l)
		checkFamilies(rt, l)
		checkWaiting(rt, l)
	})
}

func checkTasks(t failer, l *ledger) {
	for _, id := range l.order {
		got, seq, err := l.views.Get(context.Background(), id)
		if diff := diffOf(*l.tasks[id], got); err != nil || seq != int64(len(l.events)) || diff != "" {
			t.Fatalf("%s at %d: %v\n%s", id, seq, err, diff)
		}
		if key := got.IdempotencyKey(); key != "" && must(t, l.views.FindByKey, key).ID != must(t, l.views.Find, id).ID {
			t.Fatalf("key %q does not lead to %s", key, id)
		}
		var seqs []int64
		for _, e := range l.events {
			if e.Stream == got.Stream() {
				seqs = append(seqs, e.Seq)
			}
		}
		history, err := l.views.History(context.Background(), id)
		if diff := diffOf(seqs, history); err != nil || diff != "" {
			t.Fatalf("history of %s: %v\n%s", id, err, diff)
		}
	}
}

// checkClaims works out from the tasks who holds each unique key.
func checkClaims(t failer, l *ledger, v *Views) {
	t.Helper()
	want := map[string]claimed{}
	for _, id := range l.order {
		r := l.tasks[id]
		if r.Links == nil || r.Links.Unique.Key == "" {
			continue
		}
		name := r.Type + " " + r.Links.Unique.Key
		c := want[name]
		switch {
		case !r.Holds(l.now):
		case r.Status.Ended():
			c.Until = max(c.Until, r.Links.Unique.Until())
		default:
			c.Live = append(c.Live, r.Name())
		}
		slices.Sort(c.Live)
		want[name] = c
	}
	for name, c := range want {
		if len(c.Live) > 0 {
			want[name] = claimed{Live: c.Live}
		}
	}
	if diff := diffOf(want, snapshotOf(t, v, l.now).Claims); diff != "" {
		t.Fatalf("who holds the unique keys (-want +got):\n%s", diff)
	}
}

// checkOrder sorts the pending tasks by the rule.
func checkOrder(t failer, l *ledger) {
	l.views.Promote(l.now)
	var ready, waiting []*task.Task
	var running []string
	for _, id := range l.order {
		switch r := l.tasks[id]; {
		case r.Status == task.Running:
			running = append(running, r.Name())
		case r.Status == task.Pending && r.Due(l.now) && l.isHeld(r):
		case r.Status == task.Pending && r.Due(l.now):
			ready = append(ready, r)
		case r.Status == task.Pending && r.Waits() == nil && r.Ending() == task.None:
			waiting = append(waiting, r)
		}
	}
	slices.SortFunc(ready, func(a, b *task.Task) int {
		at := func(s *task.Task) task.Micros { return s.DueAt - 300*task.Second*task.Micros(s.Priority) }
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.SubmitSeq, b.SubmitSeq))
	})
	slices.SortFunc(waiting, func(a, b *task.Task) int {
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.SubmitSeq, b.SubmitSeq))
	})
	slices.Sort(running)
	gotReady, gotWaiting, gotRunning := orderOf(l.views)
	if diff := diffOf([][]string{names(ready), names(waiting), running}, [][]string{gotReady, gotWaiting, gotRunning}); diff != "" {
		t.Fatalf("ready, waiting, running:\n%s", diff)
	}
	if n := l.views.ReadyCount(); n != len(ready) {
		t.Fatalf("%d ready, want %d", n, len(ready))
	}
	var next task.Micros
	if len(waiting) > 0 {
		next = waiting[0].DueAt
	}
	if got := l.views.NextDue(); got != next {
		t.Fatalf("next due %d, want %d", got, next)
	}
}

// isHeld reports whether the task has not started yet, and is behind one that has not ended, or depends on one that has not
// ended as it needs.
func (l *ledger) isHeld(r *task.Task) bool {
	if r.StartedAt != 0 {
		return false
	}
	for _, d := range r.DependsOn() {
		on := l.tasks[d.Task].Status
		good := on == task.Success && d.When == task.WhenSucceeded || on == task.Failed && d.When == task.WhenFailed || d.When == task.WhenEnded || r.Links.RunAnyway
		if !on.Ended() || !good {
			return true
		}
	}
	before := l.tasks[r.Behind()]
	return before != nil && !before.Status.Ended()
}

func names(list []*task.Task) (all []string) {
	for _, r := range list {
		all = append(all, r.Name())
	}
	return all
}

func checkCounts(t failer, l *ledger) {
	type facet struct {
		status      task.Status
		kind, queue string
	}
	want := make(map[facet]int64)
	for _, r := range l.tasks {
		want[facet{r.Status, r.Type, r.Queue}]++
	}
	counts, _ := l.views.Counts()
	got := make(map[facet]int64)
	for _, c := range counts {
		got[facet{c.Status, c.Type, c.Queue}] = c.N
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(counts) != len(want) {
		t.Fatalf("counts %v, want %v", got, want)
	}
}

func checkChanges(t failer, l *ledger) {
	for after := int64(-1); after <= int64(len(l.events))+1; after++ {
		var want []*task.Task
		for _, id := range l.order {
			if l.tasks[id].LastSeq > after {
				want = append(want, l.tasks[id])
			}
		}
		slices.SortFunc(want, func(a, b *task.Task) int { return cmp.Compare(a.LastSeq, b.LastSeq) })
		const limit = 5
		cut := want[max(0, len(want)-limit):]
		rows, seq, truncated := l.views.Changes(after, limit)
		if len(rows) != len(cut) || truncated != (len(want) > limit) || seq != int64(len(l.events)) {
			t.Fatalf("after %d: %d rows at %d, truncated %v; want %d of %d", after, len(rows), seq, truncated, len(cut), len(want))
		}
		for i, r := range cut {
			if rows[i].ID != r.ID || rows[i].LastSeq != r.LastSeq {
				t.Fatalf("after %d: row %d is %s at %d, want %s at %d", after, i, rows[i].ID, rows[i].LastSeq, r.ID, r.LastSeq)
			}
		}
	}
}

// checkWindows works the windows out again from the raw events.
func checkWindows(t failer, l *ledger) {
	windows, _ := l.views.Windows(l.now)
	for _, w := range windows {
		want := Window{Seconds: w.Seconds, Wait: w.Wait, Run: w.Run}
		first := l.now/task.Second - task.Micros(w.Seconds) + 1
		running := make(map[ulid.ULID]bool)
		for _, e := range l.events {
			id, _ := task.ParseStream(e.Stream)
			was := running[id]
			running[id] = e.Type == "task.started" || was && (e.Type == "task.progressed" ||
				e.Type == "task.cancel_requested" || e.Type == "task.reprioritised" || e.Type == "task.late_result_refused" || e.Type == "task.step_recorded")
			if task.Micros(e.At)/task.Second < first {
				continue
			}
			switch e.Type {
			case "task.submitted":
				want.Submitted++
			case "task.succeeded":
				want.Succeeded++
			case "task.failed":
				want.Failed++
				if was {
					want.AttemptsFailed++
				}
			case "task.cancelled":
				want.Cancelled++
			case "task.attempt_failed", "task.lease_expired":
				want.AttemptsFailed++
			case "task.ending":
				if was && strings.Contains(string(e.Data), `"as":"FAILED"`) {
					want.AttemptsFailed++
				}
			}
		}
		if diff := diffOf(want, w); diff != "" {
			t.Fatalf("window of %d s:\n%s", w.Seconds, diff)
		}
	}
}
