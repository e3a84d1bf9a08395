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

// pickyLog refuses, as invalid, each entry with an event that refuses says so of.
type pickyLog struct {
	*eventlogtest.Memory
	refuses func(e *eventlog.Event) bool
}

func (p *pickyLog) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	picked := append([]eventlog.Entry(nil), entries...)
	for i := range picked {
		for _, e := range entries[i].Events {
			if p.refuses(e) {
				picked[i] = eventlog.Entry{} // of which the log within says that it is not valid
			}
		}
	}
	return p.Memory.Append(ctx, picked)
}

// refusing refuses events of the type whose payload or data holds the text.
func refusing(kind, text string) func(*eventlog.Event) bool {
	return func(e *eventlog.Event) bool {
		return e.Type == kind && (strings.Contains(string(e.Payload), text) || strings.Contains(string(e.Data), text))
	}
}

// picky runs the test with a scheduler whose log is held and refuses what the function says.
func picky(t *testing.T, o Options, refuses func(*eventlog.Event) bool, test func(t *testing.T, b *bench, log *heldLog)) {
	t.Helper()
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := newHeld(&pickyLog{memory, refuses})
		b := open(t, log, o)
		test(t, b, log)
		log.release()
		if err := b.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
		b.wantSound()
	})
}

func TestASubmitThatTheLogRefusesIsOneErrorAndTheRestOfItsRoundGoesOn(t *testing.T) {
	picky(t, Options{}, refusing("task.submitted", "bad"), func(t *testing.T, b *bench, log *heldLog) {
		log.holding.Store(true)
		first := b.ask(task.Submit{Type: "FIRST"}) // it is being appended while the others are decided
		keyed := task.Submit{Type: "T", Tags: []string{"bad"}, IdempotencyKey: "k", RequestHash: [32]byte{1}}
		bad := b.ask(keyed)
		good := b.ask(task.Submit{Type: "T"})
		replay := b.ask(keyed) // rests on the one that is refused
		log.release()
		synctest.Wait()
		if first.err != nil || good.err != nil {
			t.Errorf("the others got %v and %v", first.err, good.err)
		}
		b.want(good.got[0].Task.ID, task.Success)
		for _, a := range []*asked{bad, replay} {
			if !a.answered() || !errors.Is(a.err, eventlog.ErrInvalid) {
				t.Errorf("a submit that the log refuses got %v", a.err)
			}
		}
		b.want(b.submit(task.Submit{Type: "T"}).ID, task.Success)
	})
}

func TestAnEndThatTheLogRefusesBecomesAPermanentFailure(t *testing.T) {
	for _, kind := range []string{"task.succeeded", "task.attempt_failed"} {
		picky(t, Options{}, refusing(kind, "poison"), func(t *testing.T, b *bench, log *heldLog) {
			gate := make(chan struct{})
			b.does["POISON"] = func(context.Context, Attempt) (Outcome, error) {
				<-gate
				return Outcome{Result: []byte(`"poison"`)}, map[string]error{"task.attempt_failed": errors.New("poison")}[kind]
			}
			b.does["T"] = func(context.Context, Attempt) (Outcome, error) { <-gate; return Outcome{}, nil }
			before := b.submit(task.Submit{Type: "T"}).ID
			bad := b.submit(task.Submit{Type: "POISON"}).ID
			after := b.submit(task.Submit{Type: "T"}).ID
			log.holding.Store(true)
			b.ask(task.Submit{Type: "X"})
			close(gate) // all three end in one round
			synctest.Wait()
			log.release()
			b.want(before, task.Success)
			b.want(after, task.Success)
			if got := b.want(bad, task.Failed); got.Code != task.CodePermanent {
				t.Errorf("code is %s", got.Code)
			}
			if got := b.errorText(bad); got != `{"error":"`+errorRefused+`"}` {
				t.Errorf("payload is %s", got)
			}
		})
	}
}

func TestProgressThatTheLogRefusesIsLeftOut(t *testing.T) {
	picky(t, Options{}, refusing("task.progressed", "poison"), func(t *testing.T, b *bench, _ *heldLog) {
		b.does["T"] = func(_ context.Context, a Attempt) (Outcome, error) {
			a.Report(10, "poison")
			time.Sleep(time.Second)
			a.Report(20, "poison")
			return Outcome{Result: []byte("1")}, nil
		}
		id := b.submit(task.Submit{Type: "T"}).ID
		time.Sleep(2 * time.Second)
		got := b.get(id)
		if !got.Status.Ended() {
			t.Errorf("it is %s: %s", got.Status, b.history(id))
		}
		b.want(b.submit(task.Submit{Type: "X"}).ID, task.Success)
	})
}

func TestAStartThatTheLogRefusesHoldsUpNobody(t *testing.T) {
	var bad atomic.Value
	picky(t, Options{}, func(e *eventlog.Event) bool { return e.Type == "task.started" && e.Stream == bad.Load() }, func(t *testing.T, b *bench, _ *heldLog) {
		due := task.MicrosOf(time.Now().Add(time.Minute))
		one := b.submit(task.Submit{Type: "T", RunAt: due})
		refused := b.submit(task.Submit{Type: "T", RunAt: due})
		other := b.submit(task.Submit{Type: "T", RunAt: due})
		bad.Store(refused.Stream())
		time.Sleep(time.Minute)
		b.want(one.ID, task.Success)
		b.want(other.ID, task.Success)
		b.want(refused.ID, task.Pending)
		if n := b.s.State().Running; n != 0 {
			t.Errorf("%d slots are taken", n)
		}
		if _, err := b.s.Do(t.Context(), "anonymous", refused.ID, task.Cancel{}); err != nil {
			t.Errorf("cancel: %v", err)
		}
	})
}

func TestACommandThatTheLogRefusesIsOneError(t *testing.T) {
	picky(t, Options{}, refusing("task.cancelled", "poison"), func(t *testing.T, b *bench, _ *heldLog) {
		id := b.submit(task.Submit{Type: "T", RunAt: task.MicrosOf(time.Now().Add(time.Hour))}).ID
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{Reason: "poison"}); !errors.Is(err, eventlog.ErrInvalid) {
			t.Errorf("cancel: %v", err)
		}
		b.want(id, task.Pending)
		if _, err := b.s.Do(t.Context(), "anonymous", id, task.Cancel{Reason: "no"}); err != nil {
			t.Errorf("another: %v", err)
		}
	})
}

func TestWhatTheServerSaysOfItselfMayBeRefused(t *testing.T) {
	for _, kind := range []string{"server.started", "server.stopped"} {
		picky(t, Options{}, func(e *eventlog.Event) bool { return e.Type == kind }, func(t *testing.T, b *bench, _ *heldLog) {
			b.want(b.submit(task.Submit{Type: "T"}).ID, task.Success)
		})
	}
}

func TestAnAttemptOfADeadProcessWhoseEndIsRefusedHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		b.does["T"] = until
		dead, other := b.submit(task.Submit{Type: "T"}), b.submit(task.Submit{Type: "T"})
		b.want(other.ID, task.Running)
		again := open(t, &pickyLog{b.crash(), func(e *eventlog.Event) bool {
			return e.Type == "task.lease_expired" && e.Stream == dead.Stream()
		}}, Options{})
		again.want(other.ID, task.Success)
		again.want(dead.ID, task.Running)
		if err := again.stop(); err != nil {
			t.Error(err)
		}
	})
}
