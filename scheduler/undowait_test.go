package scheduler

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// undoCancel takes back the latest cancel of a task.
func (b *bench) undoCancel(id ulid.ULID) {
	b.t.Helper()
	all := eventsOf(b.t, b.log, eventlog.Filter{Streams: []string{task.StreamOf(id)}, Types: []string{task.EventCancelled.String(), task.EventEnding.String()}})
	if _, err := b.s.UndoTask(b.t.Context(), "token:ada", id, all[len(all)-1], "oops"); err != nil {
		b.t.Errorf("undo: %v", err)
	}
	synctest.Wait()
}

// A wait is stopped by a cancel half way and goes on after the undo as if nothing had been, also if the process is another one by then.
func TestTheUndoOfACancelLetsASuspendedTaskWaitOn(t *testing.T) {
	const long = time.Hour
	paid := task.Suspend{Step: "wait", Kind: task.StepSignal, Signals: []string{"paid", "refused"}}
	timed := func(b *bench, c task.Suspend) task.Suspend {
		c.Until = b.s.Now() + task.SpanOf(long)
		return c
	}
	answer := func(b *bench, id ulid.ULID) error {
		_, err := b.s.AnswerApproval(b.t.Context(), "token:ada", id, "wait", []byte(`{"approved":true}`))
		return err
	}
	for name, c := range map[string]struct {
		waits     func(b *bench) task.Suspend
		cancelled func(b *bench, id ulid.ULID) // what happens while it is cancelled
		then      func(b *bench, id ulid.ULID) // after the undo
		at        time.Duration                // since the wait began, when it is over; 0 = at once
		step      string
	}{
		"a sleep ends when it was to": {
			waits: func(b *bench) task.Suspend { return timed(b, task.Suspend{Step: "wait", Kind: task.StepSleep}) },
			at:    long, step: "sleep done  null"},
		"a sleep that is over by then": {
			waits:     func(b *bench) task.Suspend { return timed(b, task.Suspend{Step: "wait", Kind: task.StepSleep}) },
			cancelled: func(b *bench, _ ulid.ULID) { time.Sleep(long) },
			step:      "sleep done  null"},
		"an event has as long as it had": {
			waits: func(b *bench) task.Suspend { return timed(b, paid) },
			at:    long, step: "signal timeout  null"},
		"an event that came meanwhile": {
			waits:     func(b *bench) task.Suspend { return timed(b, paid) },
			cancelled: func(b *bench, _ ulid.ULID) { b.send("refused", "7") },
			step:      "signal fired refused 7"},
		"an event that came meanwhile, and the undo after the end": {
			waits:     func(b *bench) task.Suspend { return timed(b, paid) },
			cancelled: func(b *bench, _ ulid.ULID) { b.send("refused", "7"); time.Sleep(long) },
			step:      "signal fired refused 7"},
		"an event that came too late": {
			waits:     func(b *bench) task.Suspend { return timed(b, paid) },
			cancelled: func(b *bench, _ ulid.ULID) { time.Sleep(long); b.send("paid", "7") },
			step:      "signal timeout  null"},
		"the first of two events was too late": {
			waits:     func(b *bench) task.Suspend { return timed(b, paid) },
			cancelled: func(b *bench, _ ulid.ULID) { b.send("refused", "7"); time.Sleep(long); b.send("paid", "8") },
			step:      "signal fired refused 7"},
		"an event that comes afterwards": {
			waits: func(b *bench) task.Suspend { return timed(b, paid) },
			then:  func(b *bench, _ ulid.ULID) { b.send("paid", "7") },
			step:  "signal fired paid 7"},
		"a question is asked on": {
			waits: func(*bench) task.Suspend {
				return task.Suspend{Step: "wait", Kind: task.StepApproval, Role: "operator", Detail: []byte(`{"title":"?"}`)}
			},
			cancelled: func(b *bench, id ulid.ULID) {
				if err := answer(b, id); !errors.Is(err, task.ErrNotWaiting) || b.s.o.Views.ApprovalCount() != 0 {
					b.t.Errorf("an answer to a cancelled task: %v", err)
				}
			},
			then: func(b *bench, id ulid.ULID) {
				if list, _ := b.s.o.Views.Approvals(0, 9); len(list) != 1 || list[0].ID != id {
					b.t.Errorf("asked are %v", list)
				}
				if err := answer(b, id); err != nil {
					b.t.Error(err)
				}
			},
			step: `approval fired  {"approved":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := eventlogtest.NewMemory()
				b := open(t, log, Options{})
				id := b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1}).ID
				began := time.Now()
				b.suspend(b.lease("w").Token, c.waits(b))
				time.Sleep(long / 4)
				before := b.want(id, task.Pending)
				b.do(id, task.Cancel{Reason: "wrong"})
				b.want(id, task.Cancelled)
				time.Sleep(long / 4)
				if c.cancelled != nil {
					c.cancelled(b, id)
				}
				_ = b.stop()
				b = open(t, log, Options{})
				defer func() { _ = b.stop() }()
				b.undoCancel(id)
				if c.at > 0 || c.then != nil {
					now := b.get(id)
					if w := now.Waits(); w == nil || w.Until != before.Waits().Until {
						t.Errorf("it waits for %+v", w)
					}
					if got := b.poll("w", 1); len(got) > 0 {
						t.Error("it is leased before its wait is over")
					}
				}
				if c.then != nil {
					c.then(b, id)
				}
				if c.at > 0 {
					time.Sleep(time.Until(began.Add(c.at)) - time.Microsecond)
					synctest.Wait()
					if got := b.step(id, "wait"); got != "" {
						t.Errorf("too soon: %s", got)
					}
					time.Sleep(time.Microsecond)
				}
				synctest.Wait()
				if got := b.step(id, "wait"); got != c.step {
					t.Errorf("its wait ended as %q, want %q", got, c.step)
				}
				if got := b.lease("w").Task.Attempt; got != 1 {
					t.Errorf("attempt %d", got)
				}
			})
		})
	}
}

// A retry is no undo: the task waits anew.
func TestARetryOfACancelledWaitBeginsItAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(task.Submit{Type: "REMOTE"}).ID
		b.sleep(b.lease("w").Token, "nap", time.Hour)
		b.do(id, task.Cancel{})
		b.do(id, task.Retry{})
		if b.sleep(b.lease("w").Token, "nap", time.Hour) != nil {
			t.Error("its wait is over")
		}
		b.do(id, task.Cancel{})
		b.do(id, task.Retry{})
		b.do(id, task.Cancel{})
		b.undoCancel(id) // it did not wait then
		if l := b.lease("w"); l.Task.ID != id {
			t.Errorf("%s is leased", l.Task.ID)
		}
	})
}

// Children that were cancelled with their parent wait on with it.
func TestTheUndoOfACancelLetsAFamilyWaitOn(t *testing.T) {
	family(t, ofFan("a b"), func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
		b.sleep(b.leaseOf("REMOTEKID", kids["a"]), "nap", time.Hour)
		b.waitFor(token, "")
		time.Sleep(time.Hour / 2)
		b.do(parent, task.Cancel{Reason: "wrong"})
		synctest.Wait()
		b.want(parent, task.Cancelled)
		b.want(kids["a"], task.Cancelled)
		b.undoCancel(parent)
		whole, part := b.get(parent), b.get(kids["a"])
		if whole.Waits() == nil || part.Waits() == nil {
			b.t.Errorf("they do not wait:\n%s\n%s", b.history(parent), b.history(kids["a"]))
		}
		b.end(kids["b"], result("2"))
		time.Sleep(time.Hour / 2)
		synctest.Wait()
		b.end(kids["a"], result("1"))
		synctest.Wait()
		if whole = b.get(parent); whole.Waits() != nil || whole.Status != task.Pending {
			b.t.Errorf("the parent does not go on:\n%s", b.history(parent))
		}
	})
}
