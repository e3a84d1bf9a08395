package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

func (b *bench) suspend(token string, c task.Suspend) *Step {
	b.t.Helper()
	step, err := b.s.Suspend(b.t.Context(), "worker:w", token, c)
	if err != nil {
		b.t.Fatalf("suspend: %v", err)
	}
	return step
}

func (b *bench) sleep(token, step string, d time.Duration) *Step {
	return b.suspend(token, task.Suspend{Step: step, Kind: task.StepSleep, Until: b.s.Now() + task.SpanOf(d)})
}

func (b *bench) send(name, payload string) (again bool) {
	b.t.Helper()
	var body []byte
	if payload != "" {
		body = []byte(payload)
	}
	_, again, err := b.s.SendSignal(b.t.Context(), "token:ada", name, body, 7*24*time.Hour)
	if err != nil {
		b.t.Fatalf("send %s: %v", name, err)
	}
	synctest.Wait()
	return again
}

// step is a step of a task as kind outcome signal value; "" = it has none of the name.
func (b *bench) step(id ulid.ULID, name string) string {
	b.t.Helper()
	steps, err := b.s.Steps(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range steps {
		if s.Name == name {
			return fmt.Sprint(s.Kind, " ", s.Outcome, " ", s.Signal, " ", string(s.Value))
		}
	}
	return ""
}

func TestASleepingTaskHoldsNothingAndIsWokenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1}).ID
		l := b.lease("w")
		if b.sleep(l.Token, "nap", time.Hour) != nil {
			t.Fatal("it does not sleep")
		}
		got := b.want(id, task.Pending)
		if w := b.s.WaitingFor(&got); w == nil || w.Reason != "sleep" || w.Step != "nap" || w.Until != b.s.Now()+task.SpanOf(time.Hour) || len(w.Also) > 0 {
			t.Errorf("it waits for %+v", w)
		}
		if got.Attempt != 0 || got.Held() != (task.Holder{}) {
			t.Errorf("it holds something: %+v", got)
		}
		if _, err := b.report(l.Token, task.Succeed{}); !errors.Is(err, ErrNoLease) {
			t.Errorf("the lease that suspended it: %v", err)
		}
		time.Sleep(time.Hour - time.Microsecond)
		synctest.Wait()
		if n := len(b.poll("w", 1)); n != 0 || b.step(id, "nap") != "" {
			t.Error("it is woken before its time")
		}
		time.Sleep(time.Microsecond)
		synctest.Wait()
		if got := b.step(id, "nap"); got != "sleep done  null" {
			t.Errorf("at its time: %q", got)
		}
		if l = b.lease("w"); l.Task.Attempt != 1 || l.Task.StepCount() != 1 {
			t.Errorf("leased again: %+v", l.Task)
		}
		if step := b.sleep(l.Token, "nap", time.Hour); step == nil || step.Kind != task.StepSleep {
			t.Errorf("a sleep that is over: %+v", step)
		}
		if step := b.sleep(l.Token, "none", 0); step == nil || b.step(id, "none") != "sleep done  null" {
			t.Errorf("a sleep of no time: %+v", step)
		}
		if done, err := b.report(l.Token, task.Succeed{}); err != nil || done.Status != task.Success {
			t.Errorf("its only attempt is not left: %v", err)
		}
	})
}

func TestAWaitEndsWithItsSignals(t *testing.T) {
	for name, test := range map[string]struct {
		wait task.Suspend
		does func(b *bench)
		want string // before it, "" = it still waits
	}{
		"one":                    {task.Suspend{Signals: []string{"a"}}, func(b *bench) { b.send("a", `{"n":1}`) }, `signal fired a {"n":1}`},
		"one without a payload":  {task.Suspend{Signals: []string{"a"}}, func(b *bench) { b.send("a", "") }, `signal fired a null`},
		"another":                {task.Suspend{Signals: []string{"a"}}, func(b *bench) { b.send("b", "1") }, ""},
		"any":                    {task.Suspend{Signals: []string{"a", "b"}}, func(b *bench) { b.send("b", "2") }, `signal fired b 2`},
		"some of all":            {task.Suspend{Signals: []string{"a", "b"}, All: true}, func(b *bench) { b.send("b", "2") }, ""},
		"all":                    {task.Suspend{Signals: []string{"a", "b"}, All: true}, func(b *bench) { b.send("b", "2"); b.send("a", "1") }, `signal fired  {"a":1,"b":2}`},
		"the first of a name":    {task.Suspend{Signals: []string{"a", "b"}, All: true}, func(b *bench) { b.send("a", "1"); b.send("a", "2"); b.send("b", "3") }, `signal fired  {"a":1,"b":3}`},
		"its end":                {task.Suspend{Signals: []string{"a"}, Until: task.SpanOf(time.Hour)}, func(*bench) { time.Sleep(time.Hour) }, `signal timeout  null`},
		"not its end":            {task.Suspend{Signals: []string{"a"}, Until: task.SpanOf(time.Hour)}, func(*bench) { time.Sleep(time.Hour - 1) }, ""},
		"the end of an approval": {task.Suspend{Kind: task.StepApproval, Role: "operator", Until: task.SpanOf(time.Hour)}, func(*bench) { time.Sleep(time.Hour) }, `approval timeout  null`},
		"no approval":            {task.Suspend{Kind: task.StepApproval, Role: "operator"}, func(*bench) { time.Sleep(1000 * time.Hour) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, eventlogtest.NewMemory(), Options{})
				defer b.stop()
				id := b.submit(remote()).ID
				c := test.wait
				if c.Step = "s"; c.Kind == task.StepResult {
					c.Kind = task.StepSignal
				}
				if c.Until != 0 {
					c.Until += b.s.Now()
				}
				b.suspend(b.lease("w").Token, c)
				test.does(b)
				synctest.Wait()
				if got := b.step(id, "s"); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if leased := len(b.poll("w", 1)) == 1; leased != (test.want != "") {
					t.Errorf("leased again: %v", leased)
				}
			})
		})
	}
}

func TestASignalThatComesBeforeItsWaitIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.submit(remote())
		if b.send("early", "1") || !b.send("early", "2") {
			t.Error("the first is not the first, or the second is")
		}
		l := b.lease("w")
		step := b.suspend(l.Token, task.Suspend{Step: "s", Kind: task.StepSignal, Signals: []string{"early"}})
		if step == nil || string(step.Value) != "1" || step.Attempt != 1 {
			t.Errorf("it has come: %+v", step)
		}
		if _, err := b.report(l.Token, task.Succeed{}); err != nil {
			t.Errorf("the lease goes on: %v", err)
		}
		time.Sleep(7 * 24 * time.Hour)
		b.submit(remote())
		if step := b.suspend(b.lease("w").Token, task.Suspend{Step: "s", Kind: task.StepSignal, Signals: []string{"early"}}); step != nil {
			t.Errorf("after its time: %+v", step)
		}
		if b.send("early", "3") {
			t.Error("the first is kept after its time")
		}
	})
}

// All are on their way before any is decided.
func TestOfSeveralSignalsAtOnceOneIsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		payloads := make(chan string, 8)
		first := make(chan string, 8)
		for i := range cap(payloads) {
			go func() {
				sent, again, err := b.s.SendSignal(t.Context(), "token:ada", "a", fmt.Append(nil, i), time.Hour)
				if err != nil {
					t.Error(err)
				}
				if !again {
					first <- string(sent.Payload)
				}
				payloads <- string(sent.Payload)
			}()
		}
		said := make(map[string]bool)
		for range cap(payloads) {
			said[<-payloads] = true
		}
		if len(first) != 1 || len(said) != 1 || !said[<-first] {
			t.Errorf("%d are the first, and the payloads are said to be %v", len(first), said)
		}
	})
}

func TestASuspendedTaskIsCancelledAndNotSuspendedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		b.suspend(b.lease("w").Token, task.Suspend{Step: "s", Kind: task.StepSignal, Signals: []string{"a"}})
		if got, err := b.s.Do(t.Context(), "token:ada", id, task.Cancel{}); err != nil || got.Status != task.Cancelled {
			t.Fatalf("cancel: %v", err)
		}
		b.send("a", "1")
		if b.step(id, "s") != "" {
			t.Error("a cancelled task is woken")
		}
		if got, err := b.s.Do(t.Context(), "token:ada", id, task.Retry{}); err != nil || got.Waits() != nil {
			t.Fatalf("retry: %v", err)
		}
		l := b.lease("w")
		if _, err := b.s.Do(t.Context(), "token:ada", id, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.s.Suspend(t.Context(), "worker:w", l.Token, task.Suspend{Step: "t", Kind: task.StepSleep, Until: 1 << 60}); !errors.Is(err, task.ErrStopping) {
			t.Errorf("suspended while it is cancelled: %v", err)
		}
		b.want(id, task.Cancelled)
	})
}

func TestAnApprovalIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		b.suspend(b.lease("w").Token, task.Suspend{Step: "ask", Kind: task.StepApproval, Role: "operator", Detail: []byte(`{"title":"Refund?"}`)})
		answer := func(step, value string) error {
			_, err := b.s.AnswerApproval(t.Context(), "token:ada", id, step, []byte(value))
			return err
		}
		if err := answer("other", "1"); !errors.Is(err, task.ErrNotWaiting) {
			t.Errorf("another step: %v", err)
		}
		if err := answer("ask", `{"approved":true}`); err != nil {
			t.Fatal(err)
		}
		if err := answer("ask", `{"approved":false}`); !errors.Is(err, task.ErrNotWaiting) {
			t.Errorf("twice: %v", err)
		}
		if got := b.step(id, "ask"); got != `approval fired  {"approved":true}` {
			t.Error(got)
		}
		b.sleep(b.lease("w").Token, "nap", time.Hour)
		if err := answer("nap", "1"); !errors.Is(err, task.ErrNotWaiting) {
			t.Errorf("of a sleep: %v", err)
		}
	})
}

// More than one round wakes at once.
func TestOneSignalWakesAllThatWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		const n = 2*mostWakes + 1
		submits := make([]task.Submit, n)
		for i := range submits {
			submits[i] = remote()
		}
		if _, err := b.s.Submit(t.Context(), "token:ada", submits); err != nil {
			t.Fatal(err)
		}
		for _, l := range b.poll("w", n) {
			b.suspend(l.Token, task.Suspend{Step: "s", Kind: task.StepSignal, Signals: []string{"go"}})
		}
		b.send("go", "1")
		if got := len(b.poll("w", n)); got != n {
			t.Errorf("%d of %d are woken", got, n)
		}
	})
}

func TestALocalAttemptSuspendsItsTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlogtest.NewMemory()
		runs := 0
		does := map[string]func(context.Context, Attempt) (Outcome, error){"WAIT": func(ctx context.Context, a Attempt) (Outcome, error) {
			runs++
			steps, err := a.Steps(ctx)
			if err != nil || len(steps) != runs-1 {
				t.Errorf("run %d has %v, %v", runs, steps, err)
			}
			if runs == 1 {
				return Outcome{}, suspension{task.Suspend{Step: "s", Kind: task.StepSignal, Signals: []string{"go"}}}
			}
			_, err = a.RecordStep(ctx, task.NewStep{Name: "t", Value: []byte("1")})
			return Outcome{}, err
		}}
		b := openDoing(t, log, Options{Concurrency: 1}, does)
		id := b.submit(task.Submit{Type: "WAIT", MaxAttempts: 1}).ID
		b.want(id, task.Pending)
		b.stop()
		b = openDoing(t, log, Options{Concurrency: 1}, does)
		defer b.stop()
		b.send("go", "7")
		b.want(id, task.Success)
		b.wantHistory(id, "submitted started suspended step_recorded started step_recorded succeeded")
	})
}

// suspension is an error that suspends a task.
type suspension struct{ c task.Suspend }

func (suspension) Error() string              { return "suspended" }
func (s suspension) Suspension() task.Suspend { return s.c }

// waitOracle does at random what workers, people and other systems do with suspended tasks, and knows of each what it waits for.
type waitOracle struct {
	*testing.T
	rnd   *rand.Rand
	log   *eventlogtest.Memory
	b     *bench
	held  map[ulid.ULID]string         // tokens of the tasks that are leased
	waits map[ulid.ULID]task.Suspend   // of those that are suspended
	stops map[ulid.ULID]task.Suspend   // of those that were cancelled while they were
	sent  map[string]string            // the first payload of each signal
	steps map[ulid.ULID]map[string]int // how often each step was recorded
	done  map[ulid.ULID]bool
}

// over reports whether a wait is over now.
func (o *waitOracle) over(c task.Suspend) bool {
	n := 0
	for _, name := range c.Signals {
		if o.sent[name] != "" {
			n++
		}
	}
	return c.Until != 0 && c.Until <= o.b.s.Now() || n > 0 && (!c.All || n == len(c.Signals))
}

func (o *waitOracle) anyWait(id ulid.ULID) task.Suspend {
	c := task.Suspend{Step: fmt.Sprint("s", len(o.steps[id])), Kind: task.StepSleep + task.StepKind(o.rnd.IntN(3))}
	if c.Kind == task.StepSleep || o.rnd.IntN(3) == 0 {
		c.Until = o.b.s.Now() + task.Micros(o.rnd.IntN(40)-5)*task.Second
	}
	if c.Kind == task.StepSignal {
		c.All = o.rnd.IntN(2) == 0
		for range 1 + o.rnd.IntN(2) {
			c.Signals = append(c.Signals, fmt.Sprint("e", len(o.sent)+len(c.Signals)-o.rnd.IntN(2)*min(len(o.sent), 1)))
		}
		if len(c.Signals) == 2 && c.Signals[0] == c.Signals[1] {
			c.Signals = c.Signals[:1]
		}
	}
	return c
}

// firstOf returns the lowest of the ids; false if there is none.
func firstOf[V any](ids map[ulid.ULID]V) (id ulid.ULID, some bool) {
	for one := range ids {
		if !some || one.Compare(id) < 0 {
			id, some = one, true
		}
	}
	return id, some
}

func (o *waitOracle) act() {
	id, some := firstOf(o.held)
	switch kind := o.rnd.IntN(14); {
	case kind < 5 && some:
		c := o.anyWait(id)
		step := o.b.suspend(o.held[id], c)
		if over := o.over(c); over != (step != nil) {
			o.Fatalf("%+v is over: %v, and answered %+v", c, over, step)
		}
		if step != nil {
			o.steps[id][c.Step]++
			return
		}
		delete(o.held, id)
		o.waits[id] = c
	case kind == 5 && some:
		if _, err := o.b.report(o.held[id], task.Succeed{}); err != nil {
			o.Fatal(err)
		}
		delete(o.held, id)
		o.done[id] = true
	case kind == 6:
		o.b.stop()
		o.b = open(o.T, o.log, Options{})
	case kind == 7:
		time.Sleep(time.Duration(o.rnd.IntN(12)) * time.Second)
	case kind == 8:
		for one, c := range o.waits {
			if c.Kind == task.StepApproval && !o.over(c) {
				if _, err := o.b.s.AnswerApproval(o.Context(), "token:ada", one, c.Step, []byte("1")); err != nil {
					o.Fatal(err)
				}
				delete(o.waits, one)
				o.steps[one][c.Step]++
				return
			}
		}
	case kind == 9:
		if one, some := firstOf(o.waits); some {
			o.b.do(one, task.Cancel{})
			o.stops[one] = o.waits[one]
			delete(o.waits, one)
		}
	case kind == 10:
		if one, some := firstOf(o.stops); some {
			o.b.undoCancel(one)
			o.waits[one] = o.stops[one]
			delete(o.stops, one)
		}
	default:
		name := fmt.Sprint("e", o.rnd.IntN(len(o.sent)+1))
		again := o.b.send(name, fmt.Sprint(len(o.sent)))
		if again != (o.sent[name] != "") {
			o.Fatalf("%s was sent before: %v", name, again)
		}
		if !again {
			o.sent[name] = fmt.Sprint(len(o.sent))
		}
	}
}

// check leases all that is ready, and compares who waits with who should.
func (o *waitOracle) check() {
	synctest.Wait()
	for id, c := range o.waits {
		if o.over(c) {
			delete(o.waits, id)
			o.steps[id][c.Step]++
		}
	}
	for token := range o.held { // beats
		o.b.s.Beat("w", []string{o.held[token]}, 0)
	}
	for _, l := range o.b.poll("w", 100) {
		if o.steps[l.Task.ID] == nil {
			o.steps[l.Task.ID] = make(map[string]int)
		}
		if _, waits := o.waits[l.Task.ID]; waits || o.held[l.Task.ID] != "" || o.done[l.Task.ID] {
			o.Fatalf("%s is leased, and should not be: %+v", l.Task.Name(), o.waits[l.Task.ID])
		}
		o.held[l.Task.ID] = l.Token
	}
	for id, want := range o.steps {
		got := make(map[string]int)
		steps, err := o.b.s.Steps(o.Context(), id)
		if err != nil {
			o.Fatal(err)
		}
		for _, s := range steps {
			got[s.Name]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			o.Fatalf("steps of %s (-model +log): %s", id, diff)
		}
		now := o.b.get(id)
		if _, waits := o.waits[id]; waits != (now.Waits() != nil) || waits && now.Held() != (task.Holder{}) {
			o.Fatalf("%s waits: %v, and is %s, %+v", id, waits, now.Status, now.Waits())
		}
		if now.Status == task.Pending && now.Waits() == nil {
			o.Fatalf("%s is ready, and nobody gets it", id)
		}
	}
}

func TestSuspendedTasksAreThoseOfASimpleModel(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := eventlogtest.NewMemory()
				o := &waitOracle{T: t, rnd: rand.New(rand.NewPCG(seed, 2)), log: log, b: open(t, log, Options{}), held: map[ulid.ULID]string{},
					waits: map[ulid.ULID]task.Suspend{}, stops: map[ulid.ULID]task.Suspend{}, sent: map[string]string{}, steps: map[ulid.ULID]map[string]int{}, done: map[ulid.ULID]bool{}}
				defer func() { o.b.stop() }()
				for range 4 {
					o.b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1})
				}
				o.check()
				for range 40 {
					o.act()
					o.check()
				}
			})
		})
	}
}
