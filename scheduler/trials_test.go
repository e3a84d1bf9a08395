package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

type does = map[string]func(context.Context, Attempt) (Outcome, error)

// sleeps returns a handler that takes so long.
func sleeps(d time.Duration) func(context.Context, Attempt) (Outcome, error) {
	return func(ctx context.Context, _ Attempt) (Outcome, error) {
		select {
		case <-time.After(d):
			return Outcome{}, nil
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		}
	}
}

// lives starts process after process until one does not die, and returns the last one and
// how many died. A handler of the type KILL ends its process after so long; what it is
// beside is in do.
func lives(t *testing.T, log *eventlogtest.Memory, o Options, after time.Duration, do does) (b *bench, deaths int) {
	t.Helper()
	for ; deaths < 40; deaths++ {
		died := make(chan struct{}, 1)
		mine := does{}
		maps.Copy(mine, do)
		mine["KILL"] = func(ctx context.Context, _ Attempt) (Outcome, error) {
			time.Sleep(after)
			select {
			case died <- struct{}{}:
			default:
			}
			<-ctx.Done() // it never gets so far
			return Outcome{}, ctx.Err()
		}
		b = openDoing(t, log, o, mine)
		select {
		case <-died:
			log = b.crash()
		case <-time.After(24 * time.Hour):
			return b, deaths
		}
	}
	t.Fatal("the process dies again and again")
	return nil, 0
}

func TestOneTaskThatKillsTheProcessIsSetAsideAndItsNeighboursSucceed(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, 3 * time.Second, 35 * time.Second, 10 * time.Minute} {
		for _, place := range []int{0, 3, 5} {
			t.Run(fmt.Sprint(after, place), func(t *testing.T) {
				bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
					first := openDoing(t, log, Options{}, does{"KILL": until, "SLEEP": until})
					var neighbours []ulid.ULID
					var killer ulid.ULID
					for i := range 6 {
						if i == place {
							killer = first.submit(task.Submit{Type: "KILL", MaxAttempts: 1000}).ID
						} else {
							neighbours = append(neighbours, first.submit(task.Submit{Type: "SLEEP", MaxAttempts: 1}).ID)
						}
					}
					first.want(killer, task.Running)
					b, deaths := lives(t, first.crash(), Options{}, after, does{"SLEEP": sleeps(time.Hour)})
					defer b.stop()
					t.Logf("%d deaths after the first", deaths)
					if got := b.want(killer, task.Failed); got.Code != task.CodeWorkerDied {
						t.Errorf("code is %s", got.Code)
					}
					if got := b.errorText(killer); got != `{"error":"its worker died 3 times"}` {
						t.Errorf("error is %s", got)
					}
					for _, id := range neighbours {
						if got := b.want(id, task.Success); got.Attempt != 1 {
							t.Errorf("a neighbour took %d attempts: %s", got.Attempt, b.history(id))
						}
					}
				})
			})
		}
	}
}

func TestATaskThatRanAloneWhenTheProcessDiedIsChargedWithIt(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		first := openDoing(t, log, Options{}, does{"KILL": until})
		alone := first.submit(task.Submit{Type: "KILL", MaxAttempts: 2}).ID
		first.want(alone, task.Running)
		b, deaths := lives(t, first.crash(), Options{}, 0, nil)
		defer b.stop()
		if b.want(alone, task.Failed); deaths != 1 {
			t.Errorf("%d deaths after the first, the task had two attempts", deaths)
		}
		b.wantHistory(alone, "submitted started lease_expired started lease_expired failed")
		if got := b.errorText(alone); got != `{"error":"its worker died while it ran"}` {
			t.Errorf("error is %s", got)
		}
		// A person sends it round again: its past does not count.
		b.does["KILL"] = sleeps(time.Second)
		if _, err := b.s.Do(t.Context(), "anonymous", alone, task.Retry{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		b.want(alone, task.Success)
	})
}

func TestWhileASuspectIsOnTrialOthersWaitAndSayWhy(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		first := openDoing(t, log, Options{}, does{"A": until, "B": until})
		a, z := first.submit(task.Submit{Type: "A"}).ID, first.submit(task.Submit{Type: "B"}).ID
		first.want(z, task.Running)
		b := openDoing(t, first.crash(), Options{}, does{"A": until, "B": until})
		defer b.stop()
		b.want(a, task.Running)
		waits := b.want(z, task.Pending)
		other := b.submit(task.Submit{Type: "C", Priority: 100})
		for _, w := range []task.Task{waits, b.want(other.ID, task.Pending)} {
			if got := b.s.WaitingFor(&w); got == nil || got.Reason != "crash_check" {
				t.Errorf("it waits for %+v", got)
			}
		}
		time.Sleep(shortestTrial - time.Nanosecond)
		b.want(z, task.Pending)
		time.Sleep(time.Nanosecond)
		b.want(a, task.Running)
		b.want(z, task.Running)
		b.want(other.ID, task.Pending)
		time.Sleep(shortestTrial)
		b.want(other.ID, task.Success)
		b.wantHistory(a, "submitted started lease_expired started progressed")
	})
}

func TestAnAttemptThatReturnsIsNoSuspectAnyMore(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		first := openDoing(t, log, Options{}, does{"A": until, "B": until})
		a, z := first.submit(task.Submit{Type: "A", MaxAttempts: 2}).ID, first.submit(task.Submit{Type: "B"}).ID
		first.want(z, task.Running)
		b := openDoing(t, first.crash(), Options{}, does{"A": failWith(errors.New("no luck"))})
		defer b.stop()
		b.want(z, task.Success)
		if got := b.want(a, task.Pending); got.Suspect() {
			t.Error("it has returned and is a suspect still")
		}
	})
}

func TestManySuspectsAreTriedInGroups(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		o := Options{Concurrency: 300}
		first := openDoing(t, log, o, does{"KILL": until, "SLEEP": until})
		submits := make([]task.Submit, 256)
		for i := range submits {
			submits[i] = task.Submit{Type: "SLEEP", MaxAttempts: 1}
		}
		submits[200].Type = "KILL"
		got, err := first.s.Submit(t.Context(), "anonymous", submits)
		if err != nil {
			t.Fatal(err)
		}
		first.want(got[255].Task.ID, task.Running)
		start := time.Now()
		b, deaths := lives(t, first.crash(), o, 0, does{"SLEEP": sleeps(time.Hour)})
		defer b.stop()
		t.Logf("%d deaths in %v", deaths, time.Since(start))
		for i, s := range got {
			if want := map[bool]task.Status{true: task.Failed, false: task.Success}[i == 200]; b.get(s.Task.ID).Status != want {
				t.Errorf("task %d is %s", i, b.get(s.Task.ID).Status)
			}
		}
		if deaths > 8 {
			t.Errorf("the process died %d times until the task was found", deaths)
		}
	})
}

// A stop in order in the middle of the trials loses nothing of what is known.
func TestTrialsGoOnAfterAStop(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		kinds := does{"A": until, "B": until, "C": until}
		first := openDoing(t, log, Options{}, kinds)
		var ids []ulid.ULID
		for _, kind := range []string{"A", "B", "C"} {
			ids = append(ids, first.submit(task.Submit{Type: kind}).ID)
		}
		first.want(ids[2], task.Running)
		log = first.crash()
		b := openDoing(t, log, Options{Grace: time.Millisecond}, kinds)
		time.Sleep(shortestTrial)
		b.want(ids[1], task.Running)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{false, true, true} { // the first was trusted, the second was being tried
			if got := b.get(ids[i]); got.Suspect() != want || got.Attempt != 0 || got.Status != task.Pending {
				t.Errorf("task %d: suspect %v, attempt %d, %s", i, got.Suspect(), got.Attempt, got.Status)
			}
		}
		again := openDoing(t, log, Options{}, kinds)
		defer again.stop()
		synctest.Wait()
		again.want(ids[0], task.Pending)
		again.want(ids[1], task.Running)
		again.want(ids[2], task.Pending)
	})
}

func TestATaskDoesNotStartBesideItsPreviousAttempt(t *testing.T) {
	for _, cancel := range []bool{false, true} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			b := open(t, log, Options{})
			defer b.stop()
			free, at, most := make(chan struct{}), 0, 0
			b.does["DEAF"] = func(context.Context, Attempt) (Outcome, error) {
				b.mu.Lock()
				at++
				most = max(most, at)
				b.mu.Unlock()
				<-free
				b.mu.Lock()
				at--
				b.mu.Unlock()
				return Outcome{}, nil
			}
			id := b.submit(task.Submit{Type: "DEAF", Timeout: 2 * task.Second, MaxAttempts: 5,
				Backoff: &task.Backoff{Kind: task.Constant, NoJitter: true}}).ID
			synctest.Wait()
			if cancel {
				if _, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(10 * time.Second)
			if cancel {
				b.want(id, task.Cancelled)
				if _, err := b.s.Do(t.Context(), "anonymous", id, task.Retry{}); err != nil {
					t.Fatal(err)
				}
			}
			waits := b.want(id, task.Pending)
			if got := b.s.WaitingFor(&waits); got == nil || got.Reason != "previous_attempt" {
				t.Errorf("it waits for %+v", got)
			}
			b.want(b.submit(task.Submit{Type: "T"}).ID, task.Success)
			close(free)
			b.want(id, task.Success)
			if most != 1 {
				t.Errorf("%d attempts ran at a time", most)
			}
		})
	}
}
