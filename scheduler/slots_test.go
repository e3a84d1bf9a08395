package scheduler

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// deliver submits deliveries to webhooks of their own, whose receivers do not answer before answers is closed or has a value for each.
func deliver(b *bench, n int, answers <-chan bool) (ids []ulid.ULID) {
	b.does[projection.DeliveryType] = func(context.Context, Attempt) (Outcome, error) { <-answers; return Outcome{}, nil }
	for i := range n {
		ids = append(ids, b.submit(task.Submit{Type: projection.DeliveryType, Queue: DeliveryQueue, ConcurrencyKey: fmt.Sprint("hook-", i)}).ID)
	}
	synctest.Wait()
	return ids
}

func running(b *bench, ids []ulid.ULID) (n int) {
	synctest.Wait()
	for _, id := range ids {
		if b.get(id).Status == task.Running {
			n++
		}
	}
	return n
}

func TestReceiversThatDoNotAnswerHoldNoSlotOfATask(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Concurrency: 1})
		if err := b.s.CreateWebhook(t.Context(), "anonymous", "hook-0", projection.WebhookRules{Events: []string{"task.failed"}}, WebhookTarget{URL: "https://example.com"}); err != nil {
			t.Fatal(err)
		}
		answers, open := make(chan bool), make(chan bool)
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-open; return Outcome{}, nil }
		ids := deliver(b, 6, answers)
		if n := running(b, ids); n != 4 {
			t.Errorf("%d deliveries run, not 4", n)
		}
		b.want(b.submit(task.Submit{Type: "T"}).ID, task.Success)
		gate := b.submit(task.Submit{Type: "GATE"}).ID
		b.want(gate, task.Running)
		if s := b.s.State(); s.Running != 1 || s.Slots != 1 {
			t.Errorf("%d of %d slots are used, not 1 of 1", s.Running, s.Slots)
		}
		answers <- true // while no slot of a task is free
		if n := running(b, ids); n != 4 {
			t.Errorf("after one was answered, %d deliveries run, not 4", n)
		}
		close(answers)
		close(open)
		b.want(gate, task.Success)
		for _, id := range ids {
			b.want(id, task.Success)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// More deliveries than have slots of their own, which a limit of their queue may allow, take those of tasks.
func TestDeliveriesBeyondTheirSlotsTakeThoseOfTasks(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Concurrency: 2})
		answers := make(chan bool)
		ids := deliver(b, 7, answers)
		if n := running(b, ids); n != 6 {
			t.Errorf("%d deliveries run, not 6", n)
		}
		waiting := b.submit(task.Submit{Type: "T"})
		for _, one := range []task.Task{waiting, b.get(ids[6])} {
			if w := b.s.WaitingFor(&one); w == nil || w.Reason != "capacity" || w.Running != 2 {
				t.Errorf("%s waits for %+v, not for capacity", one.Type, w)
			}
		}
		close(answers)
		synctest.Wait()
		b.want(waiting.ID, task.Success)
		b.want(ids[6], task.Success)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// In a cluster the node that leads makes four deliveries beside the leases. More of them are leases, and all are where that node runs no tasks.
func TestTheNodeThatLeadsDeliversBesideLeases(t *testing.T) {
	for concurrency, want := range map[int]int{1: 4, -1: 0} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			b := open(t, log, Options{Node: "a", Concurrency: concurrency})
			answers := make(chan bool)
			ids := deliver(b, 6, answers)
			if n := running(b, ids); n != want {
				t.Errorf("concurrency %d: %d deliveries run, not %d", concurrency, n, want)
			}
			leased, err := b.s.Lease(t.Context(), LeaseRequest{Worker: "b", Types: []string{projection.DeliveryType}, Max: 10, Length: time.Minute})
			if err != nil || len(leased) != 6-want {
				t.Errorf("concurrency %d: a worker got %d deliveries, %v", concurrency, len(leased), err)
			}
			for _, l := range leased {
				b.report(l.Token, task.Succeed{})
			}
			close(answers)
			for _, id := range ids {
				synctest.Wait()
				b.want(id, task.Success)
			}
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// That another node leads says nothing of the deliveries that the one before was making: they are made again at no cost.
func TestDeliveriesOfANodeThatLeadsNoMoreAreMadeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		first := open(t, log, Options{Node: "a"})
		answers := make(chan bool)
		id := deliver(first, 1, answers)[0]
		second := openDoing(t, log, Options{Node: "b"}, first.does) // the first one does not know yet
		if n := running(second, []ulid.ULID{id}); n != 1 {
			t.Fatal("the delivery does not run at the second node")
		}
		close(answers)
		synctest.Wait()
		second.want(id, task.Success)
		second.wantHistory(id, "submitted started released started succeeded")
		if err := <-first.done; !errors.Is(err, ErrLeadLost) {
			t.Errorf("the first node has stopped with %v", err)
		}
		if err := second.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
