package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

// unique is a submit of type T with the unique key k.
func unique(u task.UniqueSubmit) task.Submit {
	u.Key = "k"
	return task.Submit{Type: "T", MaxAttempts: 1, Unique: &u}
}

// try submits one task.
func (b *bench) try(c task.Submit) (Submitted, error) {
	b.t.Helper()
	got, err := b.s.Submit(b.t.Context(), "anonymous", []task.Submit{c})
	if err != nil {
		return Submitted{}, err
	}
	return got[0], nil
}

// must submits one task that is to be taken.
func (b *bench) must(c task.Submit) Submitted {
	b.t.Helper()
	got, err := b.try(c)
	if err != nil {
		b.t.Fatal(err)
	}
	synctest.Wait()
	return got
}

func TestManyAtOnceWithOneUniqueKeyMakeOneTask(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = until
		c := unique(task.UniqueSubmit{})
		var wg sync.WaitGroup
		made := make(chan string, 400)
		for range 200 {
			wg.Go(func() {
				got, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{c, c})
				if err != nil {
					t.Error(err)
					return
				}
				for _, s := range got {
					if !s.Returned {
						made <- s.Task.Name()
					}
				}
				if got[0].Task.ID != got[1].Task.ID {
					t.Errorf("two items of one batch gave %s and %s", got[0].Task.Name(), got[1].Task.Name())
				}
			})
		}
		wg.Wait()
		if counts, _ := b.s.o.Views.Counts(); len(made) != 1 || len(counts) != 1 || counts[0].N != 1 {
			t.Errorf("%d tasks were made: %+v", len(made), counts)
		}
	})
}

func TestAKeyIsHeldWhileTheTaskIsLiveOverARestart(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["T"] = failing("no")
		later := unique(task.UniqueSubmit{})
		later.RunAt = task.MicrosOf(time.Now().Add(time.Minute))
		first := b.must(later)
		b = open(t, b.crash(), Options{})
		defer b.stop()
		b.does["T"] = failing("no")
		if again := b.must(later); !again.Returned || again.Task.ID != first.Task.ID {
			t.Errorf("after a restart: %+v", again)
		}
		_, err := b.try(unique(task.UniqueSubmit{OnConflict: task.ConflictReject}))
		var refusal *task.Refusal
		if !errors.As(err, &refusal) || refusal.Kind != task.ErrNotUnique || refusal.Other != first.Task.ID {
			t.Errorf("reject: %v", err)
		}
		other := unique(task.UniqueSubmit{})
		other.Type = "U"
		if got := b.must(other); got.Returned {
			t.Error("a key of another type is another key")
		}
		time.Sleep(2 * time.Minute)
		b.want(first.Task.ID, task.Failed)
		second := b.must(later)
		if second.Returned {
			t.Fatal("the key of a task that has failed is held")
		}
		b.want(second.Task.ID, task.Failed)
		third := b.must(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Hour)), Unique: later.Unique})
		if _, err := b.s.Do(t.Context(), "a", second.Task.ID, task.Retry{}); !errors.As(err, &refusal) || refusal.Other != third.Task.ID {
			t.Errorf("a retry beside the one that holds the key: %v", err)
		}
	})
}

func TestAKeyIsHeldForATimeWhateverBecomesOfTheTask(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		first := b.must(unique(task.UniqueSubmit{For: 60 * task.Second}))
		b.want(first.Task.ID, task.Success)
		b = open(t, b.crash(), Options{})
		defer b.stop()
		time.Sleep(60*time.Second - time.Microsecond)
		if got := b.must(unique(task.UniqueSubmit{For: 60 * task.Second})); !got.Returned || got.Task.ID != first.Task.ID {
			t.Errorf("just before the time is over: %+v", got)
		}
		time.Sleep(time.Microsecond)
		if got := b.must(unique(task.UniqueSubmit{For: 60 * task.Second})); got.Returned {
			t.Error("the key is held after its time")
		}
	})
}

func TestAPendingTaskIsReplacedAndTheChainIsNotPutOffForEver(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		start := time.Now()
		var before Submitted
		for i := range 10 {
			c := unique(task.UniqueSubmit{OnConflict: task.ConflictReplace, MaxDelay: 30 * task.Second})
			c.RunAt = task.MicrosOf(time.Now().Add(10 * time.Second))
			got := b.must(c)
			if i > 0 {
				old := b.want(before.Task.ID, task.Cancelled)
				if old.Links.ReplacedBy != got.Task.ID || len(got.Replaced) != 1 || old.LastSeq != got.Task.SubmitSeq-1 {
					t.Fatalf("%d: %+v was replaced by %+v", i, old.Links, got)
				}
			}
			before = got
			if due := got.Task.DueAt.Time(); due.After(start.Add(30 * time.Second)) {
				t.Fatalf("%d: it is due %v after the first of the chain", i, due.Sub(start))
			}
			if i < 5 {
				time.Sleep(5 * time.Second)
			}
		}
		time.Sleep(time.Minute)
		if got := b.want(before.Task.ID, task.Success); got.StartedAt.Time().Sub(start) > 30*time.Second {
			t.Errorf("it started %v after the first of the chain", got.StartedAt.Time().Sub(start))
		}
	})
}

func TestOneRunsAndOneWaitsUnderAKey(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = func(context.Context, Attempt) (Outcome, error) { time.Sleep(time.Minute); return Outcome{}, nil }
		c := unique(task.UniqueSubmit{OnConflict: task.ConflictReplace})
		first, second := b.must(c), b.must(c)
		b.want(first.Task.ID, task.Running)
		waits := b.want(second.Task.ID, task.Pending)
		if w := b.s.WaitingFor(&waits); w == nil || w.Reason != "unique" || w.Task != first.Task.ID {
			t.Errorf("it waits for %+v", w)
		}
		third := b.must(c)
		b.want(second.Task.ID, task.Cancelled)
		b.want(first.Task.ID, task.Running)
		time.Sleep(61 * time.Second)
		b.want(first.Task.ID, task.Success)
		b.want(third.Task.ID, task.Running)
		time.Sleep(time.Minute)
		b.want(third.Task.ID, task.Success)
	})
}

func TestItemsOfABatchMeetEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		replace, reject := unique(task.UniqueSubmit{OnConflict: task.ConflictReplace}), unique(task.UniqueSubmit{OnConflict: task.ConflictReject})
		head := log.Head()
		_, err := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "U"}, reject, reject})
		var at *BatchError
		if !errors.As(err, &at) || at.Index != 2 || !errors.Is(err, task.ErrNotUnique) || log.Head() != head {
			t.Errorf("two that refuse each other: %v", err)
		}
		got, err := b.s.Submit(t.Context(), "a", []task.Submit{replace, replace, replace})
		if err != nil {
			t.Fatal(err)
		}
		var all string
		for i := range got {
			all += fmt.Sprint(b.get(got[i].Task.ID).Status, " ")
		}
		if all != "CANCELLED CANCELLED SUCCESS " {
			t.Errorf("three that replace each other: %s", all)
		}
	})
}

func TestItemsOfABatchThatAreTheSameRequestGetTheTaskThatHoldsTheirKey(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = until
		holder := b.must(unique(task.UniqueSubmit{})).Task.ID
		keyed := unique(task.UniqueSubmit{})
		keyed.IdempotencyKey = "key"
		got, err := b.s.Submit(t.Context(), "a", []task.Submit{keyed, keyed, keyed})
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i].Task.ID != holder {
				t.Errorf("item %d was answered with %s, %s holds the key", i, got[i].Task.Name(), holder)
			}
		}
	})
}

func TestWhatMetATaskThatTheLogRefusedIsDecidedAgain(t *testing.T) {
	picky(t, Options{}, refusing("task.submitted", "bad"), func(t *testing.T, b *bench, log *heldLog) {
		c := unique(task.UniqueSubmit{OnConflict: task.ConflictReplace})
		c.RunAt = task.MicrosOf(time.Now().Add(time.Hour))
		old := b.must(c).Task.ID
		log.holding.Store(true)
		first := b.ask(task.Submit{Type: "T"}) // what follows is decided in one round
		bad := c
		bad.RunAt, bad.Tags = 0, []string{"bad"} // it starts in the same round, and the next one waits behind it
		refused, next := b.ask(bad), b.ask(c)
		log.release()
		if !first.answered() || !errors.Is(refused.err, eventlog.ErrInvalid) || next.err != nil {
			t.Fatalf("%v, %v", refused.err, next.err)
		}
		if got := next.got[0]; len(got.Replaced) != 1 || got.Replaced[0] != old || b.get(old).Links.ReplacedBy != got.Task.ID {
			t.Errorf("%+v replaced what was never there, and left %+v", got, b.get(old).Links)
		}
	})
}

func TestATaskIsRetriedAsAnother(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = failing("no")
		old := b.must(task.Submit{Type: "T", MaxAttempts: 1}).Task.ID
		again := b.must(task.Submit{Type: "U", RetryOf: old})
		if b.get(old).Links.RetriedAs != again.Task.ID || again.Task.Links.RetryOf != old {
			t.Errorf("%+v and %+v are not linked", b.get(old).Links, again.Task.Links)
		}
		b.wantHistory(old, "submitted started failed resubmitted")
		if _, err := b.try(task.Submit{Type: "U", RetryOf: again.Task.ID}); !errors.Is(err, task.ErrSucceeded) {
			t.Errorf("one that has succeeded: %v", err)
		}
		if _, err := b.try(task.Submit{Type: "U", RetryOf: [16]byte{1}}); err == nil {
			t.Error("one that is not there was retried")
		}
	})
}
