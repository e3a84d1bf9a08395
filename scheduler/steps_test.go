package scheduler

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// record records steps that are written as name=value.
func (b *bench) record(token string, steps ...string) ([]Step, error) {
	b.t.Helper()
	list := make([]task.NewStep, len(steps))
	for i, s := range steps {
		name, value, _ := strings.Cut(s, "=")
		list[i] = task.NewStep{Name: name, Value: []byte(value)}
	}
	return b.s.RecordSteps(b.t.Context(), "worker:w", token, list)
}

// steps are the steps of a task by name.
func (b *bench) steps(id ulid.ULID) map[string]string {
	b.t.Helper()
	steps, err := b.s.Steps(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	values := make(map[string]string)
	for _, s := range steps {
		if _, twice := values[s.Name]; twice {
			b.t.Errorf("the step %s is there twice", s.Name)
		}
		values[s.Name] = string(s.Value)
	}
	return values
}

func TestTheFirstValueOfAStepStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		first, err := b.record(l.Token, `charge={"n":1}`)
		if err != nil || first[0].Attempt != 1 || string(first[0].Value) != `{"n":1}` {
			t.Fatalf("the first: %+v, %v", first, err)
		}
		same, err := b.record(l.Token, `charge={"n":1.0}`)
		if err != nil || string(same[0].Value) != `{"n":1}` || same[0].At != first[0].At {
			t.Errorf("the same in another spelling: %+v, %v", same, err)
		}
		var other *OtherValueError
		if _, err := b.record(l.Token, `charge={"n":2}`); !errors.As(err, &other) || string(other.First[0].Value) != `{"n":1}` {
			t.Errorf("another value: %v", err)
		}
		if _, err := b.record(l.Token, "a=1", "charge=0", "b=2"); !errors.As(err, &other) || len(other.First) != 1 {
			t.Errorf("another value among new steps: %v", err)
		}
		if diff := cmp.Diff(map[string]string{"charge": `{"n":1}`, "a": "1", "b": "2"}, b.steps(id)); diff != "" {
			t.Error(diff)
		}
		if got := b.get(id).Steps; got.Count != 3 || got.Bytes != 9 {
			t.Errorf("counted: %+v", got)
		}
	})
}

// Both are on their way before either is decided.
func TestOfTwoValuesAtOnceOneIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		results := make(chan error, 8)
		for i := range cap(results) {
			go func() {
				_, err := b.record(l.Token, fmt.Sprint("s=", i))
				results <- err
			}()
		}
		kept := 0
		for range cap(results) {
			var other *OtherValueError
			switch err := <-results; {
			case err == nil:
				kept++
			case !errors.As(err, &other):
				t.Error(err)
			}
		}
		if kept != 1 || len(b.steps(id)) != 1 {
			t.Errorf("%d of 8 values were kept: %v", kept, b.steps(id))
		}
	})
}

func TestAStepExtendsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		for i := range 5 {
			time.Sleep(29 * time.Second)
			if _, err := b.record(l.Token, fmt.Sprint("s", i, "=1")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(31 * time.Second)
		if _, err := b.record(l.Token, "late=1"); !errors.Is(err, ErrNoLease) {
			t.Errorf("after the lease: %v", err)
		}
		b.want(id, task.Pending)
		if _, there := b.steps(id)["late"]; there {
			t.Error("a step of an attempt that does not hold the task is kept")
		}
	})
}

func TestStepsEndAtTheLimitsOfATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		value := `"` + strings.Repeat("x", task.MaxStepValue-2) + `"`
		for i := range task.MaxStepBytes / task.MaxStepValue {
			if _, err := b.record(l.Token, fmt.Sprint("s", i, "=", value)); err != nil {
				t.Fatal(i, err)
			}
		}
		if _, err := b.record(l.Token, "more=1"); !errors.Is(err, task.ErrStepsFull) || !strings.Contains(err.Error(), "256 of at most 10000 steps, and 67108864 of at most 67108864 bytes") {
			t.Errorf("a byte more than it may have: %v", err)
		}
		if _, err := b.s.ForgetStep(t.Context(), "token:ada", id, "s0", "wrong"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.record(l.Token, "more=1"); err != nil {
			t.Errorf("after one was forgotten: %v", err)
		}
		b.submit(remote())
		many := make([]string, task.MaxSteps)
		for i := range many {
			many[i] = fmt.Sprint("s", i, "=1")
		}
		l = b.lease("w")
		if _, err := b.record(l.Token, append(many, "more=1")...); !errors.Is(err, task.ErrStepsFull) {
			t.Errorf("the step 10,001: %v", err)
		}
		if got := b.get(l.Task.ID); got.Steps != nil {
			t.Errorf("some of what was refused is kept: %+v", got.Steps)
		}
		if _, err := b.record(l.Token, many...); err != nil {
			t.Error(err)
		}
	})
}

func TestAStepIsKeptWhileItsTaskIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		id := b.submit(remote()).ID
		l := b.lease("w")
		if _, err := b.s.Do(t.Context(), "token:ada", id, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.record(l.Token, "charge=1"); err != nil {
			t.Errorf("what was done before the cancel was seen: %v", err)
		}
		_, _ = b.report(l.Token, task.Release{})
		b.want(id, task.Cancelled)
		if _, err := b.record(l.Token, "after=1"); !errors.Is(err, ErrNoLease) {
			t.Errorf("after the end: %v", err)
		}
		if diff := cmp.Diff(map[string]string{"charge": "1"}, b.steps(id)); diff != "" {
			t.Error(diff)
		}
	})
}

// stepsOracle does at random what workers and people do with the steps of one task, and compares it with a map.
type stepsOracle struct {
	*testing.T
	rnd   *rand.Rand
	b     *bench
	id    ulid.ULID
	lease Leased
	steps map[string]string
}

// record records one to three steps, perhaps with the names of others.
func (o *stepsOracle) record() {
	sent := make(map[string]string)
	for range 1 + o.rnd.IntN(3) {
		sent[fmt.Sprint("s", o.rnd.IntN(8))] = fmt.Sprint(o.rnd.IntN(3))
	}
	var list []string
	differ := false
	for name, value := range sent {
		list = append(list, name+"="+value)
		first, there := o.steps[name]
		differ = differ || there && first != value
		if !there {
			o.steps[name] = value
		}
	}
	got, err := o.b.record(o.lease.Token, list...)
	var other *OtherValueError
	switch {
	case differ != errors.As(err, &other), err != nil && !differ:
		o.Fatalf("%v to %v: %v", list, o.steps, err)
	case differ:
		for _, s := range other.First {
			if string(s.Value) != o.steps[s.Name] || sent[s.Name] == o.steps[s.Name] {
				o.Fatalf("%v to %v: the first is said to be %s=%s", list, o.steps, s.Name, s.Value)
			}
		}
	default:
		for _, s := range got {
			if string(s.Value) != sent[s.Name] {
				o.Fatalf("%v: got %s=%s", list, s.Name, s.Value)
			}
		}
	}
}

func (o *stepsOracle) forget() {
	name := fmt.Sprint("s", o.rnd.IntN(8))
	_, there := o.steps[name]
	if _, err := o.b.s.ForgetStep(o.b.t.Context(), "token:ada", o.id, name, "r"); there != (err == nil) {
		o.Fatalf("forget %s of %v: %v", name, o.steps, err)
	}
	delete(o.steps, name)
}

// next ends the attempt and leases the task again.
func (o *stepsOracle) next() {
	stale := o.lease.Token
	switch o.rnd.IntN(3) {
	case 0:
		time.Sleep(31 * time.Second)
	case 1:
		_, _ = o.b.report(stale, task.Release{})
	case 2:
		_, _ = o.b.report(stale, task.Fail{Code: task.CodeError, Error: "e"})
		time.Sleep(time.Second)
	}
	synctest.Wait()
	if o.b.get(o.id).Status == task.Failed { // its worker died three times
		if _, err := o.b.s.Do(o.Context(), "token:ada", o.id, task.Retry{}); err != nil {
			o.Fatal(err)
		}
	}
	o.lease = o.b.lease("w")
	if _, err := o.b.record(stale, "stale=1"); !errors.Is(err, ErrNoLease) {
		o.Fatalf("a token that holds nothing: %v", err)
	}
}

func TestStepsAreThoseOfASimpleModel(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runStepsOracle(t, seed) })
		})
	}
}

func runStepsOracle(t *testing.T, seed uint64) {
	log := eventlogtest.NewMemory()
	o := &stepsOracle{T: t, rnd: rand.New(rand.NewPCG(seed, 1)), b: open(t, log, Options{}), steps: make(map[string]string)}
	defer func() { o.b.stop() }()
	o.id = o.b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1000, Backoff: &task.Backoff{Base: 1, Max: 1}}).ID
	o.lease = o.b.lease("w")
	for range 25 {
		switch o.rnd.IntN(10) {
		case 0, 1:
			o.next()
		case 2:
			o.forget()
		case 3: // another server takes the log over
			o.b.stop()
			o.b = open(t, log, Options{})
		default:
			o.record()
		}
		if diff := cmp.Diff(o.steps, o.b.steps(o.id)); diff != "" {
			t.Fatalf("-model +log: %s", diff)
		}
		if now := o.b.get(o.id); now.StepCount() != len(o.steps) {
			t.Fatalf("%d steps are counted, not %d", now.StepCount(), len(o.steps))
		}
	}
}
