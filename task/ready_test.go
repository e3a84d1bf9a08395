package task

import "testing"

// A task waits from when it was last ready, not from its creation: neither a due time, nor
// earlier attempts and their backoffs, nor the life before a retry are waiting.
func TestATaskKnowsSinceWhenItIsReady(t *testing.T) {
	const created, minute = Micros(1_000_000_000), 60 * Second
	at := func(n Micros) Micros { return created + n*minute }
	var one Task
	apply := func(kind EventType, when Micros, d Data) {
		t.Helper()
		d.Fence = max(d.Fence, one.Fence())
		if err := Apply(&one, machineID, &Event{Type: kind, Version: one.Version + 1, At: when, Data: d}); err != nil {
			t.Fatal(err)
		}
	}
	ready := func(after string, want Micros) {
		t.Helper()
		if one.ReadyAt != want {
			t.Errorf("after %s it is ready at minute %v, not %v", after, (one.ReadyAt-created)/minute, (want-created)/minute)
		}
	}
	start := func(when Micros, attempt int) {
		t.Helper()
		before := one.ReadyAt
		apply(EventStarted, when, Data{Attempt: attempt})
		apply(EventProgressed, when+1, Data{Progress: attempt})
		ready("a start", before)
	}
	apply(EventSubmitted, created, Data{TaskType: "SLEEP", MaxAttempts: 2, RunAt: at(10)})
	ready("the submit", at(10))
	apply(EventSnoozed, at(1), Data{RunAt: at(5)})
	ready("a snooze", at(5))
	apply(EventReprioritised, at(6), Data{Priority: 3})
	ready("another priority", at(5))
	start(at(6), 1)
	apply(EventAttemptFailed, at(7), Data{Attempt: 1, RetryAt: at(9)})
	ready("a failed attempt", at(9))
	start(at(12), 2)
	apply(EventReleased, at(13), Data{})
	ready("a release", at(13))
	start(at(14), 2)
	apply(EventLeaseExpired, at(15), Data{Attempt: 2})
	ready("an expired lease", at(15))
	apply(EventFailed, at(15), Data{Attempt: 2})
	apply(EventRetried, at(20), Data{})
	ready("a retry", at(20))
	if one.AttemptBase != 2 || one.Reports != 3 {
		t.Errorf("%d attempts before the retry and %d reports, not 2 and 3", one.AttemptBase, one.Reports)
	}
}
