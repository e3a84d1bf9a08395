package scheduler

import (
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

func TestATaskWhoseTypeNobodyRunsWaitsAndHoldsNobodyUp(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Concurrency: 1})
		due := task.MicrosOf(time.Now().Add(time.Minute))
		var old []task.Task
		for range 3 {
			old = append(old, b.submit(task.Submit{Type: "OLD", Priority: 10, RunAt: due}))
		}
		b.mu.Lock()
		b.gone = map[string]bool{"OLD": true}
		b.mu.Unlock()
		other := b.submit(task.Submit{Type: "OTHER", RunAt: due + task.Second})
		time.Sleep(2 * time.Minute)
		b.want(other.ID, task.Success)
		for _, o := range old {
			got := b.want(o.ID, task.Pending)
			if w := b.s.WaitingFor(&got); w == nil || w.Reason != "worker" {
				t.Errorf("it waits for %+v", w)
			}
		}
		b.mu.Lock()
		b.gone = nil
		b.mu.Unlock()
		b.submit(task.Submit{Type: "OTHER"}) // the scheduler looks again
		synctest.Wait()
		for _, o := range old {
			b.want(o.ID, task.Success)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
}
