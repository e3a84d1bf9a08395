package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"
)

// queueEvent appends an event of the queue Q.
func (b *bench) queueEvent(kind string, data []byte) {
	b.t.Helper()
	err := b.s.Record(b.t.Context(), "anonymous", func() ([]Other, error) {
		return []Other{{Stream: "queue:Q", Type: kind, V: 1, Data: data}}, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) limit(l projection.QueueLimits) {
	b.t.Helper()
	b.queueEvent("queue.limits_set", projection.EncodeQueueLimits(l))
}

func TestNothingStartsInAPausedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.queueEvent("queue.paused", []byte("{}"))
		held := b.submit(task.Submit{Type: "T", Queue: "Q"})
		other := b.submit(task.Submit{Type: "T"})
		b.want(other.ID, task.Success)
		got := b.want(held.ID, task.Pending)
		if w := b.s.WaitingFor(&got); w == nil || w.Reason != "queue_paused" || w.By != "anonymous" {
			t.Errorf("it waits for %+v", w)
		}
		b.queueEvent("queue.resumed", []byte("{}"))
		b.want(held.ID, task.Success)
	})
}

func TestAPauseHoldsAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlogtest.NewMemory()
		b := open(t, log, Options{})
		b.queueEvent("queue.paused", []byte("{}"))
		id := b.submit(task.Submit{Type: "T", Queue: "Q"}).ID
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = open(t, log, Options{})
		defer b.stop()
		b.want(id, task.Pending)
		b.queueEvent("queue.resumed", []byte("{}"))
		b.want(id, task.Success)
	})
}

func TestALimitOfAQueueIsNeverPassed(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { limitOnce(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

// limitOnce runs tasks of a limited queue, in handlers and with a worker, while the limit changes.
func limitOnce(t *testing.T, random *rand.Rand) {
	var running, most, limit atomic.Int64
	started := func() {
		n := running.Add(1)
		if n > limit.Load() {
			most.Store(n)
		}
	}
	b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: 16}, map[string]func(context.Context, Attempt) (Outcome, error){
		"T": func(_ context.Context, a Attempt) (Outcome, error) {
			if a.Task.Queue != "Q" {
				return Outcome{}, nil
			}
			started()
			defer running.Add(-1)
			time.Sleep(time.Duration(a.Task.Priority+100) * time.Millisecond)
			if a.Task.Priority%7 == 0 {
				return Outcome{}, errors.New("again")
			}
			return Outcome{}, nil
		},
	})
	defer b.stop()
	limit.Store(1 + random.Int64N(3))
	b.limit(projection.QueueLimits{Concurrency: int(limit.Load())})
	var ids []task.Task
	for range 40 {
		queue := "Q"
		if random.IntN(4) == 0 {
			queue = "R"
		}
		kind := []string{"T", "T", "REMOTE"}[random.IntN(3)]
		ids = append(ids, b.submit(task.Submit{Type: kind, Queue: queue, Priority: random.IntN(100), MaxAttempts: 2}))
		for _, l := range b.poll("w", random.IntN(3)) {
			if l.Task.Queue == "Q" {
				started()
			}
			go func() {
				time.Sleep(50 * time.Millisecond)
				if l.Task.Queue == "Q" {
					running.Add(-1)
				}
				_, _ = b.report(l.Token, task.Succeed{})
			}()
		}
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
		if random.IntN(10) == 0 { // a larger limit: a smaller one would not end what runs
			limit.Store(limit.Load() + 1)
			b.limit(projection.QueueLimits{Concurrency: int(limit.Load())})
		}
	}
	for range 200 {
		for _, l := range b.poll("w", 1) {
			_, _ = b.report(l.Token, task.Succeed{})
		}
		time.Sleep(time.Second)
	}
	if most.Load() != 0 {
		t.Errorf("%d ran at one time, the limit is %d", most.Load(), limit.Load())
	}
	for _, s := range ids {
		if got := b.get(s.ID); !got.Status.Ended() {
			t.Errorf("%s of queue %s is %s for ever", got.Type, got.Queue, got.Status)
		}
	}
}

func TestStartsComeAtTheRateOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration // guarded by mu
		began := time.Now()
		log := eventlogtest.NewMemory()
		does := map[string]func(context.Context, Attempt) (Outcome, error){
			"T": func(context.Context, Attempt) (Outcome, error) {
				mu.Lock()
				defer mu.Unlock()
				at = append(at, time.Since(began).Round(time.Millisecond))
				return Outcome{}, nil
			},
		}
		b := openDoing(t, log, Options{Concurrency: 1}, does)
		b.limit(projection.QueueLimits{Rate: 2, Burst: 3})
		for range 8 {
			b.submit(task.Submit{Type: "T", Queue: "Q"})
		}
		time.Sleep(1200 * time.Millisecond)
		if err := b.stop(); err != nil { // the rate is folded from the log: a restart gives no new burst
			t.Fatal(err)
		}
		b = openDoing(t, log, Options{Concurrency: 1}, does)
		defer b.stop()
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if got := fmt.Sprint(at); got != "[0s 0s 0s 500ms 1s 1.5s 2s 2.5s]" {
			t.Errorf("starts at %s", got)
		}
	})
}

func TestAFullQueueRefusesSubmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.limit(projection.QueueLimits{MaxDepth: 3})
		b.queueEvent("queue.paused", []byte("{}"))
		one := task.Submit{Type: "T", Queue: "Q"}
		for range 2 {
			b.submit(one)
		}
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{one, one}); !errors.Is(err, task.ErrQueueFull) {
			t.Errorf("two more than fit: %v", err)
		}
		b.submit(one)
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{one}); !errors.Is(err, task.ErrQueueFull) {
			t.Errorf("one more: %v", err)
		}
		b.submit(task.Submit{Type: "T"})
		b.queueEvent("queue.resumed", []byte("{}"))
		synctest.Wait()
		b.submit(one)
	})
}

func TestOfTwoThatDecideTheSameTheSecondSeesTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		const n = 20
		var made atomic.Int64
		done := make(chan error, n)
		for range n {
			go func() {
				done <- b.s.Record(t.Context(), "anonymous", func() ([]Other, error) {
					if b.s.o.Views.QueueState("Q").Version > 0 {
						return nil, nil
					}
					made.Add(1)
					return []Other{{Stream: "queue:Q", Type: "queue.paused", V: 1, Data: []byte("{}")}}, nil
				})
			}()
		}
		for range n {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if made.Load() != 1 || b.s.o.Views.QueueState("Q").Version != 1 {
			t.Errorf("decided %d times, the stream has %d events", made.Load(), b.s.o.Views.QueueState("Q").Version)
		}
	})
}

func TestMoveChangesThePlaceOfAPendingTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		later := task.MicrosOf(time.Now().Add(time.Hour))
		id := b.submit(task.Submit{Type: "T", RunAt: later}).ID
		at, priority := later+task.Second, 7
		got, err := b.s.Do(t.Context(), "anonymous", id, task.Move{Until: &at, Priority: &priority})
		if err != nil || got.DueAt != at || got.Priority != 7 {
			t.Errorf("%+v, %v", got, err)
		}
		b.want(id, task.Pending)
		var now task.Micros
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Move{Until: &now}); err != nil {
			t.Fatal(err)
		}
		b.want(id, task.Success)
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Move{Until: &now}); !errors.Is(err, task.ErrNotPending) {
			t.Errorf("of an ended task: %v", err)
		}
		if h := b.history(id); h != "submitted snoozed reprioritised snoozed started succeeded" {
			t.Error(h)
		}
	})
}

// A gate that the limit of attempts holds has nothing to wake up for, though its rate is free: the loop would spin.
func TestAQueueThatIsFullIsNotLookedAtAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: 4}, map[string]func(context.Context, Attempt) (Outcome, error){"T": until})
		b.limit(projection.QueueLimits{Concurrency: 1, Rate: 10})
		for range 2 {
			b.submit(task.Submit{Type: "T", Queue: "Q"})
		}
		time.Sleep(time.Hour) // does not end while the loop spins
		if n := b.s.State().Running; n != 1 {
			t.Errorf("%d run", n)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
}
