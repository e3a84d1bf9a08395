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

func TestARoundIsDecidedWhileTheOneBeforeIsAppended(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		calls := log.calls
		var all []*asked
		for _, name := range []string{"A", "B", "C"} {
			all = append(all, b.ask(task.Submit{Type: name, RunAt: later}))
		}
		if got := log.calls - calls; got != 1 {
			t.Fatalf("%d rounds were handed over, want 1", got)
		}
		wantAnswered(t, "nothing is appended", "---", all...)
		log.let(nil)
		wantAnswered(t, "the first is appended", "x--", all...)
		log.let(nil)
		wantAnswered(t, "the rest is appended", "xxx", all...)
		if got := log.calls - calls; got != 2 {
			t.Errorf("%d rounds were appended, want 2", got)
		}
		for i, a := range all {
			got := a.got[0].Task
			if stored := b.get(got.ID); stored.SubmitSeq != int64(i)+2 || got.SubmitSeq != stored.SubmitSeq || got.LastSeq != stored.SubmitSeq {
				t.Errorf("submit %d was answered with seq %d and is at %d", i, got.SubmitSeq, stored.SubmitSeq)
			}
		}
	})
}

// gated is a scheduler with one slot, which a task holds until the gate is closed.
func gated(t *testing.T, test func(t *testing.T, b *bench, log *heldLog, gate chan struct{})) {
	t.Helper()
	held(t, Options{Concurrency: 1}, func(t *testing.T, b *bench, log *heldLog) {
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		busy := b.ask(task.Submit{Type: "GATE"})
		log.let(nil)
		b.want(busy.got[0].Task.ID, task.Running)
		test(t, b, log, gate)
	})
}

func TestATaskStartsOnTopOfASubmitThatIsNotOnDiskAndHasItsParameters(t *testing.T) {
	gated(t, func(t *testing.T, b *bench, log *heldLog, gate chan struct{}) {
		want, got := []byte(`{"a":1}`), []byte(nil)
		b.does["T"] = func(_ context.Context, a Attempt) (Outcome, error) {
			got = a.Parameters
			return Outcome{}, nil
		}
		submit := b.ask(task.Submit{Type: "T", Parameters: want})
		close(gate)
		synctest.Wait()
		log.let(nil)
		if wantAnswered(t, "the submit is appended", "x", submit); got != nil {
			t.Fatal("it ran before its start was appended")
		}
		log.let(nil)
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

func TestAReplayWaitsForWhatItRestsOn(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		other := b.ask(task.Submit{Type: "A", RunAt: later})
		keyed := task.Submit{Type: "B", RunAt: later, IdempotencyKey: "k", RequestHash: [32]byte{1}}
		first, again := b.ask(keyed), b.ask(keyed)
		log.let(nil)
		wantAnswered(t, "the round before is appended", "x--", other, first, again)
		log.let(nil)
		wantAnswered(t, "its own is appended", "xxx", other, first, again)
		if again.err != nil || !again.got[0].Replayed {
			t.Errorf("again: %+v, %v", again.got, again.err)
		}
	})
}

func TestAnAppendOfUnknownOutcomeFailsAllThatRestsOnIt(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		all := []*asked{b.ask(task.Submit{Type: "A", RunAt: later}), b.ask(task.Submit{Type: "B", RunAt: later}), b.ask(task.Submit{Type: "C", RunAt: later})}
		log.let(eventlog.ErrUnknown)
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
