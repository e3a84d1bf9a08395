package projection

import (
	"slices"
	"testing"

	"daybook/task"

	"pgregory.net/rapid"
)

func TestALineLeavesOutParkedQueuesAlone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		l.ruled = rapid.Bool().Draw(rt, "with rules for keys")
		parked := map[string]bool{}
		for range rapid.IntRange(1, 6).Draw(rt, "times") {
			wander(rt, l)
			for _, queue := range []string{"default", "mail", "yard", "unknown"} {
				if rapid.Bool().Draw(rt, "change") {
					parked[queue] = !parked[queue]
					l.views.Park(queue, parked[queue])
				}
			}
			l.views.Promote(l.now)
			l.views.OpenKeys(l.now)
			fresh := New()
			if err := fresh.Apply(l.events); err != nil {
				rt.Fatal(err)
			}
			fresh.Promote(l.now)
			fresh.OpenKeys(l.now)
			var want []string
			for t := range fresh.Ready(func(_, queue string) bool { return !parked[queue] }) {
				want = append(want, t.Name())
			}
			got, _, _ := orderOf(l.views)
			if !slices.Equal(got, want) {
				rt.Fatalf("with %v parked the line is\n%v, want\n%v", parked, got, want)
			}
		}
	})
}

func TestAParkedQueueIsNotLookedAt(t *testing.T) {
	l := newLedger(t)
	l.limit("mail", QueueLimits{FairKeys: true})
	l.submit(task.Submit{Queue: "mail"})
	l.submit(task.Submit{Queue: "yard"})
	l.submit(task.Submit{})
	looked := func() (names []string) {
		for range l.views.Ready(func(_, queue string) bool { names = append(names, queue); return true }) {
		}
		slices.Sort(names)
		return names
	}
	if names := looked(); !slices.Equal(names, []string{"default", "mail", "yard"}) {
		t.Errorf("looked at %v", names)
	}
	l.views.Park("mail", true)
	l.views.Park("yard", true)
	l.submit(task.Submit{Queue: "yard"})
	l.submit(task.Submit{Queue: "mail"})
	if names := looked(); !slices.Equal(names, []string{"default"}) {
		t.Errorf("looked at %v, and two of them are parked", names)
	}
}
