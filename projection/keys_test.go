package projection

import (
	"fmt"
	"slices"
	"testing"

	"daybook/task"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

// TestKeysAreWhatTheTasksSay works out from the tasks which of them their keys hold.
func TestKeysAreWhatTheTasksSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		l.ruled = true
		wander(rt, l)
		l.views.Promote(l.now)
		l.views.OpenKeys(l.now)
		limits := l.views.QueueState("mail").Limits
		running := map[string][]ulid.ULID{}
		for _, id := range l.order {
			if s := l.tasks[id]; s.Queue == "mail" && s.Status == task.Running {
				running[s.ConcurrencyKey] = append(running[s.ConcurrencyKey], id)
			}
		}
		var want []string
		var held int64
		for _, id := range l.order {
			s := l.tasks[id]
			if s.Status != task.Pending || !s.Due(l.now) || l.isHeld(s) {
				continue
			}
			h := l.views.KeyHold(s)
			full := limits.KeyConcurrency > 0 && s.Queue == "mail" && s.ConcurrencyKey != "" && len(running[s.ConcurrencyKey]) >= limits.KeyConcurrency
			if full != (h.Limit > 0) || full && (h.Running != len(running[s.ConcurrencyKey]) || !slices.Contains(running[s.ConcurrencyKey], h.HeldBy[0])) {
				rt.Fatalf("%s with key %q: %+v, of its key run %v", id, s.ConcurrencyKey, h, running[s.ConcurrencyKey])
			}
			if full || h.Until > 0 {
				held++
			} else {
				want = append(want, s.Name())
			}
		}
		got, _, _ := orderOf(l.views)
		slices.Sort(got)
		slices.Sort(want)
		if diff := diffOf(want, got); diff != "" || held != heldOf(l.views, "mail") {
			rt.Fatalf("tasks that may start, with %d held of %d:\n%s", heldOf(l.views, "mail"), held, diff)
		}
		checkMates(rt, l)
	})
}

// checkMates looks for the live tasks of each key.
func checkMates(t failer, l *ledger) {
	t.Helper()
	want := map[keyName]int{}
	for _, s := range l.tasks {
		if s.ConcurrencyKey != "" && !s.Status.Ended() {
			want[keyName{s.Queue, s.ConcurrencyKey}]++
		}
	}
	got := map[keyName]int{}
	for name := range l.views.mates {
		l.views.FindLiveByKey(name.queue, name.key, func(s *task.Task) bool {
			if s.Status.Ended() || s.Queue != name.queue || s.ConcurrencyKey != name.key {
				t.Fatalf("%s of %s is among those of %v", s.Name(), s.ConcurrencyKey, name)
			}
			got[name]++
			return true
		})
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Fatalf("live tasks by key: %v, want %v", got, want)
	}
}

func TestKeysTakeTurnsByRunTime(t *testing.T) {
	l := newLedger(t)
	l.limit("mail", QueueLimits{FairKeys: true})
	for range 40 {
		l.submit(task.Submit{Queue: "mail", ConcurrencyKey: "long"})
		l.submit(task.Submit{Queue: "mail", ConcurrencyKey: "short"})
	}
	ran := map[string]task.Micros{}
	for range 30 {
		line := l.views.OpenLine(anyType)
		next := *line.First()
		l.do("system:scheduler", next.ID, task.Start{Boot: l.boot, Charge: l.views.Charge(&next)})
		run := task.Second
		if next.ConcurrencyKey == "long" {
			run = 4 * task.Second
		}
		l.after(run)
		ran[next.ConcurrencyKey] += run
		l.do("system:scheduler", next.ID, task.Succeed{Fence: l.tasks[next.ID].Fence()})
	}
	if d := ran["long"] - ran["short"]; d < -4*task.Second || 4*task.Second < d {
		t.Errorf("they ran for %v", ran)
	}
}

func TestIdleKeysAreForgotten(t *testing.T) {
	l := newLedger(t)
	l.limit("mail", QueueLimits{FairKeys: true, KeyRate: 10})
	for i := range 1000 {
		id := l.submit(task.Submit{Queue: "mail", ConcurrencyKey: fmt.Sprint("k", i)})
		l.do("system:scheduler", id, task.Start{Boot: l.boot, Charge: 100_000})
		l.after(task.Second / 1000)
		l.do("system:scheduler", id, task.Succeed{Fence: l.tasks[id].Fence()})
		l.after(task.Second / 5)
		other := l.submit(task.Submit{Queue: "mail"})
		l.do("system:scheduler", other, task.Start{Boot: l.boot, Charge: 100_000})
		l.do("system:scheduler", other, task.Succeed{Fence: l.tasks[other].Fence()})
	}
	if n := len(l.views.order.keyed.byName["mail"].keys); n > 100 {
		t.Errorf("%d keys are known", n)
	}
}

func TestQueuesTakeTurnsByWeight(t *testing.T) {
	l := newLedger(t)
	l.limit("mail", QueueLimits{Weight: 300})
	for range 200 {
		l.submit(task.Submit{Queue: "yard"})
		l.submit(task.Submit{Queue: "mail"})
	}
	ran := map[string]int{}
	for range 100 {
		line := l.views.OpenLine(anyType)
		next := *line.First()
		l.do("system:scheduler", next.ID, task.Start{Boot: l.boot, Charge: l.views.Charge(&next)})
		l.after(task.Second)
		ran[next.Queue]++
		l.do("system:scheduler", next.ID, task.Succeed{Fence: l.tasks[next.ID].Fence()})
	}
	if n := ran["mail"]; n < 73 || 77 < n {
		t.Errorf("they ran %v times, with weights 300 and 100", ran)
	}
	line := l.views.OpenLine(anyType)
	decided, started := map[string]int{}, map[ulid.ULID]bool{}
	for range 40 { // starts that are not in the views yet
		for started[line.First().ID] {
			line.Skip()
		}
		next := *line.First()
		next.Holder = &task.Holder{Charge: task.Second}
		line.Started(&next, l.now)
		started[next.ID] = true
		decided[next.Queue]++
	}
	if n := decided["mail"]; n < 28 || 32 < n {
		t.Errorf("of one round start %v", decided)
	}
	l.limit("mail", QueueLimits{})
	if l.views.ByWeight() || l.views.Charge(&task.Task{Queue: "mail", Type: "SLEEP"}) != 0 {
		t.Error("without a weight queues still take turns")
	}
}
