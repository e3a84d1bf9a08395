package projection

import (
	"testing"

	"daybook/task"
)

func TestATaskIsReadyAtItsDueTimeAndNotBefore(t *testing.T) {
	l := newLedger(t)
	due := l.now + 30*task.Second
	id := l.submit(task.Submit{RunAt: due})
	for _, step := range []struct {
		now   task.Micros
		ready int
		next  task.Micros
	}{{l.now, 0, due}, {due - 1, 0, due}, {due, 1, 0}, {due - 1, 1, 0}} {
		l.views.Promote(step.now)
		if got, next := l.views.ReadyCount(), l.views.NextDue(); got != step.ready || next != step.next {
			t.Errorf("at %d: %d ready, next due %d", step.now-due, got, next)
		}
	}
	// Another priority moves it among the ready, although the event is older than its time.
	first := l.submit(task.Submit{})
	l.do(person, id, task.Reprioritise{Priority: 1})
	if ready, _, _ := orderOf(l.views); len(ready) != 2 || ready[0] != id.String() || ready[1] != first.String() {
		t.Errorf("ready: %v", ready)
	}
}

func TestATaskSubmittedAndStartedInOneBatchIsNeverReady(t *testing.T) {
	l := newLedger(t)
	l.open = true
	id := l.submit(task.Submit{})
	l.start(id)
	l.commit()
	if n := l.views.ReadyCount(); n != 0 {
		t.Errorf("%d ready", n)
	}
	if rec := l.views.table.find(id); rec.place != inRunning || rec.keyDue != 0 {
		t.Errorf("it lies in %d under %+v", rec.place, rec.key())
	}
}

func TestTheReadyAreReadOnlyAsFarAsAsked(t *testing.T) {
	l := newLedger(t)
	for range 3 {
		l.start(l.submit(task.Submit{}))
		l.submit(task.Submit{})
	}
	var ready, running int
	for range l.views.Ready(anyType) {
		if ready++; ready == 2 {
			break
		}
	}
	for range l.views.Running() {
		if running++; running == 2 {
			break
		}
	}
	if ready != 2 || running != 2 {
		t.Errorf("%d ready, %d running", ready, running)
	}
}
