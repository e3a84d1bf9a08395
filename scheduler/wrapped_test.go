package scheduler

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

// countingLog is what a program puts around a log: it knows the interface and nothing more.
type countingLog struct {
	eventlog.Log
	appends, reads atomic.Int64
}

func (c *countingLog) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	c.appends.Add(1)
	return c.Log.Append(ctx, entries)
}

func (c *countingLog) Payloads(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error {
	c.reads.Add(1)
	return c.Log.Payloads(ctx, seqs, fn)
}

func TestALogWithinAnotherLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		full := &fullLog{Log: memory}
		damaged := &damagedLog{Log: full}
		log := &countingLog{Log: damaged}
		b := open(t, log, Options{})
		large := []byte(`"` + strings.Repeat("x", 1<<17) + `"`) // more than the cache takes
		for range 7 {
			b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Minute)), Parameters: large})
		}
		appends := log.appends.Load()
		time.Sleep(time.Minute)
		synctest.Wait()
		if log.appends.Load() == appends || log.reads.Load() != 1 {
			t.Errorf("%d appends and %d reads of payloads went through the outer log", log.appends.Load()-appends, log.reads.Load())
		}

		full.full.Store(true)
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T"}}); !errors.Is(err, eventlog.ErrFull) || !b.s.State().Full {
			t.Errorf("a full log: %v, %+v", err, b.s.State())
		}
		time.Sleep(3 * fullProbe)
		if synctest.Wait(); !b.s.State().Full {
			t.Error("the scheduler believes that there is room, though the log says that there is none")
		}
		full.full.Store(false)
		time.Sleep(2 * fullProbe)
		if synctest.Wait(); b.s.State().Full {
			t.Error("the log has room again and the scheduler does not know")
		}

		damaged.condemn()
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T"}}); !errors.Is(err, ErrReadOnly) || !b.s.State().Damaged {
			t.Errorf("a damaged log: %v, %+v", err, b.s.State())
		}
		b.cancel()
		<-b.done
	})
}
