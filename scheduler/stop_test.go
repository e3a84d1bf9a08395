package scheduler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

func TestTheGraceOfAStopCanBeEnded(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := openDoing(t, log, Options{Grace: time.Hour}, does{"T": until, "DEAF": func(context.Context, Attempt) (Outcome, error) {
			time.Sleep(time.Minute)
			return Outcome{}, nil
		}})
		polite, deaf := b.submit(task.Submit{Type: "T"}).ID, b.submit(task.Submit{Type: "DEAF"}).ID
		b.want(deaf, task.Running)
		b.cancel()
		time.Sleep(10 * time.Second)
		b.want(polite, task.Running)
		b.s.EndGrace()
		b.s.EndGrace()
		start := time.Now()
		if err := <-b.done; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		for _, history := range []string{b.history(polite), b.history(deaf)} {
			if history != "submitted started released" {
				t.Errorf("history: %s", history)
			}
		}
		time.Sleep(time.Minute) // the deaf one returns
	})
}

func TestAGraceOfNothingIsNone(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := openDoing(t, log, Options{Grace: -1}, does{"T": until})
		id := b.submit(task.Submit{Type: "T"}).ID
		b.want(id, task.Running)
		start := time.Now()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		b.wantHistory(id, "submitted started released")
	})
}

func TestATaskWithoutATimeoutGetsTheDefaultAndItsKeyIsTheSame(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := openDoing(t, log, Options{DefaultTimeout: 30 * time.Minute}, does{"T": until})
		keyed := task.Submit{Type: "T", MaxAttempts: 1, IdempotencyKey: "k", RequestHash: [32]byte{1}}
		first := b.submit(keyed)
		own := b.submit(task.Submit{Type: "T", MaxAttempts: 1, Timeout: 3600 * task.Second})
		none := b.submit(task.Submit{Type: "T", MaxAttempts: 1, Timeout: task.NoTimeout})
		if first.Timeout != 1800*task.Second || own.Timeout != 3600*task.Second || none.Timeout != 0 {
			t.Errorf("timeouts are %v, %v and %v", first.Timeout.Duration(), own.Timeout.Duration(), none.Timeout.Duration())
		}
		time.Sleep(30*time.Minute - time.Nanosecond)
		b.want(first.ID, task.Running)
		time.Sleep(time.Nanosecond)
		if got := b.want(first.ID, task.Failed); got.Code != task.CodeTimeout {
			t.Errorf("code is %s", got.Code)
		}
		b.want(own.ID, task.Running)
		b.want(none.ID, task.Running)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		again := open(t, log, Options{DefaultTimeout: time.Minute}) // another default, the same request
		defer again.stop()
		synctest.Wait()
		if got := again.submit(keyed); got.ID != first.ID {
			t.Error("the same request with the same key made another task")
		}
	})
}
