package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// bulk runs a bulk on the tasks of a queue to its end.
func (b *bench) bulk(o BulkOrder, queue string) *projection.Bulk {
	b.t.Helper()
	return b.ends(b.starts(o, queue).ID)
}

func (b *bench) starts(o BulkOrder, queue string) *projection.Bulk {
	b.t.Helper()
	s := projection.Selection{Query: projection.Query{Queues: []string{queue}}}
	o.Filter, o.From.Seq = s.Encode(), b.s.o.Views.Seq()+1
	started, err := b.s.StartBulk(b.t.Context(), "token:olga", o)
	if err != nil {
		b.t.Fatal(err)
	}
	return started
}

// ends waits for the end of a bulk.
func (b *bench) ends(id string) *projection.Bulk {
	b.t.Helper()
	for range 1000 {
		synctest.Wait()
		if bulk, _ := b.s.o.Views.Bulk(id); bulk == nil || !bulk.Running() {
			return bulk
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.t.Fatal("the bulk does not end")
	return nil
}

// later submits tasks that are due in a day.
func (b *bench) later(n int, queue string) (ids []ulid.ULID) {
	b.t.Helper()
	submits := make([]task.Submit, n)
	for i := range submits {
		submits[i] = task.Submit{Type: "JOB", Queue: queue, Priority: i % 5, RunAt: task.MicrosOf(time.Now().Add(24 * time.Hour))}
	}
	got, err := b.s.Submit(b.t.Context(), "anonymous", submits)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range got {
		ids = append(ids, got[i].Task.ID)
	}
	return ids
}

func order(action projection.BulkAction) BulkOrder {
	return BulkOrder{BulkStarted: projection.BulkStarted{Action: action}, Reason: "spring cleaning"}
}

// counted is what a bulk has done, in short.
func counted(b *projection.Bulk) string {
	text, _ := json.Marshal(b.Skipped)
	return fmt.Sprintf("%s: %d, %s", b.Outcome, b.Changed, text)
}

func wantCounted(t *testing.T, b *projection.Bulk, want string) {
	t.Helper()
	if got := counted(b); got != want {
		t.Errorf("the bulk: %s; want %s", got, want)
	}
}

func TestABulkCancelsWhatMatchesAndIsUndoneWhereThatIsStillSo(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["LONG"] = until
		b.submit(task.Submit{Type: "DONE", Queue: "q"})
		other := b.later(1, "other")[0]
		ids := b.later(600, "q")
		running := b.submit(task.Submit{Type: "LONG", Queue: "q"}).ID
		b.want(running, task.Running)

		cancelled := b.bulk(order(projection.BulkCancel), "q")
		wantCounted(t, cancelled, `done: 601, null`)
		b.want(other, task.Pending)
		b.want(running, task.Cancelled)
		for _, id := range ids {
			b.want(id, task.Cancelled)
		}
		events := eventsOf(t, log, eventlog.Filter{Streams: []string{task.StreamOf(ids[0])}})
		last := events[len(events)-1]
		if body, _ := log.Payload(t.Context(), last.Seq); last.Actor != "token:olga" || !strings.Contains(string(body), "spring cleaning (bulk "+cancelled.ID) {
			t.Errorf("a task was cancelled by %s: %s", last.Actor, body)
		}

		for _, id := range ids[:2] { // somebody has changed them since
			if _, err := b.s.Do(t.Context(), "anonymous", id, task.Retry{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.s.Do(t.Context(), "anonymous", ids[1], task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		b.does["LONG"] = nil
		undo, err := b.s.UndoBulk(t.Context(), "token:olga", cancelled, "it was the wrong queue")
		if err != nil {
			t.Fatal(err)
		}
		wantCounted(t, b.ends(undo.ID), `done: 599, {"changed_since":2}`)
		b.want(ids[1], task.Cancelled)
		for _, id := range ids[2:] {
			b.want(id, task.Pending)
			b.wantHistory(id, "submitted cancelled retried")
		}
		b.want(running, task.Success)
		if again, _ := b.s.o.Views.Bulk(cancelled.ID); again.UndoneBy != undo.ID {
			t.Errorf("the bulk is undone by %q", again.UndoneBy)
		}
	})
}

func TestABulkGivesPrioritiesAndItsUndoTheOnesBefore(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		ids := b.later(600, "q")
		o := order(projection.BulkReprioritise)
		four := 4
		o.Priority = &four
		given := b.bulk(o, "q")
		wantCounted(t, given, `done: 480, {"nothing_to_change":120}`)
		if _, err := b.s.Do(t.Context(), "anonymous", ids[0], task.Reprioritise{Priority: 9}); err != nil {
			t.Fatal(err)
		}
		undo, err := b.s.UndoBulk(t.Context(), "token:olga", given, "")
		if err != nil {
			t.Fatal(err)
		}
		wantCounted(t, b.ends(undo.ID), `done: 479, {"changed_since":1}`)
		for i, id := range ids[1:] {
			if got := b.get(id).Priority; got != (i+1)%5 {
				t.Fatalf("task %d has the priority %d", i+1, got)
			}
		}
	})
}

func TestABulkMovesTasksAndItsUndoMovesThemBack(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		id := b.later(1, "q")[0]
		before := b.get(id).RunAt
		o := order(projection.BulkMove)
		o.RunAt = before + task.SpanOf(time.Hour)
		moved := b.bulk(o, "q")
		if got := b.get(id).RunAt; got != o.RunAt {
			t.Errorf("moved to %v", got)
		}
		undo, err := b.s.UndoBulk(t.Context(), "token:olga", moved, "")
		if err != nil {
			t.Fatal(err)
		}
		wantCounted(t, b.ends(undo.ID), `done: 1, null`)
		if got := b.get(id).RunAt; got != before {
			t.Errorf("moved back to %v, not %v", got, before)
		}
		b.bulk(order(projection.BulkRunNow), "q")
		b.want(id, task.Success)
	})
}

// failed has tasks that have failed, in a queue that is paused.
func (b *bench) failed(n int, queue string) []ulid.ULID {
	b.t.Helper()
	b.does["BAD"] = func(context.Context, Attempt) (Outcome, error) { return Outcome{}, permanentError{errors.New("no")} }
	ids := make([]ulid.ULID, n)
	for i := range ids {
		ids[i] = b.submit(task.Submit{Type: "BAD", Queue: queue, MaxAttempts: 1}).ID
		b.want(ids[i], task.Failed)
	}
	b.pauses(queue)
	return ids
}

func (b *bench) pauses(queue string) {
	b.t.Helper()
	err := b.s.Record(b.t.Context(), "token:olga", func() ([]Other, error) {
		return []Other{{Stream: "queue:" + queue, Type: "queue.paused", V: 1, Data: []byte("{}")}}, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// upTo is a copy of a log up to an event, as a process that is killed then leaves it.
func upTo(t *testing.T, log eventlog.Log, seq int64) *eventlogtest.Memory {
	t.Helper()
	copied := eventlogtest.NewMemory()
	for _, e := range eventsOf(t, log, eventlog.Filter{})[:seq] {
		again := &eventlog.Event{At: e.At, Stream: e.Stream, Version: e.Version, Type: e.Type, V: e.V, Actor: e.Actor, Data: e.Data}
		if e.HasPayload {
			var err error
			if again.Payload, err = log.Payload(t.Context(), e.Seq); err != nil {
				t.Fatal(err)
			}
		}
		copied.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{again}}})
	}
	return copied
}

// A kill is possible between any two entries: after the start of a bulk and after each of its chunks.
func TestABulkGoesOnWhereAKilledProcessHasLeftIt(t *testing.T) {
	const n = 3*bulkPage + 10
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		ids := b.failed(n, "q")
		retried := b.bulk(order(projection.BulkRetry), "q")
		wantCounted(t, retried, fmt.Sprintf("done: %d, null", n))
		b.stop()
		b.killedIn(retried, n, ids, "submitted started failed retried")
	})
}

func TestAnUndoGoesOnWhereAKilledProcessHasLeftIt(t *testing.T) {
	const n = 3*bulkPage + 10
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		ids := b.later(n, "q")
		undo, err := b.s.UndoBulk(t.Context(), "token:olga", b.bulk(order(projection.BulkCancel), "q"), "")
		if err != nil {
			t.Fatal(err)
		}
		undo = b.ends(undo.ID)
		wantCounted(t, undo, fmt.Sprintf("done: %d, null", n))
		b.stop()
		b.killedIn(undo, n, ids, "submitted cancelled retried")
	})
}

// killedIn opens the log of the bench as a process has left it that was killed in the middle of a bulk, after each of its events, and
// wants the bulk to go on to its end: n tasks are changed, and each task has the history.
func (b *bench) killedIn(bulk *projection.Bulk, n int, ids []ulid.ULID, history string) {
	t, log := b.t, b.log
	t.Helper()
	events := eventsOf(t, log, eventlog.Filter{Streams: []string{bulk.Stream()}})
	if len(events) < 6 {
		t.Fatalf("the bulk has %d events", len(events))
	}
	for _, killed := range events[:4] {
		b := open(t, upTo(t, log, killed.Seq), Options{})
		wantCounted(t, b.ends(bulk.ID), fmt.Sprintf("done: %d, null", n))
		for _, id := range ids {
			b.wantHistory(id, history)
		}
		rebuilt, err := projection.Rebuild(t.Context(), b.log, nil)
		if err != nil {
			t.Fatal(err)
		}
		live, _ := b.s.o.Views.Bulks()
		folded, _ := rebuilt.Bulks()
		if diff := cmp.Diff(live, folded); diff != "" {
			t.Errorf("the views are not the fold of the log: %s", diff)
		}
		b.stop()
	}
}

// A chunk that takes too long ends after one task; the bulk, and its undo, go on at the next one.
func TestABulkWhoseChunksTakeTooLongLeavesNoTaskOut(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.s.decides = -1
		ids := b.later(7, "q")
		cancelled := b.bulk(order(projection.BulkCancel), "q")
		wantCounted(t, cancelled, "done: 7, null")
		if n := len(eventsOf(t, log, eventlog.Filter{Streams: []string{cancelled.Stream()}})); n != 9 {
			t.Errorf("the bulk has %d events, not 9", n)
		}
		b.s.decides = bulkDecides
		ids = append(ids, b.later(7, "q")...)
		cancelled = b.bulk(order(projection.BulkCancel), "q")
		b.s.decides = -1
		undo, err := b.s.UndoBulk(t.Context(), "token:olga", cancelled, "")
		if err != nil {
			t.Fatal(err)
		}
		wantCounted(t, b.ends(undo.ID), "done: 7, null")
		for i, id := range ids {
			want := map[bool]string{true: "submitted cancelled", false: "submitted cancelled retried"}[i < 7]
			b.wantHistory(id, want)
		}
	})
}

// The runner finds tasks beside the loop: what it has found may be old when it is decided.
func TestAChunkIsDecidedOnTheStateOfThatMoment(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		id := b.later(1, "q")[0]
		data, _ := json.Marshal(projection.BulkStarted{Action: projection.BulkUndo, Undoes: "nothing", Matched: 1}) // the runner cannot go on with it
		bulk := newIDSource().next(b.s.o.Wall()).String()
		err := b.s.Record(t.Context(), "token:olga", func() ([]Other, error) {
			return []Other{{Stream: "bulk:" + bulk, Type: projection.BulkStartedType, V: 1, Data: data}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		chunk := func(after, version int64) error {
			_, err := b.s.ask(t.Context(), &request{actor: "token:olga", bulk: &bulkChunk{bulk: bulk, after: after, most: time.Second,
				items: []bulkItem{{id: id, version: version, command: task.Cancel{}}}, next: func(int) projection.BulkPlace { return projection.BulkPlace{} }}})
			return err
		}
		if err := chunk(1, 7); err != nil {
			t.Fatal(err)
		}
		if got, _ := b.s.o.Views.Bulk(bulk); got.Changed != 0 || got.Skipped[SkipChanged] != 1 {
			t.Errorf("a task that has changed since: %+v", got)
		}
		b.want(id, task.Pending)
		if err := chunk(1, 1); !errors.Is(err, errBulkMoved) {
			t.Errorf("a chunk that another one came before: %v", err)
		}
		b.want(id, task.Pending)
		if _, err := b.s.ask(t.Context(), &request{actor: "token:olga", id: id, command: task.Cancel{}, expect: 7}); !errors.Is(err, ErrChangedSince) {
			t.Errorf("a command on a task that has changed since: %v", err)
		}
		b.want(id, task.Pending)
		if err := chunk(2, 1); err != nil {
			t.Fatal(err)
		}
		b.want(id, task.Cancelled)
	})
}

func TestATaskWhoseUniqueKeyIsTakenIsSkipped(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		for range 3 { // each replaces the one before
			b.submit(task.Submit{Type: "JOB", Queue: "q", RunAt: task.MicrosOf(time.Now().Add(time.Hour)), Unique: &task.UniqueSubmit{Key: "k", OnConflict: task.ConflictReplace}})
		}
		b.bulk(order(projection.BulkCancel), "q")
		wantCounted(t, b.bulk(order(projection.BulkRetry), "q"), `done: 1, {"unique_key_taken":2}`)
	})
}

func TestABulkThatIsStoppedLeavesTheRest(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.later(10, "q")
		started := b.starts(order(projection.BulkCancel), "q")
		err := b.s.StopBulk(t.Context(), "token:olga", started.ID, "enough")
		ended := b.ends(started.ID)
		if stopped := ended.Outcome == projection.BulkStopped; stopped != (err == nil) || !stopped && !errors.Is(err, ErrBulkEnded) {
			t.Errorf("%v, and the bulk is %s", err, ended.Outcome)
		}
		if err := b.s.StopBulk(t.Context(), "token:olga", started.ID, ""); !errors.Is(err, ErrBulkEnded) {
			t.Errorf("stopped again: %v", err)
		}
		if err := b.s.StopBulk(t.Context(), "token:olga", "01M86PTPG0SMK645AEDNVB5CNS", ""); !errors.Is(err, ErrNoBulk) {
			t.Errorf("stopped one that is not there: %v", err)
		}
	})
}

func TestABulkWithoutATaskLeftEndsAndNotMoreRunThanMay(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		wantCounted(t, b.bulk(order(projection.BulkCancel), "empty"), "done: 0, null")
		for range projection.MaxBulks {
			data, _ := json.Marshal(projection.BulkStarted{Action: projection.BulkUndo, Undoes: "nothing"}) // it cannot go on
			err := b.s.Record(t.Context(), "token:olga", func() ([]Other, error) {
				return []Other{{Stream: "bulk:" + newIDSource().next(b.s.o.Wall()).String(), Type: projection.BulkStartedType, V: 1, Data: data}}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.s.StartBulk(t.Context(), "token:olga", order(projection.BulkCancel)); !errors.Is(err, ErrTooManyBulks) {
			t.Errorf("one more: %v", err)
		}
	})
}

func TestOneEventIsUndone(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["LONG"] = until
		event := func(id ulid.ULID, n int) *eventlog.Event {
			synctest.Wait()
			return eventsOf(t, log, eventlog.Filter{Streams: []string{task.StreamOf(id)}})[n]
		}
		undo := func(id ulid.ULID, n int) error {
			_, err := b.s.UndoTask(t.Context(), "token:olga", id, event(id, n), "oops")
			return err
		}
		do := func(id ulid.ULID, c task.Command) {
			if _, err := b.s.Do(t.Context(), "anonymous", id, c); err != nil {
				t.Fatal(err)
			}
		}
		id := b.later(1, "q")[0]
		do(id, task.Reprioritise{Priority: 3})
		do(id, task.Reprioritise{Priority: 7})
		if err := undo(id, 2); err != nil || b.get(id).Priority != 3 {
			t.Errorf("undone: %v, the priority is %d", err, b.get(id).Priority)
		}
		if err := undo(id, 2); !errors.Is(err, ErrChangedSince) {
			t.Errorf("undone again: %v", err)
		}
		do(id, task.Cancel{})
		if err := undo(id, 4); err != nil {
			t.Error(err)
		}
		b.want(id, task.Pending)
		if err := undo(id, 0); !errors.Is(err, ErrNotUndoable) {
			t.Errorf("the submission is undone: %v", err)
		}
		running := b.submit(task.Submit{Type: "LONG"}).ID
		b.want(running, task.Running)
		do(running, task.Cancel{})
		b.does["LONG"] = nil
		if err := undo(running, 2); err != nil { // whether it has stopped yet or not
			t.Error(err)
		}
		b.want(running, task.Success)
		if err := undo(running, 2); !errors.Is(err, ErrChangedSince) {
			t.Errorf("a task that has succeeded since is undone: %v", err)
		}
	})
}

// All tasks that matched when a bulk began are counted at its end, whatever has become of them meanwhile.
func TestTheCountsOfABulkAddUpToWhatMatched(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.later(7, "q")
		started := order(projection.BulkCancel)
		started.Matched, started.Skipped = 12, map[string]int64{SkipEnded: 2} // three of the others have ended since
		wantCounted(t, b.bulk(started, "q"), `done: 7, {"already_ended":2,"changed_since":3}`)
		started = order(projection.BulkRetry)
		started.Matched, started.Skipped = 8, map[string]int64{SkipNotEnded: 3, SkipSucceeded: 1} // three were cancelled since
		wantCounted(t, b.bulk(started, "q"), `done: 7, {"succeeded":1}`)
	})
}
