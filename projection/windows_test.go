package projection

import (
	"testing"

	"daybook/task"
)

func TestAWindowForgetsWhatIsOlder(t *testing.T) {
	l := newLedger(t)
	l.submit(task.Submit{})
	for _, test := range []struct {
		after             task.Micros
		minute, five, all int64
	}{
		{0, 1, 1, 1},
		{60*task.Second - 1, 1, 1, 1},
		{60 * task.Second, 0, 1, 1},
		{300*task.Second - 1, 0, 1, 1},
		{300 * task.Second, 0, 0, 1},
		{3600*task.Second - 1, 0, 0, 1},
		{3600 * task.Second, 0, 0, 0},
	} {
		w, seq := l.views.Windows(noon + test.after)
		if w[0].Submitted != test.minute || w[1].Submitted != test.five || w[2].Submitted != test.all || seq != 1 {
			t.Errorf("after %s: %d, %d, %d", test.after.Duration(), w[0].Submitted, w[1].Submitted, w[2].Submitted)
		}
	}
	id := l.submit(task.Submit{})
	l.start(id)
	l.after(3600 * task.Second) // its slices are used again
	l.start(l.submit(task.Submit{}))
	if w, _ := l.views.Windows(l.now); w[2].Submitted != 1 || w[2].Wait.Count != 1 {
		t.Errorf("an hour later: %d submitted, %d started", w[2].Submitted, w[2].Wait.Count)
	}
}

func TestAWaitBeginsWhenTheTaskIsFreeToStart(t *testing.T) {
	wait := func(tell func(l *ledger)) task.Micros {
		l := newLedger(t)
		tell(l)
		w, _ := l.views.Windows(l.now)
		return w[2].Wait.P99 // of the last start: every story waits longest there
	}
	for _, test := range []struct {
		name string
		want task.Micros
		tell func(l *ledger)
	}{
		{"from submission", 8 * task.Second, func(l *ledger) {
			id := l.submit(task.Submit{})
			l.after(8 * task.Second)
			l.start(id)
		}},
		{"from run_at", 2 * task.Second, func(l *ledger) {
			id := l.submit(task.Submit{RunAt: l.now + 6*task.Second})
			l.after(8 * task.Second)
			l.start(id)
		}},
		{"not before it was lost", task.Second, func(l *ledger) {
			id := l.submit(task.Submit{})
			fence := l.start(id)
			l.after(100 * task.Second)
			l.do(system, id, task.Expire{Fence: fence})
			l.after(task.Second)
			l.start(id)
		}},
		{"not before it was given back", task.Second, func(l *ledger) {
			id := l.submit(task.Submit{})
			fence := l.start(id)
			l.after(100 * task.Second)
			l.do(system, id, task.Release{Fence: fence})
			l.after(task.Second)
			l.start(id)
		}},
		{"from the end of the backoff", 3 * task.Second, func(l *ledger) {
			id := l.submit(task.Submit{Backoff: &task.Backoff{Kind: task.Constant, Base: 10 * task.Second, Max: 10 * task.Second, NoJitter: true}})
			l.do(system, id, task.Fail{Fence: l.start(id), Code: task.CodeError})
			l.after(13 * task.Second)
			l.start(id)
		}},
		{"from the snooze", 4 * task.Second, func(l *ledger) {
			id := l.submit(task.Submit{})
			l.do(person, id, task.Snooze{Until: l.now + 50*task.Second})
			l.after(54 * task.Second)
			l.start(id)
		}},
	} {
		got := wait(test.tell)
		if off := got - test.want; off < -test.want/20 || off > test.want/20 {
			t.Errorf("%s: waited %s, want %s", test.name, got.Duration(), test.want.Duration())
		}
	}
}
