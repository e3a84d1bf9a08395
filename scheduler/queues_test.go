package scheduler

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"
)

func TestNoMoreThanAThousandQueuesHaveTasksThatHaveNotEnded(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		later := task.MicrosOf(time.Now().Add(time.Hour))
		var submits []task.Submit
		for i := range projection.MaxQueues {
			submits = append(submits, task.Submit{Type: "T", Queue: fmt.Sprint("q", i), RunAt: later})
		}
		if _, err := b.s.Submit(t.Context(), "anonymous", submits); err != nil {
			t.Fatal(err)
		}
		refused := func(b *bench, batch ...string) {
			t.Helper()
			submits := []task.Submit{}
			for _, queue := range batch {
				submits = append(submits, task.Submit{Type: "T", Queue: queue, RunAt: later})
			}
			_, err := b.s.Submit(t.Context(), "anonymous", submits)
			var refusal *task.Refusal
			if !errors.As(err, &refusal) || len(refusal.Fields) != 1 || refusal.Fields[0].Pointer != "/queue" {
				t.Errorf("one more: %v", err)
			}
		}
		taken := func(b *bench, queue string) task.Task {
			t.Helper()
			tasks, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T", Queue: queue}})
			if err != nil {
				t.Fatalf("%s: %v", queue, err)
			}
			return tasks[0].Task
		}
		refused(b, "one-more")
		taken(b, "q7")
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		again := open(t, log, Options{})
		defer func() { _ = again.stop() }()
		refused(again, "one-more")
		page, err := again.s.o.Views.List(t.Context(), projection.Query{Queues: []string{"q9"}, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.s.Do(t.Context(), "anonymous", page.Tasks[0].ID, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		refused(again, "one-more", "and-another")
		taken(again, "one-more") // in the place of q9
		refused(again, "and-another")
	})
}

// A server with a queue for each customer goes on after any number of them.
func TestFiveThousandQueuesOneAfterAnother(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer func() { _ = b.stop() }()
		for i := range 5 {
			var submits []task.Submit
			for k := range 1000 {
				submits = append(submits, task.Submit{Type: "T", Queue: fmt.Sprint("customer", 1000*i+k)})
			}
			if _, err := b.s.Submit(t.Context(), "anonymous", submits); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // all have run
		}
		counts, _ := b.s.o.Views.Counts()
		sum := map[bool]int64{}
		for _, c := range counts {
			sum[c.Queue == ""] += c.N
		}
		if len(counts) != projection.MaxQueues+1 || sum[true] != 4000 || sum[false] != 1000 {
			t.Errorf("%d counts: %v", len(counts), sum)
		}
		page, err := b.s.o.Views.List(t.Context(), projection.Query{Queues: []string{"customer7"}, Limit: 1})
		if err != nil || page.Total != 1 {
			t.Errorf("a forgotten queue lists %d tasks: %v", page.Total, err)
		}
	})
}
