package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// ofFan are children of the type REMOTEKID in the step fan.
func ofFan(names string) *NewChildren {
	c := &NewChildren{Step: "fan", Names: strings.Fields(names), Request: [32]byte{1}}
	for range c.Names {
		c.Submits = append(c.Submits, task.Submit{Type: "REMOTEKID", MaxAttempts: 1})
	}
	return c
}

// parent submits a task and leases it.
func (b *bench) parent() (ulid.ULID, string) {
	b.t.Helper()
	id := b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1}).ID
	return id, b.lease("w").Token
}

// fan makes children, and returns their ids by name.
func (b *bench) fan(token string, c *NewChildren) map[string]ulid.ULID {
	b.t.Helper()
	made, err := b.s.MakeChildren(b.t.Context(), "worker:w", token, c)
	if err != nil {
		b.t.Fatalf("make children: %v", err)
	}
	ids := make(map[string]ulid.ULID)
	for i := range made {
		ids[c.Names[i]] = made[i].Task.ID
	}
	return ids
}

// waitFor suspends a task until its children have ended.
func (b *bench) waitFor(token, of string) {
	b.suspend(token, task.Suspend{Step: "join", Kind: task.StepChildren, Of: of})
}

// leaseOf leases tasks of a type until it gets the one with that id; it gives the others back.
func (b *bench) leaseOf(taskType string, id ulid.ULID) string {
	b.t.Helper()
	leases, err := b.s.Lease(b.t.Context(), LeaseRequest{Worker: "k", Types: []string{taskType}, Max: 1000, Length: time.Hour})
	if err != nil {
		b.t.Fatal(err)
	}
	token := ""
	for _, l := range leases {
		if l.Task.ID == id {
			token = l.Token
			continue
		}
		if _, err := b.report(l.Token, task.Release{}); err != nil {
			b.t.Fatal(err)
		}
	}
	if token == "" {
		b.t.Fatalf("%s is not ready: %s", id, b.history(id))
	}
	return token
}

// end ends the child of a name by a report.
func (b *bench) end(id ulid.ULID, c task.Command) {
	b.t.Helper()
	if _, err := b.report(b.leaseOf("REMOTEKID", id), c); err != nil {
		b.t.Fatal(err)
	}
	synctest.Wait()
}

func (b *bench) do(id ulid.ULID, c task.Command) {
	b.t.Helper()
	if _, err := b.s.Do(b.t.Context(), "token:ada", id, c); err != nil {
		b.t.Fatal(err)
	}
	synctest.Wait()
}

var broken = task.Fail{Code: task.CodePermanent, Error: "broken"}

func result(text string) task.Command { return task.Succeed{Result: []byte(text)} }

// family runs a test with a parent whose lease has made the children a, b and c.
func family(t *testing.T, c *NewChildren, test func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID)) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer func() { b.stop() }()
		id, token := b.parent()
		test(b, id, token, b.fan(token, c))
	})
}

func TestATaskEndsWhenItsChildrenHave(t *testing.T) {
	for name, test := range map[string]struct {
		own  task.Command // of the parent
		ends []task.Command
		want string // history of the parent from its children on
		as   task.Status
	}{
		"all succeed":     {result(`{"n":1}`), []task.Command{result("1"), result("2")}, "ending succeeded", task.Success},
		"a child fails":   {result(`{"n":1}`), []task.Command{result("1"), broken}, "ending failed", task.Failed},
		"it fails itself": {broken, []task.Command{}, "ending failed", task.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			family(t, ofFan("a b"), func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
				got, err := b.report(token, test.own)
				if err != nil || got.Status != task.Pending {
					t.Fatalf("%v, %s", err, got.Status)
				}
				if w := b.s.WaitingFor(&got); len(test.ends) > 0 && (w == nil || w.Reason != "children" || w.Open != 2) {
					t.Errorf("it waits for %+v", w)
				}
				if len(test.ends) > 0 {
					if again, err := b.report(token, test.own); err != nil || again.Status != task.Pending {
						t.Errorf("the same result again: %v", err)
					}
				}
				for i, c := range test.ends {
					b.want(parent, task.Pending)
					b.end(kids[string("ab"[i])], c)
				}
				b.want(parent, test.as)
				b.wantHistory(parent, "submitted started step_recorded "+test.want)
				now := b.get(parent)
				switch {
				case test.as == task.Success && now.ResultSeq == 0 || test.as == task.Failed && (now.ResultSeq != 0 || now.ErrorSeq == 0):
					t.Errorf("result %d, error %d", now.ResultSeq, now.ErrorSeq)
				case len(test.ends) == 2 && test.as == task.Failed && !strings.Contains(b.errorText(parent), "child b ("+kids["b"].String()+") is FAILED"):
					t.Errorf("its error is %s", b.errorText(parent))
				case len(test.ends) == 0:
					b.want(kids["a"], task.Cancelled)
					if !strings.Contains(b.errorText(parent), "broken") {
						t.Errorf("its error is %s", b.errorText(parent))
					}
				}
			})
		})
	}
}

func TestAJoinGivesWhatBecameOfTheChildren(t *testing.T) {
	for name, test := range map[string]struct {
		children func(*NewChildren)
		ends     string // s succeeds, f fails, c is cancelled, _ goes on
		want     string // the step; "" = it has none
		as       task.Status
		states   string // of the children then
	}{
		"all succeed":                 {nil, "sss", "children fired", task.Pending, "SUCCESS SUCCESS SUCCESS"},
		"one goes on":                 {nil, "ss_", "", task.Pending, "SUCCESS SUCCESS PENDING"},
		"one fails":                   {nil, "sfs", "", task.Failed, "SUCCESS FAILED SUCCESS"},
		"one fails, one goes on":      {nil, "sf_", "", task.Pending, "SUCCESS FAILED PENDING"},
		"one is cancelled":            {nil, "scs", "", task.Failed, "SUCCESS CANCELLED SUCCESS"},
		"collect":                     {func(c *NewChildren) { c.OnFailure = task.ChildIsGathered }, "sfc", "children fired", task.Pending, "SUCCESS FAILED CANCELLED"},
		"collect, all cancelled":      {func(c *NewChildren) { c.OnFailure = task.ChildIsGathered }, "ccc", "children cancelled", task.Pending, "CANCELLED CANCELLED CANCELLED"},
		"cancel the rest":             {func(c *NewChildren) { c.OnFailure = task.ChildEndsRest }, "sf_", "", task.Failed, "SUCCESS FAILED CANCELLED"},
		"any":                         {func(c *NewChildren) { c.Any = true }, "fs_", "children fired", task.Pending, "FAILED SUCCESS CANCELLED"},
		"any, none yet":               {func(c *NewChildren) { c.Any = true }, "ff_", "", task.Pending, "FAILED FAILED PENDING"},
		"any, all fail":               {func(c *NewChildren) { c.Any = true }, "fff", "", task.Failed, "FAILED FAILED FAILED"},
		"detached are not waited for": {func(c *NewChildren) { c.Submits[2].Kin = &task.Kin{Detached: true} }, "ss_", "children fired", task.Pending, "SUCCESS SUCCESS PENDING"},
	} {
		t.Run(name, func(t *testing.T) {
			c := ofFan("a b c")
			if test.children != nil {
				test.children(c)
			}
			family(t, c, func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
				b.waitFor(token, "")
				for i, how := range test.ends {
					switch kid := kids[string("abc"[i])]; how {
					case 's':
						b.end(kid, result(fmt.Sprint(i)))
					case 'f':
						b.end(kid, broken)
					case 'c':
						b.do(kid, task.Cancel{})
					}
				}
				b.want(parent, test.as)
				if got := b.step(parent, "join"); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
					t.Errorf("the step is %q", got)
				}
				var states []string
				for _, name := range c.Names {
					states = append(states, b.get(kids[name]).Status.String())
				}
				if got := strings.Join(states, " "); got != test.states {
					t.Errorf("the children are %s", got)
				}
			})
		})
	}
}

func TestTheValueOfAJoinHasResultsAndErrors(t *testing.T) {
	c := ofFan("a b c")
	c.OnFailure = task.ChildIsGathered
	family(t, c, func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
		b.waitFor(token, "fan")
		b.end(kids["a"], result(`{"n":1}`))
		b.end(kids["b"], broken)
		b.end(kids["c"], result(`"`+strings.Repeat("x", maxJoinResult)+`"`))
		want := fmt.Sprintf(`children fired  {"a":{"id":"%s","status":"SUCCESS","result_data":{"n":1}},"b":{"id":"%s","status":"FAILED","error_message":"broken"},"c":{"id":"%s","status":"SUCCESS","result_truncated":true}}`,
			kids["a"], kids["b"], kids["c"])
		if got := b.step(parent, "join"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if l := b.leaseOf("REMOTE", parent); l == "" || b.get(parent).Attempt != 1 {
			t.Errorf("it does not go on: %s", b.history(parent))
		}
	})
}

func TestAStepMakesItsChildrenOnce(t *testing.T) {
	family(t, ofFan("a b"), func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
		if again := b.fan(token, ofFan("a b")); again["a"] != kids["a"] || again["b"] != kids["b"] || b.get(parent).Kin.Children != 2 {
			t.Errorf("the same again gives %v", again)
		}
		other := ofFan("a b c")
		other.Request = [32]byte{2}
		var first *OtherValueError
		if _, err := b.s.MakeChildren(b.t.Context(), "worker:w", token, other); !errors.As(err, &first) || !strings.Contains(string(first.First[0].Value), `"count":2`) {
			t.Errorf("another request: %v", err)
		}
		if _, err := b.s.ForgetStep(b.t.Context(), "token:ada", parent, "fan", "again"); err != nil {
			t.Fatal(err)
		}
		if more := b.fan(token, other); more["a"] != kids["a"] || more["c"] == (ulid.ULID{}) || b.get(parent).Kin.Children != 3 {
			t.Errorf("after forget: %v", more)
		}
		if k := b.get(kids["a"]).Kin; k.Parent != parent || k.Depth != 1 || k.Name != "a" || k.Step != "fan" {
			t.Errorf("a child is %+v", *k)
		}
		b.do(parent, task.Cancel{})
		late := ofFan("d")
		late.Step = "late"
		if _, err := b.s.MakeChildren(b.t.Context(), "worker:w", token, late); !errors.Is(err, task.ErrStopping) {
			t.Errorf("children after cancel: %v", err)
		}
	})
}

func TestLimitsOfChildrenAreRefusedWithWhatIsUsed(t *testing.T) {
	family(t, ofFan("a"), func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
		many := &NewChildren{Step: "many"}
		for i := range task.MaxStepChildren + 1 {
			many.Names, many.Submits = append(many.Names, fmt.Sprint(i)), append(many.Submits, task.Submit{Type: "REMOTEKID"})
		}
		if _, err := b.s.MakeChildren(b.t.Context(), "worker:w", token, many); !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), "10001 members") {
			t.Errorf("10,001 children: %v", err)
		}
		bad := ofFan("x y")
		bad.Step, bad.Submits[1].Priority = "bad", 101
		var of *BatchError
		if _, err := b.s.MakeChildren(b.t.Context(), "worker:w", token, bad); !errors.As(err, &of) || of.Index != 1 || b.get(parent).Kin.Children != 1 {
			t.Errorf("one that is wrong: %v", err)
		}
		at, lease := kids["a"], ""
		for depth := 1; depth <= task.MaxGenerations; depth++ {
			lease = b.leaseOf("REMOTEKID", at)
			made, err := b.s.MakeChildren(b.t.Context(), "worker:w", lease, ofFan("a"))
			if depth == task.MaxGenerations {
				if !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), "generation 33") {
					t.Errorf("generation 33: %v", err)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			at = made[0].Task.ID
			b.waitFor(lease, "")
		}
		// A cancel goes down all generations, and the end comes up again.
		b.do(parent, task.Cancel{})
		if synctest.Wait(); !b.get(at).CancelRequested {
			t.Errorf("the last generation is not told: %s", b.history(at))
		}
		if _, err := b.report(lease, task.Succeed{}); !errors.Is(err, task.ErrStopping) {
			t.Error(err)
		}
		b.want(kids["a"], task.Cancelled)
		b.want(parent, task.Running)
		if _, err := b.report(token, task.Succeed{}); !errors.Is(err, task.ErrStopping) {
			t.Error(err)
		}
		b.want(parent, task.Cancelled)
	})
}

func TestACancelGoesDownAndARetryGoesWhereItFailed(t *testing.T) {
	family(t, ofFan("a b c"), func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
		b.waitFor(token, "")
		b.end(kids["a"], result("1"))
		running := b.leaseOf("REMOTEKID", kids["b"])
		b.do(parent, task.Cancel{Reason: "enough"})
		b.want(parent, task.Pending)
		b.wantHistory(kids["c"], "submitted started released started released cancelled")
		if _, err := b.report(running, result("2")); !errors.Is(err, task.ErrStopping) {
			t.Errorf("a child that is being cancelled completes: %v", err)
		}
		synctest.Wait()
		b.want(parent, task.Cancelled)
		b.wantHistory(parent, "submitted started step_recorded suspended ending cancelled")
		if _, err := b.s.Do(b.t.Context(), "token:ada", kids["b"], task.Retry{}); !errors.Is(err, task.ErrParentEnded) || !strings.Contains(err.Error(), parent.String()) {
			t.Errorf("a retry of a child of an ended parent: %v", err)
		}
		b.do(parent, task.Retry{Reason: "not enough"})
		b.want(kids["a"], task.Success)
		b.want(kids["b"], task.Pending)
		b.want(kids["c"], task.Pending)
		token = b.leaseOf("REMOTE", parent)
		if again := b.fan(token, ofFan("a b c")); again["b"] != kids["b"] {
			t.Error("other children")
		}
		b.waitFor(token, "")
		b.end(kids["b"], result("2"))
		b.end(kids["c"], broken)
		b.want(parent, task.Failed)
		b.do(parent, task.Retry{})
		b.want(kids["b"], task.Success)
		token = b.leaseOf("REMOTE", parent)
		b.waitFor(token, "")
		b.end(kids["c"], result("3"))
		if got := b.step(parent, "join"); !strings.Contains(got, `"c":{"id":"`+kids["c"].String()+`","status":"SUCCESS"`) {
			t.Errorf("the step is %q", got)
		}
	})
}

func TestFamiliesAreTheSameAfterARestart(t *testing.T) {
	for name, test := range map[string]struct {
		before func(b *bench, token string, kids map[string]ulid.ULID)
		after  func(b *bench, kids map[string]ulid.ULID)
		as     task.Status
	}{
		"a join": {func(b *bench, token string, kids map[string]ulid.ULID) {
			b.waitFor(token, "")
			b.end(kids["a"], result("1"))
		},
			func(b *bench, kids map[string]ulid.ULID) { b.end(kids["b"], broken) }, task.Failed},
		"an end": {func(b *bench, token string, kids map[string]ulid.ULID) {
			b.end(kids["a"], broken)
			_, _ = b.report(token, task.Succeed{})
		},
			func(b *bench, kids map[string]ulid.ULID) { b.end(kids["b"], result("1")) }, task.Failed},
		"a cancel": {func(b *bench, token string, kids map[string]ulid.ULID) {
			b.waitFor(token, "")
			b.do(b.get(kids["a"]).Kin.Parent, task.Cancel{})
		},
			func(*bench, map[string]ulid.ULID) {}, task.Cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := eventlogtest.NewMemory()
				b := open(t, log, Options{})
				id, token := b.parent()
				kids := b.fan(token, ofFan("a b"))
				test.before(b, token, kids)
				b.stop()
				b = open(t, log, Options{})
				defer b.stop()
				test.after(b, kids)
				synctest.Wait()
				b.want(id, test.as)
			})
		})
	}
}

func TestALocalHandlerMakesChildrenAndWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		defer b.stop()
		b.mu.Lock()
		b.does["P"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			c := &NewChildren{Step: "fan", Names: []string{"a", "b"}, Submits: []task.Submit{{Type: "KID"}, {Type: "KID"}}}
			if _, err := a.Children(ctx, c); err != nil {
				return Outcome{}, err
			}
			steps, err := a.Steps(ctx)
			if err != nil || len(steps) < 2 {
				return Outcome{}, suspension{task.Suspend{Step: "join", Kind: task.StepChildren, Of: "fan"}}
			}
			return Outcome{Result: steps[1].Value}, nil
		}
		b.mu.Unlock()
		id := b.submit(task.Submit{Type: "P"}).ID
		b.want(id, task.Success)
		if b.ran() != "P#1 KID#1 KID#1 P#1" {
			t.Errorf("it ran %s", b.ran())
		}
	})
}

func TestTheValueOfAJoinSaysWhichChildrenWereErased(t *testing.T) {
	c := ofFan("a b c")
	c.OnFailure = task.ChildIsGathered
	family(t, c, func(b *bench, parent ulid.ULID, token string, kids map[string]ulid.ULID) {
		b.waitFor(token, "fan")
		b.end(kids["a"], result(`{"n":1}`))
		b.end(kids["b"], broken)
		for _, name := range []string{"a", "b"} {
			if _, err := b.s.EraseTask(b.t.Context(), "token:root", kids[name], "asked for"); err != nil {
				t.Fatal(err)
			}
		}
		b.end(kids["c"], result(`{"n":3}`))
		want := fmt.Sprintf(`children fired  {"a":{"id":"%s","status":"SUCCESS","result_data":null,"erased":true},"b":{"id":"%s","status":"FAILED","error_message":null,"erased":true},"c":{"id":"%s","status":"SUCCESS","result_data":{"n":3}}}`,
			kids["a"], kids["b"], kids["c"])
		if got := b.step(parent, "join"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
