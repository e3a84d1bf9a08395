package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/sqlitelog"
	"daybook/task"
)

// damagedLog is a log that takes nothing once it is condemned.
type damagedLog struct {
	eventlog.Log
	damage atomic.Pointer[error]
}

func (d *damagedLog) condemn() {
	err := fmt.Errorf("%w: event 3 does not follow from the one before", eventlog.ErrDamaged)
	d.damage.Store(&err)
}

func (d *damagedLog) Damage() error {
	if err := d.damage.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *damagedLog) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	if err := d.Damage(); err != nil {
		results := make([]eventlog.Result, len(entries))
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	return d.Log.Append(ctx, entries)
}

func TestADamagedLogIsReadAndNotWritten(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := &damagedLog{Log: memory}
		var said bytes.Buffer
		b := open(t, log, Options{Concurrency: 2, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		id := b.submit(task.Submit{Type: "GATE"}).ID
		waits := b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Minute))})
		b.want(id, task.Running)

		log.condemn()
		head := log.Head().Seq
		_, submit := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}})
		_, cancel := b.s.Do(t.Context(), "a", id, task.Cancel{})
		if !errors.Is(submit, ErrReadOnly) || !errors.Is(cancel, eventlog.ErrDamaged) {
			t.Errorf("submit: %v, cancel: %v", submit, cancel)
		}
		close(gate)
		time.Sleep(10 * time.Minute)
		b.want(id, task.Running)
		if state := b.s.State(); !state.Damaged || state.Full || state.Failed || state.Running != 1 {
			t.Errorf("state is %+v, want damaged and the slot of the outcome taken", state)
		}
		waits = b.want(waits.ID, task.Pending)
		if w := b.s.WaitingFor(&waits); w == nil || w.Reason != "log_damaged" {
			t.Errorf("it waits for %+v", w)
		}
		if err := b.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
		if got := log.Head().Seq; got != head {
			t.Errorf("the head moved from %d to %d", head, got)
		}
		if !strings.Contains(said.String(), "outcomes could not be written") {
			t.Errorf("the log does not tell what is lost: %s", &said)
		}
	})
}

func TestARoundThatMeetsTheDamageIsRefusedAndItsOutcomesAreHeld(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		damaged := &damagedLog{Log: memory}
		log := newHeld(damaged)
		b := open(t, log, Options{Concurrency: 2})
		gate := make(chan struct{})
		b.does["GATE"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
		id := b.submit(task.Submit{Type: "GATE"}).ID
		log.holding.Store(true)
		close(gate)
		synctest.Wait()
		submit := b.ask(task.Submit{Type: "T"})
		damaged.condemn()
		log.release()
		if !errors.Is(submit.err, ErrReadOnly) {
			t.Errorf("submit: %v", submit.err)
		}
		b.want(id, task.Running)
		if n := b.s.State().Running; n != 1 {
			t.Errorf("%d slots are taken, want that of the outcome", n)
		}
		if err := b.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func TestALogOnDiskThatIsCondemnedIsReadAndNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		b := open(t, log, Options{})
		b.does["T"] = until
		id := b.submit(task.Submit{Type: "T"}).ID
		b.want(id, task.Running)
		log.Condemn(fmt.Errorf("%w: event 1 does not follow", eventlog.ErrDamaged))
		if _, err := b.s.Submit(t.Context(), "a", []task.Submit{{Type: "T"}}); !errors.Is(err, ErrReadOnly) || errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("submit: %v", err)
		}
		b.want(id, task.Running)
		if err := b.stop(); err != nil || !b.s.State().Damaged {
			t.Errorf("run: %v, %+v", err, b.s.State())
		}
	})
}
