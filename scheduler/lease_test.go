package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

// poll asks for tasks of the type REMOTE for a worker, without waiting.
func (b *bench) poll(worker string, max int) []Leased {
	b.t.Helper()
	got, err := b.s.Lease(b.t.Context(), LeaseRequest{Worker: worker, Types: []string{"REMOTE"}, Max: max, Length: 30 * time.Second})
	if err != nil {
		b.t.Fatalf("lease: %v", err)
	}
	return got
}

// lease is poll for one task that must be there.
func (b *bench) lease(worker string) Leased {
	b.t.Helper()
	got := b.poll(worker, 1)
	if len(got) != 1 {
		b.t.Fatalf("%s got %d tasks", worker, len(got))
	}
	return got[0]
}

func (b *bench) report(token string, c task.Command) (task.Task, error) {
	b.t.Helper()
	return b.s.Report(b.t.Context(), "worker:w", token, c)
}

func remote() task.Submit { return task.Submit{Type: "REMOTE"} }

func TestAWorkerLeasesRunsAndCompletesATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		got := b.want(id, task.Pending)
		if w := b.s.WaitingFor(&got); w == nil || w.Reason != "worker" {
			t.Errorf("before a worker asks it waits for %+v", w)
		}
		l := b.lease("w")
		if l.Task.ID != id || l.Task.Status != task.Running || l.Task.Held().Worker != "w" || l.Task.Attempt != 1 {
			t.Errorf("leased: %+v", l.Task)
		}
		if done, err := b.report(l.Token, task.Progress{Percent: 40, Message: "half"}); err != nil || done.Progress != 4000 {
			t.Errorf("progress: %v, %v", done.Progress, err)
		}
		done, err := b.report(l.Token, task.Succeed{Result: []byte(`{ "n": 1 }`)})
		if err != nil || done.Status != task.Success {
			t.Fatalf("complete: %v, %v", done.Status, err)
		}
		if again, err := b.report(l.Token, task.Succeed{Result: []byte(`{"n":1}`)}); err != nil || again.Status != task.Success {
			t.Errorf("the same completion again: %v, %v", again.Status, err)
		}
		if again, err := b.report(l.Token, task.Succeed{Result: []byte(`{"n":1.0}`)}); err != nil || again.Status != task.Success {
			t.Errorf("the same number in other characters: %v, %v", again.Status, err)
		}
		if _, err := b.report(l.Token, task.Succeed{}); !errors.Is(err, ErrOtherResult) {
			t.Errorf("no result: %v", err)
		}
		if _, err := b.report(l.Token, task.Succeed{Result: []byte(`{"n":2}`)}); !errors.Is(err, ErrOtherResult) {
			t.Errorf("another result: %v", err)
		}
		if _, err := b.report("dbl_nothing", task.Succeed{}); !errors.Is(err, ErrNoLease) {
			t.Errorf("no token: %v", err)
		}
		if h := b.history(id); h != "submitted started progressed succeeded" {
			t.Error(h)
		}
	})
}

func TestACompletionIsRepeatedInAnotherSpelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		for _, test := range []struct {
			first, again string // "" = no result
			same         bool
		}{
			{"", "", true},
			{"", `0`, false},
			{`{"a":1,"b":[1.50,"é"]}`, "{ \"b\": [15e-1, \"\\u00e9\"], \"a\": 1.0 }", true},
			{`[1,2]`, `[2,1]`, false},
			{`9007199254740993`, `9007199254740992`, false},
			{`"1"`, `1`, false},
		} {
			b.submit(remote())
			l := b.lease("w")
			complete := func(text string) error {
				var c task.Succeed
				if text != "" {
					c.Result = []byte(text)
				}
				_, err := b.report(l.Token, c)
				return err
			}
			if err := complete(test.first); err != nil {
				t.Fatal(err)
			}
			if err := complete(test.again); test.same && err != nil || !test.same && !errors.Is(err, ErrOtherResult) {
				t.Errorf("%s and then %s: %v", test.first, test.again, err)
			}
		}
	})
}

// Both reports are on their way before either is decided, as when a client tries again on another connection.
func TestTheSameCompletionTwiceAtOnceIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.submit(remote())
		l := b.lease("w")
		report := func(result string) func() (task.Task, error) {
			return b.s.StartReport(t.Context(), "worker:w", l.Token, task.Succeed{Result: []byte(result)})
		}
		first, same, other := report("1"), report("1.0"), report("2")
		if done, err := first(); err != nil || done.Status != task.Success {
			t.Errorf("the first: %v, %v", done.Status, err)
		}
		if done, err := same(); err != nil || done.Status != task.Success {
			t.Errorf("the same: %v, %v", done.Status, err)
		}
		if _, err := other(); !errors.Is(err, ErrOtherResult) {
			t.Errorf("another result: %v", err)
		}
	})
}

func TestAWorkerThatWaitsIsWokenTheOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		got := make(chan string, 3)
		for i := range 3 {
			go func() {
				l, err := b.s.Lease(t.Context(), LeaseRequest{Worker: fmt.Sprint("w", i), Types: []string{"REMOTE", "OTHER"}, Max: 5, Length: time.Minute, Wait: 20 * time.Second})
				got <- fmt.Sprintf("w%d: %d %v", i, len(l), err)
			}()
			synctest.Wait()
		}
		b.submit(remote())
		if s := <-got; s != "w0: 1 <nil>" {
			t.Error(s)
		}
		b.submit(task.Submit{Type: "REMOTE", Queue: "other"})
		if s := <-got; s != "w1: 1 <nil>" {
			t.Error(s)
		}
		began := time.Now()
		if s := <-got; s != "w2: 0 <nil>" || time.Since(began) != 20*time.Second {
			t.Error(s, time.Since(began))
		}
	})
}

func TestAWorkerGetsOnlyItsTypesAndQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.submit(task.Submit{Type: "REMOTE-2"})
		b.submit(task.Submit{Type: "REMOTE", Queue: "b"})
		want := b.submit(task.Submit{Type: "REMOTE", Queue: "a"}).ID
		got, err := b.s.Lease(t.Context(), LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Queues: []string{"a"}, Max: 10, Length: time.Second})
		if err != nil || len(got) != 1 || got[0].Task.ID != want {
			t.Errorf("%v %v", got, err)
		}
	})
}

func TestALeaseThatRunsOutPutsTheTaskBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		time.Sleep(20 * time.Second)
		beat := b.s.Beat("w", []string{l.Token, "dbl_x"}, 0)
		if time.Until(beat.Until) != 30*time.Second || len(beat.Cancelled) != 0 || len(beat.Lost) != 1 {
			t.Errorf("beat: %+v", beat)
		}
		time.Sleep(30*time.Second - time.Nanosecond)
		b.want(id, task.Running)
		time.Sleep(time.Nanosecond)
		if got := b.want(id, task.Pending); got.Attempt != 1 || got.Retrying {
			t.Errorf("after the lease: %+v", got)
		}
		if _, err := b.report(l.Token, task.Succeed{}); !errors.Is(err, ErrNoLease) {
			t.Errorf("a late result: %v", err)
		}
		if _, err := b.report(l.Token, task.Succeed{}); !errors.Is(err, ErrNoLease) {
			t.Errorf("again: %v", err)
		}
		second := b.lease("v")
		if second.Task.Attempt != 2 {
			t.Errorf("attempt %d", second.Task.Attempt)
		}
		if h := b.history(id); h != "submitted started lease_expired late_result_refused started" {
			t.Error(h)
		}
	})
}

func TestATaskThatKillsItsWorkerThreeTimesIsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		c := remote()
		c.MaxAttempts = 100
		id := b.submit(c).ID
		for range 3 {
			b.lease("w")
			time.Sleep(30 * time.Second)
			synctest.Wait()
		}
		b.want(id, task.Failed)
	})
}

func TestTasksThatWereLostWithTheirWorkerAreNotCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		for range 100 {
			b.submit(remote())
		}
		leases := b.poll("w", 100)
		if len(leases) != 100 {
			t.Fatal(len(leases))
		}
		for _, l := range leases[:3] { // the worker has begun these
			if _, err := b.report(l.Token, task.Progress{Percent: 1}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Second)
		for i, l := range leases {
			got := b.want(l.Task.ID, task.Pending)
			if got.Attempt != 0 || got.Suspect() != (i < 3) {
				t.Errorf("task %d: attempt %d, suspect %v", i, got.Attempt, got.Suspect())
			}
		}
	})
}

func TestATaskThatKillsWorkersIsFoundAmongOthersAndTheOthersRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		c := remote()
		c.MaxAttempts = 100
		poison := b.submit(c).ID
		var others []task.Task
		for range 40 {
			others = append(others, b.submit(c))
		}
		for round := 0; b.get(poison).Status != task.Failed; round++ {
			if round == 60 {
				t.Fatalf("after %d workers it is %s: %s", round, b.get(poison).Status, b.history(poison))
			}
			leases := b.poll(fmt.Sprint("w", round), 16)
			died := false
			for _, l := range leases {
				died = died || l.Task.ID == poison
			}
			for _, l := range leases {
				if !died {
					if _, err := b.report(l.Token, task.Succeed{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(31 * time.Second)
			synctest.Wait()
		}
		for range len(others) {
			for _, l := range b.poll("last", 16) {
				if _, err := b.report(l.Token, task.Succeed{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, o := range others {
			b.want(o.ID, task.Success)
		}
	})
}

func TestACancelledTaskIsGivenUpByItsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		if beat := b.s.Beat("w", []string{l.Token}, 0); len(beat.Cancelled) != 1 || len(beat.Lost) != 0 {
			t.Errorf("beat: %+v", beat)
		}
		if _, err := b.report(l.Token, task.Progress{Percent: 50}); !errors.Is(err, task.ErrStopping) {
			t.Errorf("progress: %v", err)
		}
		b.want(id, task.Running)
		if _, err := b.report(l.Token, task.Succeed{}); !errors.Is(err, task.ErrStopping) {
			t.Errorf("complete: %v", err)
		}
		b.want(id, task.Cancelled)

		other := b.submit(remote()).ID // the worker of this one says nothing more
		b.lease("w")
		if _, err := b.s.Do(t.Context(), "anonymous", other, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		b.want(other, task.Cancelled)
	})
}

func TestFailAndReleaseOfAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		if got, err := b.report(l.Token, task.Release{After: 5 * task.Second}); err != nil || got.Status != task.Pending || got.Attempt != 0 {
			t.Errorf("release: %+v, %v", got, err)
		}
		b.wantBackoff(id)
		if got := b.poll("w", 1); len(got) != 0 {
			t.Errorf("leased at once after a release with a delay")
		}
		time.Sleep(5 * time.Second)
		l = b.lease("w")
		if got, err := b.report(l.Token, task.Fail{Error: "no", After: 3600 * task.Second}); err != nil || got.Status != task.Pending {
			t.Errorf("fail: %+v, %v", got, err)
		}
		b.wantBackoff(id)
		time.Sleep(3599 * time.Second)
		if got := b.poll("w", 1); len(got) != 0 {
			t.Error("leased before the time that the worker asked for")
		}
		time.Sleep(time.Second)
		l = b.lease("w")
		if got, err := b.report(l.Token, task.Fail{Code: task.CodePermanent, Error: "never"}); err != nil || got.Status != task.Failed {
			t.Errorf("permanent: %+v, %v", got, err)
		}
		b.want(id, task.Failed)
	})
}

func TestTheTimeoutEndsARemoteAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		c := remote()
		c.Timeout, c.MaxAttempts = 10*task.Second, 1
		id := b.submit(c).ID
		l := b.lease("w")
		time.Sleep(10*time.Second - time.Nanosecond)
		b.want(id, task.Running)
		time.Sleep(time.Nanosecond)
		if got := b.want(id, task.Failed); got.Code != task.CodeTimeout {
			t.Errorf("code %v", got.Code)
		}
		if beat := b.s.Beat("w", []string{l.Token}, 0); len(beat.Lost) != 1 {
			t.Errorf("beat: %+v", beat)
		}
	})
}

func TestLeasesSurviveARestartWithOneLeaseOfGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlogtest.NewMemory()
		b := open(t, log, Options{})
		done, lost := b.submit(remote()).ID, b.submit(remote()).ID
		leases := b.poll("w", 2)
		time.Sleep(25 * time.Second)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		b = open(t, log, Options{})
		defer b.stop()
		b.want(done, task.Running)
		time.Sleep(29 * time.Second)
		if _, err := b.report(leases[0].Token, task.Succeed{}); err != nil {
			t.Errorf("complete after a restart: %v", err)
		}
		b.want(done, task.Success)
		time.Sleep(time.Second)
		b.want(lost, task.Pending)
	})
}

func TestTheSamePollAgainGetsTheSameLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.submit(remote())
		b.submit(remote())
		r := LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 1, Length: 30 * time.Second, PollID: "1"}
		first, _ := b.s.Lease(t.Context(), r)
		again, _ := b.s.Lease(t.Context(), r)
		r.PollID = "2"
		other, _ := b.s.Lease(t.Context(), r)
		if len(first) != 1 || len(again) != 1 || len(other) != 1 || first[0].Token != again[0].Token || first[0].Token == other[0].Token {
			t.Errorf("first %v, again %v, other %v", first, again, other)
		}
	})
}

// A caller with a token for one queue asks under the name and the poll of another worker.
func TestTheSamePollOfACallerWithOtherQueuesGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.submit(remote())
		r := LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 1, Length: 30 * time.Second, PollID: "1"}
		first, _ := b.s.Lease(t.Context(), r)
		r.Queues = []string{"another"}
		if again, err := b.s.Lease(t.Context(), r); len(first) != 1 || len(again) != 0 || err != nil {
			t.Errorf("first %v, again %v, %v", first, again, err)
		}
	})
}

func TestAWorkerThatGoesAwayWhileItWaitsCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		for i := range 1000 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				synctest.Wait()
				cancel()
			}()
			if _, err := b.s.Lease(ctx, LeaseRequest{Worker: fmt.Sprint("w", i), Types: []string{"REMOTE"}, Max: 1, Length: time.Second, Wait: time.Minute}); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if n := len(b.s.loop.offers.byGroup[group{"REMOTE", ""}]); n > 100 {
			t.Errorf("%d offers are kept", n)
		}
		id := b.submit(remote()).ID
		b.want(id, task.Pending)
		time.Sleep(20 * time.Minute)
		b.lease("last")
		if n := len(b.s.Workers()); n != 1 {
			t.Errorf("%d workers are remembered", n)
		}
	})
}

func TestAQuietWorkerGetsNoMoreWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.submit(remote())
		b.submit(remote())
		l := b.lease("w")
		b.setQuiet("w", true)
		if err := b.s.SetQuiet(t.Context(), person, "unknown", true); !errors.Is(err, ErrNoWorker) {
			t.Error(err)
		}
		if got := b.poll("w", 1); len(got) != 0 {
			t.Error("a quiet worker got a task")
		}
		if beat := b.s.Beat("w", []string{l.Token}, 0); !beat.Quiet {
			t.Error("it is not told")
		}
		b.setQuiet("w", false)
		b.lease("w")
	})
}

const person = "token:ada"

func (b *bench) setQuiet(worker string, quiet bool) {
	b.t.Helper()
	if err := b.s.SetQuiet(b.t.Context(), person, worker, quiet); err != nil {
		b.t.Error(err)
	}
}

func TestAQuietWorkerStaysQuietWhenTheServerIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		b.submit(remote())
		b.submit(remote())
		l := b.lease("w")
		b.poll("other", 0)
		b.setQuiet("w", true)
		head := b.log.Head().Seq
		b.setQuiet("w", true)
		if b.log.Head().Seq != head {
			t.Error("the same again is written")
		}
		b = open(t, b.crash(), Options{})
		if got := b.poll("w", 1); len(got) != 0 {
			t.Error("a quiet worker got a task after the restart")
		}
		if beat := b.s.Beat("w", []string{l.Token}, 0); !beat.Quiet || len(beat.Lost) != 0 {
			t.Errorf("its beat: %+v", beat)
		}
		if list := b.s.Workers(); len(list) != 1 || !list[0].Quiet {
			t.Errorf("%+v", list)
		}
		if states, _ := b.s.CountWorkers(); states["quiet"] != 1 {
			t.Errorf("%v", states)
		}
		b.setQuiet("w", false)
		b.lease("w")
		again := open(t, b.crash(), Options{})
		defer again.stop()
		if again.s.IsQuiet("w") {
			t.Error("a resumed worker is quiet after a restart")
		}
	})
}

func TestAWorkerThatIsResumedWhileItWaitsGetsWhatIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		got := make(chan int, 1)
		go func() {
			leases, _ := b.s.Lease(t.Context(), LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 1, Length: time.Minute, Wait: 20 * time.Second})
			got <- len(leases)
		}()
		synctest.Wait()
		b.setQuiet("w", true)
		b.submit(remote())
		began := time.Now()
		b.setQuiet("w", false)
		if n := <-got; n != 1 || time.Since(began) > time.Second {
			t.Errorf("%d tasks after %s", n, time.Since(began))
		}
	})
}

func TestALeaseThatIsGrantedIsAlwaysDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		const tasks = 500
		var got atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for ctx.Err() == nil {
					leases, err := b.s.Lease(ctx, LeaseRequest{Worker: fmt.Sprint("w", i), Types: []string{"REMOTE"}, Max: 7, Length: time.Hour, Wait: time.Second})
					if err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					got.Add(int64(len(leases)))
				}
			})
		}
		for range tasks / 5 {
			for range 5 {
				all.Go(func() { b.submit(remote()) })
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		stop()
		all.Wait()
		if got.Load() != tasks {
			t.Errorf("%d of %d leases reached a worker", got.Load(), tasks)
		}
	})
}

func TestHandlersAndWorkersShareALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: 2}, map[string]func(context.Context, Attempt) (Outcome, error){
			"BOTH": func(context.Context, Attempt) (Outcome, error) { <-hold; return Outcome{}, nil },
		})
		defer b.stop()
		defer close(hold)
		for range 5 {
			b.submit(task.Submit{Type: "BOTH"})
		}
		synctest.Wait()
		got, err := b.s.Lease(t.Context(), LeaseRequest{Worker: "w", Types: []string{"BOTH"}, Max: 2, Length: time.Second})
		if err != nil || len(got) != 2 || strings.Count(b.ran(), "BOTH") != 2 {
			t.Errorf("worker %d (%v), handlers %s", len(got), err, b.ran())
		}
	})
}

// A worker that waits for work when the server stops gets none. In a cluster it is to ask the node that leads next: that there is no work would
// not be true.
func TestAWorkerThatWaitsWhileTheServerStops(t *testing.T) {
	for node, want := range map[string]error{"": nil, "a": ErrLeadLost} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, eventlogtest.NewMemory(), Options{Node: node, Grace: time.Minute, Concurrency: 1})
			running := make(chan struct{})
			b.does["SLOW"] = func(context.Context, Attempt) (Outcome, error) { <-running; return Outcome{Result: []byte("1")}, nil }
			b.submit(task.Submit{Type: "SLOW"})
			waiting := b.s.StartLease(t.Context(), LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 1, Length: time.Minute, Wait: time.Hour})
			synctest.Wait()
			b.cancel()
			synctest.Wait()
			if got, err := waiting(false); len(got) != 0 || !errors.Is(err, want) {
				t.Errorf("node %q: one that waits: %d tasks, %v", node, len(got), err)
			}
			if got, err := b.s.Lease(t.Context(), LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 1, Length: time.Minute}); len(got) != 0 || !errors.Is(err, want) {
				t.Errorf("node %q: one that comes: %d tasks, %v", node, len(got), err)
			}
			close(running)
			if err := <-b.done; err != nil {
				t.Error(err)
			}
		})
	}
}
