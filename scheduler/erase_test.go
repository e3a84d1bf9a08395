package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// erases erases a task and waits until its payloads are deleted.
func (b *bench) erases(id ulid.ULID) task.Task {
	b.t.Helper()
	got, err := b.s.EraseTask(b.t.Context(), "token:olga", id, "she has asked for it")
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// bodies are the payloads of the events of a task that are there, in order.
func (b *bench) bodies(id ulid.ULID) string {
	b.t.Helper()
	var all []string
	for _, e := range eventsOf(b.t, b.log, eventlog.Filter{Streams: []string{task.StreamOf(id)}}) {
		if body, err := b.log.Payload(b.t.Context(), e.Seq); err == nil {
			all = append(all, string(body))
		} else if !errors.Is(err, eventlog.ErrNotFound) && !errors.Is(err, eventlog.ErrErased) {
			b.t.Error(err)
		}
	}
	return strings.Join(all, " ")
}

const reasonOnly = `{"reason":"she has asked for it"}`

func TestAnErasedTaskHasNoPayloadsButTheReason(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		var logs []ulid.ULID
		b := open(t, log, Options{EraseLogs: func(_ context.Context, ids []ulid.ULID) error { logs = append(logs, ids...); return nil }})
		defer b.stop()
		b.does["SAYS"] = func(_ context.Context, a Attempt) (Outcome, error) {
			a.Report(50, "half of it for Ada")
			return Outcome{Result: []byte(`{"name":"Ada"}`)}, nil
		}
		one := b.submit(task.Submit{Type: "SAYS", Parameters: []byte(`{"name":"Ada"}`)})
		other := b.submit(task.Submit{Type: "SAYS", Parameters: []byte(`{"name":"Bob"}`)})
		time.Sleep(time.Minute)
		b.want(one.ID, task.Success)
		if text := b.bodies(one.ID); strings.Count(text, "Ada") < 2 {
			t.Fatalf("before: %s", text)
		}
		got := b.erases(one.ID)
		if text := b.bodies(one.ID); text != reasonOnly || !got.Erased {
			t.Errorf("after: %s, %v", text, got.Erased)
		}
		if text := b.bodies(other.ID); !strings.Contains(text, "Bob") {
			t.Errorf("the other task has %s", text)
		}
		if fmt.Sprint(logs) != fmt.Sprint([]ulid.ULID{one.ID}) {
			t.Errorf("the logs of %v were deleted", logs)
		}
		if body, err := b.s.o.Payloads.Get(t.Context(), one.SubmitSeq); !errors.Is(err, eventlog.ErrErased) {
			t.Errorf("the cache has %s, %v", body, err)
		}
		head := log.Head().Seq
		if again := b.erases(one.ID); !again.Erased || log.Head().Seq != head {
			t.Errorf("the second time the log moved to %d, from %d", log.Head().Seq, head)
		}
		if _, err := b.s.Do(t.Context(), "anonymous", one.ID, task.Retry{Again: true}); !errors.Is(err, task.ErrErased) {
			t.Errorf("a retry: %v", err)
		}
	})
}

func TestALiveTaskIsNotErased(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["LONG"] = until
		for _, c := range []task.Submit{{Type: "LONG"}, {Type: "JOB", RunAt: task.MicrosOf(time.Now().Add(time.Hour))}} {
			one := b.submit(c)
			synctest.Wait()
			if _, err := b.s.EraseTask(t.Context(), "anonymous", one.ID, "no"); !errors.Is(err, task.ErrNotEnded) {
				t.Errorf("%s: %v", c.Type, err)
			}
		}
		if _, err := b.s.EraseTask(t.Context(), "anonymous", ulid.ULID{1}, "no"); !errors.Is(err, projection.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
	})
}

// notErasing is a log that cannot delete payloads for now.
type notErasing struct {
	*eventlogtest.Memory
	refuses atomic.Bool
	most    atomic.Int64 // payloads of one call
}

func (r *notErasing) ErasePayloads(ctx context.Context, seqs ...int64) error {
	if r.refuses.Load() {
		return eventlog.ErrFull
	}
	r.most.Store(max(r.most.Load(), int64(len(seqs))))
	return r.Memory.ErasePayloads(ctx, seqs...)
}

func TestWhatWasNotDeletedIsDeletedAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := &notErasing{Memory: memory}
		log.refuses.Store(true)
		b := open(t, log, Options{})
		var ids []ulid.ULID
		for i := range 600 {
			ids = append(ids, b.submit(task.Submit{Type: "JOB", Parameters: fmt.Appendf(nil, `{"n":%d}`, i)}).ID)
		}
		time.Sleep(time.Minute)
		for i, id := range ids[:500] {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := b.s.EraseTask(ctx, "token:olga", id, "she has asked for it"); !errors.Is(err, ErrErasing) {
				t.Fatalf("task %d: %v", i, err)
			}
			cancel()
		}
		if asked, done := b.s.o.Views.Erasures(); asked == 0 || done != 0 {
			t.Errorf("asked %d, done %d", asked, done)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		log.refuses.Store(false)
		again := open(t, log, Options{})
		time.Sleep(time.Minute)
		for i, id := range ids {
			if text := again.bodies(id); (text == reasonOnly) != (i < 500) {
				t.Errorf("task %d has %s", i, text)
			}
		}
		if asked, done := again.s.o.Views.Erasures(); done < asked {
			t.Errorf("asked %d, done %d", asked, done)
		}
		if n := len(eventsOf(t, log, eventlog.Filter{Types: []string{projection.ErasureDone}})); n > 10 || log.most.Load() < 256 {
			t.Errorf("500 tasks took %d events, and at most %d payloads at a time", n, log.most.Load())
		}
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestATaskThatNeedsAnErasedResultFailsAndSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["SAYS"] = func(context.Context, Attempt) (Outcome, error) { return Outcome{Result: []byte(`{"name":"Ada"}`)}, nil }
		first := b.submit(task.Submit{Type: "SAYS"})
		time.Sleep(time.Minute)
		b.want(first.ID, task.Success)
		next := b.submit(task.Submit{Type: "SAYS", RunAt: task.MicrosOf(time.Now().Add(time.Hour)), DependsOn: []task.Dependency{{Task: first.ID, Name: "a"}},
			Parameters: []byte(`{"who":{"$from":"a","path":"/name"}}`)})
		b.erases(first.ID)
		time.Sleep(2 * time.Hour)
		b.want(next.ID, task.Failed)
		if text := b.errorText(next.ID); !strings.Contains(text, "the result of a, which was erased") {
			t.Error(text)
		}
	})
}

func TestABulkErasesWhatHasEndedAndEndsWhenThatIsDeleted(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := &notErasing{Memory: memory}
		b := open(t, log, Options{})
		defer func() { _ = b.stop() }()
		var ids []ulid.ULID
		for i := range 250 {
			ids = append(ids, b.submit(task.Submit{Type: "JOB", Queue: "q", Parameters: fmt.Appendf(nil, `{"n":%d}`, i)}).ID)
		}
		time.Sleep(time.Minute)
		live := b.later(3, "q")
		b.erases(ids[7])
		log.refuses.Store(true)
		started := b.starts(order(projection.BulkErase), "q")
		time.Sleep(time.Minute)
		if now, _ := b.s.o.Views.Bulk(started.ID); !now.Running() || now.Changed != 249 {
			t.Errorf("while nothing can be deleted: %s", counted(now))
		}
		log.refuses.Store(false)
		done := b.ends(started.ID)
		if want := `done: 249, {"erased":1}`; counted(done) != want {
			t.Errorf("%s, want %s", counted(done), want)
		}
		for i, id := range ids {
			if text := b.bodies(id); i != 7 && text != `{"reason":"spring cleaning (bulk `+started.ID+`)"}` {
				t.Errorf("task %d has %s", i, text)
			}
		}
		for _, id := range live {
			b.want(id, task.Pending)
		}
		if _, err := b.s.UndoBulk(t.Context(), "token:olga", done, "oops"); !errors.Is(err, ErrNotUndoable) {
			t.Errorf("an undo: %v", err)
		}
	})
}
