package scheduler

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/task"
)

func TestARoundIsDecidedWhileTheOneBeforeItIsAppendedAndIsAnsweredAfterIt(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		later := task.MicrosOf(time.Now().Add(time.Hour))
		calls := log.calls
		first := b.ask(task.Submit{Type: "A", RunAt: later})
		second, third := b.ask(task.Submit{Type: "B", RunAt: later}), b.ask(task.Submit{Type: "C", RunAt: later})
		if first.answered() || second.answered() || third.answered() {
			t.Fatal("answered before the sync")
		}
		log.let(nil)
		if !first.answered() || second.answered() || third.answered() {
			t.Fatal("want the first round answered, and the second not yet")
		}
		log.let(nil)
		if !second.answered() || !third.answered() {
			t.Fatal("want the second round answered")
		}
		if log.calls != calls+2 {
			t.Errorf("%d appends, want 2: what came during the first goes into one", log.calls-calls)
		}
		for i, a := range []*asked{first, second, third} {
			got := a.got[0].Task
			if stored := b.get(got.ID); stored.SubmitSeq != int64(i)+2 || got.SubmitSeq != stored.SubmitSeq || got.LastSeq != stored.SubmitSeq {
				t.Errorf("submit %d was answered with seq %d and is at %d", i, got.SubmitSeq, stored.SubmitSeq)
			}
		}
	})
}

func TestACancelCanFollowAStartThatIsStillBeingAppended(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		b.does["T"] = until
		submit := b.ask(task.Submit{Type: "T"})
		id := log.inFlight()[0]
		cancel := b.askDo(id, task.Cancel{})
		log.let(nil)
		if !submit.answered() || cancel.answered() {
			t.Fatal("want the submit answered, and the cancel not yet")
		}
		b.want(id, task.Running)
		log.let(nil)
		if got := cancel.got[0].Task; cancel.err != nil || got.Status != task.Running || !got.CancelRequested {
			t.Errorf("cancel: %+v, %v", got, cancel.err)
		}
		log.release()
		b.want(id, task.Cancelled)
		b.wantHistory(id, "submitted started cancel_requested cancelled")
	})
}

func TestParametersAreReadWhileTheStartIsAppended(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		want := []byte(`"` + strings.Repeat("long", 40_000) + `"`) // more than the cache takes
		var got [][]byte
		b.does["T"] = func(_ context.Context, a Attempt) (Outcome, error) {
			got = append(got, a.Parameters)
			return Outcome{Result: []byte("{}")}, nil
		}
		submit := b.ask(task.Submit{Type: "T", Parameters: want, RunAt: task.MicrosOf(time.Now().Add(time.Hour))})
		log.let(nil)
		first := submit.got[0].Task
		if read := log.asked(); len(read) != 0 {
			t.Errorf("payloads %d were read before the task was due", read)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if read := log.asked(); !slices.Equal(read, []int64{first.SubmitSeq}) || len(got) != 0 {
			t.Errorf("payloads %d were read while the start was appended, and it ran %d times; want %d, none", read, len(got), first.SubmitSeq)
		}
		log.let(eventlog.ErrFull) // the start does not come about
		if len(got) != 0 {
			t.Fatal("it runs and has not started")
		}
		time.Sleep(fullProbe)
		log.release()
		b.want(first.ID, task.Success)
		if read := log.asked(); len(got) != 1 || !bytes.Equal(got[0], want) || !slices.Equal(read, []int64{first.SubmitSeq}) {
			t.Errorf("it ran %d times, payloads %d were read; want it once with its parameters", len(got), read)
		}
	})
}

func TestAKeyOfARoundThatIsBeingAppendedIsKnown(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		c := task.Submit{Type: "T", IdempotencyKey: "k", RequestHash: [32]byte{1}}
		first := b.ask(c)
		again := b.ask(c)
		c.RequestHash = [32]byte{2}
		other := b.ask(c)
		if again.answered() || other.answered() {
			t.Fatal("answered before what it rests on is on disk")
		}
		log.let(nil)
		if !first.answered() || !again.answered() || !other.answered() {
			t.Fatal("not answered once it is on disk")
		}
		if again.err != nil || !again.got[0].Replayed || again.got[0].Task.ID != first.got[0].Task.ID {
			t.Errorf("again: %+v, %v", again.got, again.err)
		}
		if !errors.Is(other.err, task.ErrKeyReused) {
			t.Errorf("another request with the key: %v", other.err)
		}
	})
}

func TestWhatRestsOnARoundThatFoundNoRoomIsDecidedAgain(t *testing.T) {
	held(t, Options{Concurrency: 2}, func(t *testing.T, b *bench, log *heldLog) {
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		hour := task.MicrosOf(time.Now().Add(time.Hour))
		setup := b.ask(task.Submit{Type: "T", RunAt: hour}, task.Submit{Type: "GATE"})
		log.let(nil)
		waiting, running := setup.got[0].Task.ID, setup.got[1].Task.ID

		snooze := b.askDo(waiting, task.Snooze{Until: hour + task.Second})
		keyed := task.Submit{Type: "T", IdempotencyKey: "k", RequestHash: [32]byte{1}}
		// All of this rests on the snooze or comes with what does.
		cancel := b.askDo(waiting, task.Cancel{})
		submit := b.ask(keyed)
		replay := b.ask(keyed)
		close(gate)
		synctest.Wait()
		log.full.Store(true)
		log.reserve.Store(true)
		log.let(nil)
		for name, a := range map[string]*asked{"snooze": snooze, "submit": submit, "replay": replay} {
			if !a.answered() || !errors.Is(a.err, eventlog.ErrFull) {
				t.Errorf("%s: %+v, %v", name, a.got, a.err)
			}
		}
		if cancel.answered() {
			t.Error("the cancel is answered before it is on disk")
		}
		log.let(nil)
		if cancel.err != nil || cancel.got[0].Task.Status != task.Cancelled {
			t.Errorf("cancel: %+v, %v", cancel.got, cancel.err)
		}
		b.wantHistory(waiting, "submitted cancelled")
		b.want(running, task.Success)
		b.wantHistory(running, "submitted started succeeded")
		if n := b.s.State().Running; n != 0 {
			t.Errorf("%d slots are taken by nobody", n)
		}
		log.full.Store(false)
		time.Sleep(2 * time.Second)
		log.release()
		b.want(b.submit(keyed).ID, task.Success)
	})
}

func TestACancelOfATaskThatFoundNoRoomDoesNotOutliveIt(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		hour := task.MicrosOf(time.Now().Add(time.Hour))
		setup := b.ask(task.Submit{Type: "T", RunAt: hour})
		log.let(nil)
		id := setup.got[0].Task.ID
		// A snooze that finds no room and a cancel on top of it, decided in one round.
		b.ask(task.Submit{Type: "T", RunAt: hour})
		snooze, cancel := b.askDo(id, task.Snooze{Until: hour + task.Second}), b.askDo(id, task.Cancel{})
		log.let(nil)
		log.full.Store(true)
		log.reserve.Store(true)
		log.let(nil)
		if !errors.Is(snooze.err, eventlog.ErrFull) || !errors.Is(cancel.err, eventlog.ErrFull) {
			t.Errorf("snooze: %v, cancel: %v", snooze.err, cancel.err)
		}
		b.wantHistory(id, "submitted")
	})
}

func TestAnUnknownOutcomeIsToldToTheRoundInFlightAndToTheOneOnTopOfIt(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		c := task.Submit{Type: "T", IdempotencyKey: "k", RequestHash: [32]byte{1}}
		all := []*asked{b.ask(c), b.ask(c), b.ask(task.Submit{Type: "T"}), b.askDo(log.inFlight()[0], task.Cancel{})}
		log.let(eventlog.ErrUnknown)
		for i, a := range all {
			if !a.answered() || !errors.Is(a.err, eventlog.ErrUnknown) {
				t.Errorf("command %d: %+v, %v", i, a.got, a.err)
			}
		}
		if err := <-b.done; !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("run: %v", err)
		}
		b.done <- nil
		if b.ran() != "" {
			t.Errorf("ran %s: nothing may run whose start is not on disk", b.ran())
		}
	})
}

func TestAStopWaitsForTheRoundsOnTheirWay(t *testing.T) {
	held(t, Options{Grace: time.Second}, func(t *testing.T, b *bench, log *heldLog) {
		b.does["LONG"] = until
		first, second := b.ask(task.Submit{Type: "LONG"}), b.ask(task.Submit{Type: "LONG"})
		b.cancel()
		time.Sleep(time.Minute) // the disk takes longer than the grace
		if first.answered() || second.answered() {
			t.Fatal("answered before the sync")
		}
		log.release()
		if first.err != nil || second.err != nil {
			t.Fatalf("%v, %v", first.err, second.err)
		}
		if err := <-b.done; err != nil {
			t.Errorf("run: %v", err)
		}
		b.done <- nil
		for _, a := range []*asked{first, second} {
			b.wantHistory(a.got[0].Task.ID, "submitted started released")
		}
	})
}

func TestSlotsThatARoundInFlightTakesAreTaken(t *testing.T) {
	held(t, Options{Concurrency: 2}, func(t *testing.T, b *bench, log *heldLog) {
		b.does["T"] = until
		for range 5 {
			b.ask(task.Submit{Type: "T"})
		}
		log.release()
		if n := b.s.State().Running; n != 2 || b.ran() != "T#1 T#1" {
			t.Errorf("%d slots are taken and %q ran, want two", n, b.ran())
		}
	})
}

func TestATaskOfTheRoundInFlightStartsBeforeOneThatCameLater(t *testing.T) {
	held(t, Options{Concurrency: 1}, func(t *testing.T, b *bench, log *heldLog) {
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		b.ask(task.Submit{Type: "GATE"})
		log.let(nil)
		b.ask(task.Submit{Type: "SECOND"}, task.Submit{Type: "FIRST", Priority: 1}, task.Submit{Type: "THIRD"})
		close(gate)
		synctest.Wait()
		b.ask(task.Submit{Type: "FOURTH"})
		log.let(nil)
		log.let(nil)
		log.release()
		if got, want := b.ran(), "GATE#1 FIRST#1 SECOND#1 THIRD#1 FOURTH#1"; got != want {
			t.Errorf("order is %s, want %s", got, want)
		}
	})
}

func TestViewsThatCannotBeReadEndTheScheduler(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		flying := b.ask(task.Submit{Type: "T"})
		b.s.loop.views.read(nil, errors.New("the file is torn")) // as a look into it would
		resting := b.ask(task.Submit{Type: "T"})
		log.let(nil)
		if flying.err != nil || !errors.Is(resting.err, eventlog.ErrUnknown) {
			t.Errorf("in flight: %v, on top of it: %v", flying.err, resting.err)
		}
		if err := <-b.done; !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("run: %v", err)
		}
		b.done <- nil
	})
}

func TestTheLoopIsNotWokenForAFewCommandsWhileARoundIsAppended(t *testing.T) {
	held(t, Options{}, func(t *testing.T, b *bench, log *heldLog) {
		b.s.eager = 4
		later := task.MicrosOf(time.Now().Add(time.Hour))
		first := b.ask(task.Submit{Type: "T", RunAt: later})
		var rest []*asked
		for _, want := range []int{1, 2, 3, 0} {
			rest = append(rest, b.ask(task.Submit{Type: "T", RunAt: later}))
			if got := b.s.State().Commands; got != want {
				t.Errorf("%d commands wait after %d, want %d", got, len(rest), want)
			}
		}
		rest = append(rest, b.ask(task.Submit{Type: "T", RunAt: later}), b.ask(make4(later)...))
		if got := b.s.State().Commands; got != 0 {
			t.Errorf("%d commands wait beside one with many tasks", got)
		}
		calls := log.calls
		log.let(nil)
		log.let(nil)
		for _, a := range append(rest, first) {
			if !a.answered() || a.err != nil {
				t.Errorf("answered: %v, %v", a.answered(), a.err)
			}
		}
		if log.calls != calls+1 {
			t.Errorf("%d appends for what came meanwhile, want one", log.calls-calls)
		}
	})
}

func make4(due task.Micros) []task.Submit {
	return slices.Repeat([]task.Submit{{Type: "T", RunAt: due}}, 4)
}
