package scheduler

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/task"
)

// ahead runs the test with a scheduler that writes every round while another is synced, and
// whose syncs are held.
func ahead(t *testing.T, o Options, test func(t *testing.T, b *bench, log *heldLog)) {
	t.Helper()
	held(t, o, func(t *testing.T, b *bench, log *heldLog) {
		b.s.early = 1
		log.holding.Store(false)
		log.syncs.Store(true)
		test(t, b, log)
	})
}

// wantAnswered checks which of the commands are answered.
func wantAnswered(t *testing.T, when string, want string, commands ...*asked) {
	t.Helper()
	got := ""
	for _, a := range commands {
		if a.answered() {
			got += "x"
		} else {
			got += "-"
		}
	}
	if got != want {
		t.Fatalf("%s: %s are answered, want %s", when, got, want)
	}
}

func TestARoundIsWrittenWhileTheOneBeforeIsSynced(t *testing.T) {
	ahead(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		calls := log.calls
		wantCalls := func(when string, want int) {
			t.Helper()
			if got := log.calls - calls; got != want {
				t.Fatalf("%s: %d rounds were written, want %d", when, got, want)
			}
		}
		var all []*asked
		for _, name := range []string{"A", "B", "C", "D"} {
			all = append(all, b.ask(task.Submit{Type: name, RunAt: later}))
		}
		wantCalls("the first is synced", 2)
		wantAnswered(t, "nothing is synced", "----", all...)
		log.sync(0, nil)
		wantCalls("the second is synced", 3)
		wantAnswered(t, "the first is synced", "x---", all...)
		log.sync(0, nil)
		wantAnswered(t, "the second is synced", "xx--", all...)
		log.sync(0, nil)
		wantAnswered(t, "the third is synced", "xxxx", all...)
		wantCalls("all are synced", 3)
		for i, a := range all {
			got := a.got[0].Task
			if stored := b.get(got.ID); stored.SubmitSeq != int64(i)+2 || got.SubmitSeq != stored.SubmitSeq || got.LastSeq != stored.SubmitSeq {
				t.Errorf("submit %d was answered with seq %d and is at %d", i, got.SubmitSeq, stored.SubmitSeq)
			}
		}
	})
}

func TestRoundsLandInTheirOrderWhateverTheOrderOfTheirSyncs(t *testing.T) {
	ahead(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		first, second := b.ask(task.Submit{Type: "A", RunAt: later}), b.ask(task.Submit{Type: "B", RunAt: later})
		log.sync(1, nil)
		wantAnswered(t, "the second is synced", "--", first, second)
		log.sync(0, nil)
		wantAnswered(t, "both are synced", "xx", first, second)
		if a, b := first.got[0].Task.SubmitSeq, second.got[0].Task.SubmitSeq; a != 2 || b != 3 {
			t.Errorf("they are events %d and %d, want 2 and 3", a, b)
		}
	})
}

// gated is a scheduler with one slot, which a task holds until the gate is closed.
func gated(t *testing.T, test func(t *testing.T, b *bench, log *heldLog, gate chan struct{})) {
	t.Helper()
	ahead(t, Options{Concurrency: 1}, func(t *testing.T, b *bench, log *heldLog) {
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		busy := b.ask(task.Submit{Type: "GATE"})
		log.sync(0, nil)
		b.want(busy.got[0].Task.ID, task.Running)
		test(t, b, log, gate)
	})
}

func TestATaskStartsOnTopOfASubmitThatIsNotSyncedAndHasItsParameters(t *testing.T) {
	gated(t, func(t *testing.T, b *bench, log *heldLog, gate chan struct{}) {
		want, got := []byte(`{"a":1}`), []byte(nil)
		b.does["T"] = func(_ context.Context, a Attempt) (Outcome, error) {
			got = a.Parameters
			return Outcome{}, nil
		}
		submit := b.ask(task.Submit{Type: "T", Parameters: want})
		calls := log.calls
		close(gate)
		synctest.Wait()
		if log.calls != calls+1 {
			t.Fatal("the start was not written while the submit was synced")
		}
		log.sync(0, nil)
		if wantAnswered(t, "the submit is synced", "x", submit); got != nil {
			t.Fatal("it ran before its start was synced")
		}
		log.sync(0, nil)
		if !bytes.Equal(got, want) {
			t.Errorf("it ran with %s, want %s", got, want)
		}
		if read := log.asked(); len(read) > 0 {
			t.Errorf("payloads %d were read from the log", read)
		}
	})
}

func TestTheFirstInLineStartsWhicheverRoundItIsIn(t *testing.T) {
	gated(t, func(t *testing.T, b *bench, log *heldLog, gate chan struct{}) {
		first := b.ask(task.Submit{Type: "FIRST", Priority: 1})
		second := b.ask(task.Submit{Type: "SECOND"})
		close(gate)
		synctest.Wait()
		log.release()
		if a, b := b.get(first.got[0].Task.ID), b.get(second.got[0].Task.ID); a.StartedAt == 0 || a.LastSeq > b.LastSeq {
			t.Errorf("the one that is first in line ended with event %d, the other with %d", a.LastSeq, b.LastSeq)
		}
	})
}

func TestAReplayWaitsForAllThatItRestsOn(t *testing.T) {
	ahead(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		other := b.ask(task.Submit{Type: "A", RunAt: later})
		keyed := task.Submit{Type: "B", RunAt: later, IdempotencyKey: "k", RequestHash: [32]byte{1}}
		first, again := b.ask(keyed), b.ask(keyed)
		log.sync(0, nil)
		wantAnswered(t, "the round before is synced", "x--", other, first, again)
		log.sync(0, nil)
		wantAnswered(t, "its own is synced", "xxx", other, first, again)
		if again.err != nil || !again.got[0].Replayed {
			t.Errorf("again: %+v, %v", again.got, again.err)
		}
	})
}

func TestARoundIsHandedOverWhenTheOneBeforeIsWritten(t *testing.T) {
	ahead(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		log.holding.Store(true)
		calls := log.calls
		first, second := b.ask(task.Submit{Type: "A", RunAt: later}), b.ask(task.Submit{Type: "B", RunAt: later})
		if log.calls != calls+1 {
			t.Fatalf("%d rounds are being written, want 1", log.calls-calls)
		}
		log.let(nil)
		if log.calls != calls+2 {
			t.Fatal("the second was not handed over when the first was written")
		}
		wantAnswered(t, "nothing is synced", "--", first, second)
	})
}

func TestNothingIsWrittenOnTopOfARoundThatFoundNoRoom(t *testing.T) {
	ahead(t, Options{Concurrency: 2}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		setup := b.ask(task.Submit{Type: "T", RunAt: later})
		log.sync(0, nil)
		id := setup.got[0].Task.ID
		log.full.Store(true)
		log.reserve.Store(true)
		calls := log.calls
		snooze := b.askDo(id, task.Snooze{Until: later + task.Second})
		cancel := b.askDo(id, task.Cancel{})
		if log.calls != calls+1 {
			t.Fatalf("%d rounds were written, want that of the snooze alone", log.calls-calls)
		}
		log.sync(0, nil)
		if !errors.Is(snooze.err, eventlog.ErrFull) {
			t.Errorf("snooze: %v, want that there is no room", snooze.err)
		}
		log.sync(0, nil)
		wantAnswered(t, "the cancel is synced", "xx", snooze, cancel)
		if cancel.err != nil {
			t.Errorf("cancel: %v", cancel.err)
		}
		b.wantHistory(id, "submitted cancelled")
		log.full.Store(false)
	})
}

func TestASyncThatFailsFailsAllThatRestsOnIt(t *testing.T) {
	ahead(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		all := []*asked{b.ask(task.Submit{Type: "A", RunAt: later}), b.ask(task.Submit{Type: "B", RunAt: later}), b.ask(task.Submit{Type: "C", RunAt: later})}
		log.sync(0, eventlog.ErrUnknown)
		log.sync(0, eventlog.ErrUnknown)
		for i, a := range all {
			if !a.answered() || !errors.Is(a.err, eventlog.ErrUnknown) {
				t.Errorf("submit %d: answered %v, %v", i, a.answered(), a.err)
			}
		}
		if !b.s.State().Failed {
			t.Error("the scheduler goes on")
		}
	})
}
