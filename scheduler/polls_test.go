package scheduler

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

// pollAs polls for one task under an id, and returns the tokens that it got.
func (b *bench) pollAs(worker, id string) (tokens []string) {
	b.t.Helper()
	got, err := b.s.Lease(b.t.Context(), LeaseRequest{Worker: worker, Types: []string{"REMOTE"}, Max: 1, Length: 30 * time.Second, PollID: id})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, l := range got {
		tokens = append(tokens, l.Token)
	}
	return tokens
}

func TestTheAnswersToSeveralPollsOfAWorkerAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		const polls = 300
		answers := make([][]string, polls)
		for i := range polls {
			b.submit(remote())
			if answers[i] = b.pollAs("w", fmt.Sprint("poll ", i)); len(answers[i]) != 1 {
				t.Fatalf("poll %d: %v", i, answers[i])
			}
		}
		for i := range polls {
			if again := b.pollAs("w", fmt.Sprint("poll ", i)); !slices.Equal(again, answers[i]) {
				t.Fatalf("poll %d again: %v, not %v", i, again, answers[i])
			}
		}
		if other := b.pollAs("v", "poll 0"); other != nil {
			t.Errorf("another worker got %v", other)
		}
		for _, tokens := range answers[1:] {
			if _, err := b.report(tokens[0], task.Succeed{}); err != nil {
				t.Fatal(err)
			}
		}
		if again := b.pollAs("w", "poll 1"); again != nil {
			t.Errorf("a poll whose task has ended: %v", again)
		}
		for i := range 2 * pollSlack {
			b.submit(remote())
			for _, token := range b.pollAs("w", fmt.Sprint("more ", i)) {
				_, _ = b.report(token, task.Succeed{})
			}
		}
		if again := b.pollAs("w", "poll 0"); !slices.Equal(again, answers[0]) {
			t.Errorf("the poll whose lease is held: %v", again)
		}
		if p := &b.s.leases.workers["w"].polls; p.leases > pollSlack+2 || len(p.byID) > pollSlack+2 {
			t.Errorf("%d polls with %d leases are remembered", len(p.byID), p.leases)
		}
	})
}

func TestALostAnswerGivesWhatIsStillHeldOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		first, second := b.submit(remote()).ID, b.submit(remote()).ID
		ask := func() []Leased {
			got, err := b.s.Lease(t.Context(), LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 2, Length: time.Minute, PollID: "p"})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		lost := ask()
		if _, err := b.s.Do(t.Context(), person, first, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.report(lost[0].Token, task.Release{}); err == nil {
			t.Fatal("the task was not cancelled")
		}
		if again := ask(); len(again) != 1 || again[0].Task.ID != second || again[0].Token != lost[1].Token {
			t.Errorf("%+v", again)
		}
	})
}

// The tokens of leases are not in the log, so a lost answer is lost over a restart. Its worker lives and never
// names the lease, which is given back when it ends, at no cost.
func TestAnAnswerThatARestartHasLostCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		lost := b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1}).ID
		if len(b.pollAs("w", "p")) != 1 {
			t.Fatal("no task")
		}
		dead := b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 2}).ID
		b.pollAs("gone", "p")
		kept := b.submit(remote()).ID
		token := b.pollAs("w", "q")[0]

		b = open(t, b.crash(), Options{})
		if again := b.pollAs("w", "p"); again != nil {
			t.Errorf("the poll again gives %v", again)
		}
		for range 3 {
			if beat := b.s.Beat("w", []string{token}, 0); len(beat.Lost) != 0 {
				t.Fatalf("%+v", beat)
			}
			time.Sleep(10 * time.Second)
		}
		if got := b.want(lost, task.Pending); got.Attempt != 0 || got.Deaths != 0 || got.Suspect() {
			t.Errorf("the lost one: attempt %d, %d deaths", got.Attempt, got.Deaths)
		}
		b.wantHistory(lost, "submitted started released")
		if got := b.want(dead, task.Pending); got.Attempt != 1 || got.Deaths != 1 {
			t.Errorf("that of a dead worker: attempt %d, %d deaths", got.Attempt, got.Deaths)
		}
		b.want(kept, task.Running)
		again := b.pollAs("w", "p")
		if len(again) != 1 {
			t.Fatal("the lost one is not given out")
		}
		for _, token := range []string{token, again[0]} {
			if _, err := b.report(token, task.Succeed{}); err != nil {
				t.Error(err)
			}
		}
		b.want(lost, task.Success)
		b.want(kept, task.Success)
		b.stop()
	})
}

func TestAProgressReportExtendsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		for i := range 10 {
			time.Sleep(20 * time.Second)
			if _, err := b.report(l.Token, task.Progress{Percent: float64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		b.want(id, task.Running)
		time.Sleep(30 * time.Second)
		b.want(id, task.Pending)
	})
}
