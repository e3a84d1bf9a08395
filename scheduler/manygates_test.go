package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"
)

func TestGatesAreAlwaysAsTheViewsSay(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { gatesOnce(t, rand.New(rand.NewPCG(seed, 2))) })
		})
	}
}

// gatesOnce changes limits of many queues at random while their tasks run, and compares each gate with a new one
// whenever the scheduler is idle.
func gatesOnce(t *testing.T, random *rand.Rand) {
	refused := make(map[string]bool) // starts that the log has refused once
	log := &pickyLog{eventlogtest.NewMemory(), func(e *eventlog.Event) bool {
		refuse := e.Type == "task.started" && !refused[e.Stream] && e.Seq%3 == 0
		refused[e.Stream] = refused[e.Stream] || refuse
		return refuse
	}}
	b := openDoing(t, log, Options{Concurrency: 8}, map[string]func(context.Context, Attempt) (Outcome, error){
		"T": func(_ context.Context, a Attempt) (Outcome, error) {
			time.Sleep(time.Duration(a.Task.Priority+1) * time.Millisecond)
			return Outcome{}, nil
		},
	})
	defer b.stop()
	const queues = 12
	name := func() string { return fmt.Sprint("q", random.IntN(queues)) }
	change := func(queue, kind string, limits projection.QueueLimits) {
		one := Other{Stream: "queue:" + queue, Type: kind, V: 1, Data: []byte("{}")}
		if kind == "queue.limits_set" {
			one.Data = projection.EncodeQueueLimits(limits)
		}
		if err := b.s.Record(t.Context(), "anonymous", func() ([]Other, error) { return []Other{one}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	limits := func() (l projection.QueueLimits) {
		switch random.IntN(4) {
		case 0:
			l.Concurrency = 1 + random.IntN(2)
		case 1:
			l.Rate, l.Burst = float64(2+random.IntN(20)), random.IntN(3)
		case 2:
			l.Concurrency, l.Rate = 1, float64(1+random.IntN(9))
		}
		return l
	}
	var all []task.Task
	for range 150 {
		switch random.IntN(8) {
		case 0:
			change(name(), "queue.limits_set", limits())
		case 1:
			change(name(), "queue.paused", projection.QueueLimits{})
		case 2:
			change(name(), "queue.resumed", projection.QueueLimits{})
		default:
			for range 1 + random.IntN(6) {
				all = append(all, b.submit(task.Submit{Type: "T", Queue: name(), Priority: random.IntN(100)}))
			}
		}
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		synctest.Wait()
		b.wantGates()
	}
	for i := range queues {
		change(fmt.Sprint("q", i), "queue.resumed", projection.QueueLimits{})
	}
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	b.wantGates()
	for _, one := range all {
		if state := b.get(one.ID); state.Status != task.Success {
			t.Errorf("a task of queue %s is %v in the end", state.Queue, state.Status)
		}
	}
}

// wantGates compares the gates of a scheduler that is idle with what the views say.
func (b *bench) wantGates() {
	b.t.Helper()
	views := b.s.o.Views
	for name, at := range b.s.loop.gates.byQueue {
		state := views.QueueState(name)
		_, running := views.QueueDepth(name)
		if open := !state.Holds(running, b.s.o.Wall()); at.open != open || at.running != running {
			b.t.Fatalf("the gate of %s is open: %v, with %d running tasks; the views say %v and %d", name, at.open, at.running, open, running)
		}
	}
}
