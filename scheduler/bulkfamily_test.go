package scheduler

import (
	"errors"
	"testing"
	"testing/synctest"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

func TestABulkSkipsATaskWhoseDependencyHasFailed(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["BAD"] = failing("no")
		bad := b.submit(task.Submit{Type: "BAD", MaxAttempts: 1, Queue: "other"})
		b.want(bad.ID, task.Failed)
		next := b.submit(task.Submit{Type: "NEXT", Queue: "q", DependsOn: []task.Dependency{{Task: bad.ID}}})
		b.want(next.ID, task.Cancelled)
		wantCounted(t, b.bulk(order(projection.BulkRetry), "q"), `done: 0, {"dependency_failed":1}`)
	})
}

func TestTheUndoOfACancelWaitsUntilTheChildrenHaveStopped(t *testing.T) {
	family(t, ofFan("a b"), func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
		b.waitFor(token, "")
		running := b.leaseOf("REMOTEKID", kids["b"])
		b.do(parent, task.Cancel{Reason: "enough"})
		b.want(parent, task.Pending)
		var ending *eventlog.Event
		for _, e := range eventsOf(b.t, b.log, eventlog.Filter{Streams: []string{task.StreamOf(parent)}, Types: []string{task.EventEnding.String()}}) {
			ending = e
		}
		if _, err := b.s.UndoTask(b.t.Context(), "token:ada", parent, ending, "oops"); !errors.Is(err, ErrChangedSince) {
			b.t.Errorf("while a child runs: %v", err)
		}
		if _, err := b.report(running, result("2")); !errors.Is(err, task.ErrStopping) {
			b.t.Error(err)
		}
		synctest.Wait()
		b.want(parent, task.Cancelled)
		if _, err := b.s.UndoTask(b.t.Context(), "token:ada", parent, ending, "oops"); err != nil {
			b.t.Error(err)
		}
		b.want(parent, task.Pending)
		b.want(kids["a"], task.Pending)
		b.want(kids["b"], task.Pending)
	})
}
