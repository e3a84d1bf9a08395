package scheduler

import (
	"errors"
	"fmt"
	"testing"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

func TestNoMoreQueuesThanAThousandCanBeMade(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		var submits []task.Submit
		for i := range MaxQueues {
			submits = append(submits, task.Submit{Type: "T", Queue: fmt.Sprint("q", i)})
		}
		if _, err := b.s.Submit(t.Context(), "anonymous", submits); err != nil {
			t.Fatal(err)
		}
		refused := func(b *bench) {
			t.Helper()
			_, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T", Queue: "one-more"}})
			var refusal *task.Refusal
			if !errors.As(err, &refusal) || len(refusal.Fields) != 1 || refusal.Fields[0].Pointer != "/queue" {
				t.Errorf("one more: %v", err)
			}
			if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T", Queue: "q7"}}); err != nil {
				t.Errorf("one of those: %v", err)
			}
		}
		refused(b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		again := open(t, log, Options{})
		defer again.stop()
		refused(again)
	})
}
