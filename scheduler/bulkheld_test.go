package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// unread is a log whose payloads cannot be read for now.
type unread struct {
	*eventlogtest.Memory
	fails atomic.Bool
	reads atomic.Int64 // that have failed
}

func (u *unread) Payload(ctx context.Context, seq int64) ([]byte, error) {
	if u.fails.Load() {
		u.reads.Add(1)
		return nil, eventlog.ErrDamaged
	}
	return u.Memory.Payload(ctx, seq)
}

func TestABulkThatCannotGoOnIsTriedEverLessOftenAndSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := &unread{Memory: memory}
		log.fails.Store(true)
		b := open(t, log, Options{})
		defer func() { _ = b.stop() }()
		b.later(10, "q")
		began := task.MicrosOf(time.Now())
		started := b.starts(order(projection.BulkCancel), "q")
		time.Sleep(10 * time.Minute)
		held, is := b.s.HeldBulk(started.ID)
		if !is || !errors.Is(held.Err, eventlog.ErrDamaged) || held.Since < began || held.RetryAt > task.MicrosOf(time.Now().Add(bulkRetryMost)) {
			t.Errorf("held: %v, %+v", is, held)
		}
		if n := log.reads.Load(); n < 14 || n > 18 {
			t.Errorf("it was tried %d times in 10 minutes", n)
		}
		log.fails.Store(false)
		time.Sleep(bulkRetryMost + time.Second)
		wantCounted(t, b.ends(started.ID), "done: 10, null")
		if held, is := b.s.HeldBulk(started.ID); is {
			t.Errorf("after its end: %+v", held)
		}
	})
}

func TestAPreviewSaysWhatTheBulkThenDoes(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer func() { _ = b.stop() }()
		b.does["BAD"] = failing("no")
		b.later(5, "q") // priorities 0 to 4
		gone := b.submit(task.Submit{Type: "JOB", Queue: "e"})
		bad := b.submit(task.Submit{Type: "BAD", MaxAttempts: 1, Queue: "other"})
		b.submit(task.Submit{Type: "NEXT", Queue: "d", DependsOn: []task.Dependency{{Task: bad.ID}}})
		synctest.Wait()
		b.erases(gone.ID)
		two := 2
		for _, test := range []struct {
			started projection.BulkStarted
			queue   string
			want    string
		}{
			{projection.BulkStarted{Action: projection.BulkReprioritise, Priority: &two}, "q", `4 map[nothing_to_change:1] true`},
			{projection.BulkStarted{Action: projection.BulkErase}, "e", `0 map[erased:1] true`},
			{projection.BulkStarted{Action: projection.BulkRetry}, "d", `0 map[dependency_failed:1] true`},
		} {
			selection := projection.Selection{Query: projection.Query{Queues: []string{test.queue}}}
			test.started.From.Seq = b.s.o.Views.Seq() + 1
			head := log.Head().Seq
			p, err := b.s.PreviewBulk(t.Context(), "anonymous", &test.started, &selection)
			if got := fmt.Sprint(p.Changed, p.Skipped, p.Whole); err != nil || got != test.want {
				t.Errorf("%s: %s, want %s: %v", test.started.Action, got, test.want, err)
			}
			if log.Head().Seq != head {
				t.Error("a preview has written something")
			}
			done := b.bulk(BulkOrder{BulkStarted: test.started, Reason: "r"}, test.queue)
			if got := fmt.Sprint(done.Changed, done.Skipped, true); got != test.want {
				t.Errorf("%s: the bulk did %s, and the preview said %s", test.started.Action, got, test.want)
			}
		}
	})
}

func TestAPreviewDoesNotCountChildrenThatOnlyTheirParentRetries(t *testing.T) {
	family(t, ofFan("a b"), func(b *bench, parent ulid.ULID, token string, _ map[string]ulid.ULID) {
		b.waitFor(token, "")
		b.do(parent, task.Cancel{Reason: "enough"})
		synctest.Wait()
		b.want(parent, task.Cancelled)
		started := projection.BulkStarted{Action: projection.BulkRetry, From: projection.BulkPlace{Seq: b.s.o.Views.Seq() + 1}}
		selection := projection.Selection{Query: projection.Query{Types: []string{"REMOTEKID"}}}
		p, err := b.s.PreviewBulk(b.t.Context(), "anonymous", &started, &selection)
		if got := fmt.Sprint(p.Changed, p.Skipped, p.Whole); err != nil || got != "0 map[parent_ended:2] true" {
			b.t.Errorf("%s: %v", got, err)
		}
	})
}
