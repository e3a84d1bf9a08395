package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// checkKeyLimit reads the log of a queue Q and checks after each event that no more tasks of a key run than
// its limit allows, but for those that ran when the limit was set.
func checkKeyLimit(t *testing.T, log eventlog.Log) {
	t.Helper()
	running := map[string]int{}
	tasks := map[ulid.ULID]*task.Task{}
	limit := 0
	var decoder task.Decoder
	err := log.Scan(t.Context(), 0, func(raw *eventlog.Event) error {
		if raw.Type == "queue.limits_set" {
			limit = 0
			if _, after, ok := strings.Cut(string(raw.Data), `"key_concurrency":`); ok {
				_, _ = fmt.Sscan(after, &limit)
			}
			return nil
		}
		kind, ok := task.ParseEventType(raw.Type)
		if !ok {
			return nil
		}
		id, _ := task.ParseStream(raw.Stream)
		e := task.Event{Seq: raw.Seq, At: task.Micros(raw.At), Version: raw.Version, Type: kind}
		if err := decoder.Decode(&e.Data, kind, raw.V, raw.Data); err != nil {
			return err
		}
		s := tasks[id]
		if s == nil {
			s = new(task.Task)
			tasks[id] = s
		}
		before := s.Status
		if err := task.Apply(s, id, &e); err != nil {
			return err
		}
		switch {
		case before != task.Running && s.Status == task.Running:
			running[s.ConcurrencyKey]++
			if limit > 0 && s.ConcurrencyKey != "" && running[s.ConcurrencyKey] > limit {
				return fmt.Errorf("event %d: %d tasks of the key %s run, the limit is %d", raw.Seq, running[s.ConcurrencyKey], s.ConcurrencyKey, limit)
			}
		case before == task.Running && s.Status != task.Running:
			running[s.ConcurrencyKey]--
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNoMoreTasksOfAKeyRunThanItsLimit(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { keysOnce(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

// keysOnce does things to tasks with keys at random: limits change, attempts fail, leases run out, tasks are
// cancelled, and the process is killed.
func keysOnce(t *testing.T, r *rand.Rand) {
	does := map[string]func(context.Context, Attempt) (Outcome, error){
		"T": func(ctx context.Context, a Attempt) (Outcome, error) {
			select {
			case <-time.After(time.Duration(20+a.Task.Priority) * time.Millisecond):
			case <-ctx.Done():
				return Outcome{}, ctx.Err()
			}
			if a.Task.Priority%5 == 0 && a.Task.Attempt == 1 {
				return Outcome{}, errors.New("again")
			}
			return Outcome{}, nil
		},
	}
	b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: 8}, does)
	rules := func() projection.QueueLimits {
		l := projection.QueueLimits{KeyConcurrency: r.IntN(3), FairKeys: r.IntN(2) == 0}
		if r.IntN(3) == 0 {
			l.KeyRate, l.KeyBurst = 50, 2
		}
		if r.IntN(3) == 0 {
			l.Weight = 1 + r.IntN(1000)
		}
		return l
	}
	b.limit(projection.QueueLimits{KeyConcurrency: 1})
	var ids []ulid.ULID
	for range 120 {
		switch r.IntN(12) {
		case 0, 1, 2, 3, 4:
			one := task.Submit{Type: []string{"T", "T", "REMOTE"}[r.IntN(3)], Queue: "Q", Priority: r.IntN(20), MaxAttempts: 3,
				ConcurrencyKey: []string{"", "a", "b", "c"}[r.IntN(4)], Backoff: &task.Backoff{Kind: task.Constant, Base: task.Second, Max: task.Second, NoJitter: true}}
			if one.ConcurrencyKey != "" {
				one.OnKeyConflict = task.OnKeyConflict(max(0, r.IntN(8)-4))
			}
			if got, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{one}); err == nil {
				ids = append(ids, got[0].Task.ID)
			} else if !errors.Is(err, task.ErrKeyBusy) {
				t.Fatal(err)
			}
		case 5, 6:
			for _, l := range b.poll("w", 1+r.IntN(3)) {
				if r.IntN(3) > 0 { // the others run out
					_, _ = b.report(l.Token, task.Succeed{})
				}
			}
		case 7:
			if len(ids) > 0 {
				_, _ = b.s.Do(t.Context(), "anonymous", ids[r.IntN(len(ids))], []task.Command{task.Cancel{}, task.Retry{}, task.Reprioritise{Priority: 3}}[r.IntN(3)])
			}
		case 8:
			b.limit(rules())
		case 9:
			log := b.crash()
			b = openDoing(t, log, Options{Concurrency: 8}, does)
		default:
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
		}
	}
	for range 100 {
		for _, l := range b.poll("w", 10) {
			_, _ = b.report(l.Token, task.Succeed{})
		}
		time.Sleep(time.Second)
	}
	checkKeyLimit(t, b.log)
	for _, id := range ids {
		if got := b.get(id); !got.Status.Ended() {
			t.Errorf("%s with key %q is %s for ever, it waits for %+v", got.Type, got.ConcurrencyKey, got.Status, b.s.WaitingFor(&got))
		}
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
}

func TestATaskSaysWhichTasksHoldItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: 8}, map[string]func(context.Context, Attempt) (Outcome, error){"T": until})
		b.limit(projection.QueueLimits{KeyConcurrency: 1})
		one := task.Submit{Type: "T", Queue: "Q", ConcurrencyKey: "a"}
		first := b.submit(one)
		b.want(first.ID, task.Running)
		second := b.submit(one)
		got := b.want(second.ID, task.Pending)
		w := b.s.WaitingFor(&got)
		if w == nil || w.Reason != "concurrency_key" || w.Key != "a" || w.Limit != 1 || !slices.Equal(w.HeldBy, []ulid.ULID{first.ID}) {
			t.Errorf("it waits for %+v", w)
		}
		one.ConcurrencyKey = "b"
		b.want(b.submit(one).ID, task.Running)
		one.ConcurrencyKey = ""
		b.want(b.submit(one).ID, task.Running)
		b.want(b.submit(one).ID, task.Running)
		if _, err := b.s.Do(t.Context(), "anonymous", first.ID, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		b.want(second.ID, task.Running)
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
}

// startLog records the keys of tasks in the order in which they start.
type startLog struct {
	mu   sync.Mutex
	keys []string // guarded by mu
}

func (s *startLog) run(_ context.Context, a Attempt) (Outcome, error) {
	s.mu.Lock()
	s.keys = append(s.keys, a.Task.ConcurrencyKey)
	s.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	return Outcome{}, nil
}

func TestAFloodOfOneKeyDelaysNoOtherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order startLog
		log := eventlogtest.NewMemory()
		does := map[string]func(context.Context, Attempt) (Outcome, error){"T": order.run}
		b := openDoing(t, log, Options{Concurrency: 1}, does)
		b.limit(projection.QueueLimits{FairKeys: true})
		flood := make([]task.Submit, 1000)
		for i := range flood {
			flood[i] = task.Submit{Type: "T", Queue: "Q", ConcurrencyKey: "flood"}
		}
		for range 2 {
			if _, err := b.s.Submit(t.Context(), "anonymous", flood); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if err := b.stop(); err != nil { // the turns are folded from the log
			t.Fatal(err)
		}
		b = openDoing(t, log, Options{Concurrency: 1}, does)
		defer b.stop()
		time.Sleep(time.Second)
		order.mu.Lock()
		order.keys = nil
		order.mu.Unlock()
		for range 20 {
			b.submit(task.Submit{Type: "T", Queue: "Q", ConcurrencyKey: "other"})
		}
		time.Sleep(time.Second)
		order.mu.Lock()
		defer order.mu.Unlock()
		others, last := 0, 0
		for i, key := range order.keys {
			if key == "other" {
				others, last = others+1, i
			}
		}
		if others != 20 || last > 45 {
			t.Errorf("of the other key %d started, the last as number %d: %v", others, last, order.keys[:min(60, len(order.keys))])
		}
	})
}

func TestStartsOfAKeyComeAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		at := map[string][]time.Duration{} // guarded by mu
		began := time.Now()
		log := eventlogtest.NewMemory()
		does := map[string]func(context.Context, Attempt) (Outcome, error){
			"T": func(_ context.Context, a Attempt) (Outcome, error) {
				mu.Lock()
				defer mu.Unlock()
				at[a.Task.ConcurrencyKey] = append(at[a.Task.ConcurrencyKey], time.Since(began).Round(time.Millisecond))
				return Outcome{}, nil
			},
		}
		b := openDoing(t, log, Options{Concurrency: 1}, does)
		b.limit(projection.QueueLimits{KeyRate: 2, KeyBurst: 2})
		for range 5 {
			b.submit(task.Submit{Type: "T", Queue: "Q", ConcurrencyKey: "a"})
			b.submit(task.Submit{Type: "T", Queue: "Q", ConcurrencyKey: "b"})
			b.submit(task.Submit{Type: "T", Queue: "Q"})
		}
		time.Sleep(700 * time.Millisecond)
		held := b.submit(task.Submit{Type: "T", Queue: "Q", ConcurrencyKey: "a"})
		got := b.want(held.ID, task.Pending)
		if w := b.s.WaitingFor(&got); w == nil || w.Reason != "rate_limit" || w.Until.Time().Sub(began).Round(time.Millisecond) != time.Second {
			t.Errorf("it waits for %+v", w)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = openDoing(t, log, Options{Concurrency: 1}, does)
		defer b.stop()
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if fmt.Sprint(at["a"]) != "[0s 0s 500ms 1s 1.5s 2s]" || fmt.Sprint(at["b"]) != "[0s 0s 500ms 1s 1.5s]" || fmt.Sprint(at[""]) != "[0s 0s 0s 0s 0s]" {
			t.Errorf("starts at %v", at)
		}
	})
}

func TestALimitHoldsFromItsEventOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newHeld(eventlogtest.NewMemory())
		b := openDoing(t, log, Options{Concurrency: 8}, map[string]func(context.Context, Attempt) (Outcome, error){"T": until})
		log.holding.Store(true)
		done := make(chan error, 1)
		go func() {
			done <- b.s.Record(t.Context(), "anonymous", func() ([]Other, error) {
				return []Other{{Stream: "queue:Q", Type: "queue.limits_set", V: 1,
					Data: projection.EncodeQueueLimits(projection.QueueLimits{Concurrency: 1, KeyConcurrency: 1})}}, nil
			})
		}()
		synctest.Wait()
		one := task.Submit{Type: "T", Queue: "Q", ConcurrencyKey: "a"}
		for range 3 {
			b.ask(one)
		}
		synctest.Wait()
		log.release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		checkKeyLimit(t, b.log)
		if n := b.s.State().Running; n != 1 {
			t.Errorf("%d run", n)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatASubmitDoesToTasksWithItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: 8}, map[string]func(context.Context, Attempt) (Outcome, error){"T": until})
		b.limit(projection.QueueLimits{KeyConcurrency: 1})
		submit := func(what task.OnKeyConflict) (task.Task, error) {
			got, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T", Queue: "Q", ConcurrencyKey: "a", OnKeyConflict: what}})
			if err != nil {
				return task.Task{}, err
			}
			return got[0].Task, nil
		}
		must := func(what task.OnKeyConflict) ulid.ULID {
			t.Helper()
			got, err := submit(what)
			if err != nil {
				t.Fatal(err)
			}
			return got.ID
		}
		first := must(task.KeyConflictReject)
		b.want(first, task.Running)
		var refusal *task.Refusal
		if _, err := submit(task.KeyConflictReject); !errors.Is(err, task.ErrKeyBusy) || !errors.As(err, &refusal) || refusal.Other != first {
			t.Errorf("reject: %v", err)
		}
		second, third := must(task.KeyConflictWait), must(task.KeyConflictWait)
		fourth := must(task.KeyConflictReplaceWaiting)
		for _, id := range []ulid.ULID{second, third} {
			if got := b.want(id, task.Cancelled); got.Links == nil || got.Links.ReplacedBy != fourth {
				t.Errorf("it was not replaced: %+v", got.Links)
			}
		}
		b.want(first, task.Running)
		b.want(fourth, task.Pending)
		fifth := must(task.KeyConflictCancelRunning)
		b.want(first, task.Cancelled)
		b.want(fourth, task.Cancelled)
		b.want(fifth, task.Running)
		two := []task.Submit{{Type: "T", Queue: "Q", ConcurrencyKey: "b"}, {Type: "T", Queue: "Q", ConcurrencyKey: "b", OnKeyConflict: task.KeyConflictReject}}
		if _, err := b.s.Submit(t.Context(), "anonymous", two); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("two of a batch: %v", err)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestATaskOfLowPriorityIsOvertakenForABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{Concurrency: 1})
		defer b.stop()
		b.queueEvent("queue.paused", []byte("{}"))
		submit := func(kind string, priority int) { b.submit(task.Submit{Type: kind, Queue: "Q", Priority: priority}) }
		submit("LOW", -3)
		time.Sleep(14 * time.Minute)
		submit("EARLY", 0) // 3 points are 15 minutes
		time.Sleep(2 * time.Minute)
		submit("LATE", 0)
		submit("HIGH", 1)
		b.queueEvent("queue.resumed", []byte("{}"))
		synctest.Wait()
		if got := b.ran(); got != "HIGH#1 EARLY#1 LOW#1 LATE#1" {
			t.Error(got)
		}
	})
}

func TestQueuesShareTheSlotsByWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ran := map[string]int{} // guarded by mu
		b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: 2}, map[string]func(context.Context, Attempt) (Outcome, error){
			"T": func(_ context.Context, a Attempt) (Outcome, error) {
				mu.Lock()
				ran[a.Task.Queue]++
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				return Outcome{}, nil
			},
		})
		defer b.stop()
		b.limit(projection.QueueLimits{Weight: 300})
		for _, queue := range []string{"R", "Q"} { // of R all come first
			flood := make([]task.Submit, 500)
			for i := range flood {
				flood[i] = task.Submit{Type: "T", Queue: queue}
			}
			if _, err := b.s.Submit(t.Context(), "anonymous", flood); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if ran["Q"] < 145 || 155 < ran["Q"] || ran["Q"]+ran["R"] < 198 {
			t.Errorf("they ran %v times, with weights 300 and 100", ran)
		}
	})
}
