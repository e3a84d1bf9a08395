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

// A task whose own work has succeeded waits for its children when it is cancelled. Undo takes back that, and not the work.
func TestTheUndoOfACancelKeepsWorkThatWasDone(t *testing.T) {
	cancels := map[string]func(b *bench, parent ulid.ULID) func() error{
		"one": func(b *bench, parent ulid.ULID) func() error {
			b.do(parent, task.Cancel{Reason: "wrong"})
			return func() error {
				all := eventsOf(b.t, b.log, eventlog.Filter{Streams: []string{task.StreamOf(parent)}, Types: []string{task.EventEnding.String()}})
				_, err := b.s.UndoTask(b.t.Context(), "token:ada", parent, all[len(all)-1], "oops")
				return err
			}
		},
		"bulk": func(b *bench, parent ulid.ULID) func() error {
			cancelled := b.bulk(order(projection.BulkCancel), "default")
			return func() error {
				_, err := b.s.UndoBulk(b.t.Context(), "token:ada", cancelled, "oops")
				synctest.Wait()
				return err
			}
		},
	}
	for name, cancel := range cancels {
		family(t, ofFan("a b"), func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
			if _, err := b.report(token, task.Succeed{Result: []byte(`"mine"`), Outcome: "all of it"}); err != nil {
				b.t.Fatal(err)
			}
			done := b.want(parent, task.Pending)
			undo := cancel(b, parent)
			synctest.Wait()
			if got := b.want(parent, task.Cancelled); got.ResultSeq != 0 || outcomeOf(&got) != "" {
				b.t.Errorf("%s: cancelled, it has a result", name)
			}
			if err := undo(); err != nil {
				b.t.Fatal(name, err)
			}
			got := b.want(parent, task.Pending)
			if got.Ending() != task.Success || got.ResultSeq != done.ResultSeq || outcomeOf(&got) != "all of it" || got.StartedAt != done.StartedAt || got.CompletedAt != 0 {
				b.t.Errorf("%s: after the undo it is %+v", name, got)
			}
			if leases := b.poll("w", 5); len(leases) != 0 {
				b.t.Errorf("%s: a worker gets it again", name)
			}
			for _, kid := range kids {
				b.want(kid, task.Pending)
				if _, err := b.report(b.leaseOf("REMOTEKID", kid), result("1")); err != nil {
					b.t.Fatal(err)
				}
			}
			synctest.Wait()
			if got := b.want(parent, task.Success); got.ResultSeq != done.ResultSeq || got.Attempt != 1 {
				b.t.Errorf("%s: it has ended as %+v", name, got)
			}
		})
	}
}

func outcomeOf(t *task.Task) string {
	if t.Notes == nil {
		return ""
	}
	return t.Notes.Outcome
}
