package projection

import (
	"testing"

	"daybook/task"
)

// After a loss was accepted the log may be as long as it was, with other events: views of before
// are views of another history.
func TestAFileOfAnotherHistoryOfTheSameLengthIsMadeAgain(t *testing.T) {
	history := func(tag string) *ledger {
		l := newLedger(t)
		for range 50 {
			id := l.submit(task.Submit{Tags: []string{tag}})
			l.do(system, id, task.Succeed{Fence: l.start(id)})
		}
		return l
	}
	first, second := history("before"), history("after")
	dir := t.TempDir()
	v := openKept(t, growing{l: first}, dir, 5)
	checkpointNow(t, v)
	closeViews(t, v)
	again, err := Open(t.Context(), growing{l: second}, Options{Dir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	sameTasks(t, second.views, again, second.now)
	closeViews(t, again)
}
