package scheduler

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// kin is a task of the model: it shares nothing with the views.
type kin struct {
	id       ulid.ULID
	parent   *kin // that waits for it
	step     string
	policy   task.OnChildFailure
	any      bool
	depth    int
	kids     []*kin // that it waits for
	steps    []string
	token    string // of the lease that holds it; "" = none
	told     bool   // it runs, and is being cancelled
	waits    bool
	of       string
	ending   task.Status
	status   task.Status // None: it has not ended
	leases   int
	suspends int
}

func (k *kin) ended() bool { return k.status != task.None }

// gone: it does not go on.
func (k *kin) gone() bool {
	return k.told || k.ending == task.Failed || k.ending == task.Cancelled
}

func (k *kin) open() (n int) {
	for _, c := range k.kids {
		if !c.ended() {
			n++
		}
	}
	return n
}

// brood is what became of the children of a step.
func (k *kin) brood(step string) (open, done, lost int, policy task.OnChildFailure, any bool) {
	for _, c := range k.kids {
		if c.step != step {
			continue
		}
		switch policy, any = c.policy, c.any; {
		case !c.ended():
			open++
		case c.status == task.Success:
			done++
		default:
			lost++
		}
	}
	return open, done, lost, policy, any
}

// judged is whether the children of the steps need not be waited for, and whether they make it fail.
func (k *kin) judged(of string) (settled, failed bool) {
	settled = true
	for _, step := range k.steps {
		if of != "" && step != of {
			continue
		}
		open, done, lost, policy, any := k.brood(step)
		settled = settled && (open == 0 || any && done > 0)
		failed = failed || policy != task.ChildIsGathered && lost > 0 && (!any || done == 0)
	}
	return settled, settled && failed
}

// end ends the own work of a task.
func (k *kin) end(as task.Status) {
	k.token, k.told, k.waits = "", false, false
	if k.open() > 0 {
		k.ending = as
		return
	}
	k.ending, k.status = task.None, as
}

func (k *kin) cancel() {
	switch {
	case k.token != "":
		k.told = true
	case k.ending == task.Failed || k.ending == task.Cancelled:
	default:
		k.end(task.Cancelled)
	}
}

// follow does what follows for one task, and returns whether something did.
func (k *kin) follow() (moved bool) {
	if k.ended() {
		return false
	}
	for _, c := range k.kids {
		_, done, lost, policy, any := k.brood(c.step)
		if !c.ended() && !c.gone() && (k.gone() || any && done > 0 || !any && policy == task.ChildEndsRest && lost > 0) {
			c.cancel()
			moved = true
		}
	}
	settled, failed := k.judged(k.of)
	switch {
	case moved:
	case k.ending != task.None && k.open() == 0:
		as := k.ending
		if _, failed := k.judged(""); failed && as == task.Success {
			as = task.Failed
		}
		k.end(as)
		return true
	case k.waits && settled && failed:
		k.end(task.Failed)
		return true
	case k.waits && settled:
		k.waits = false
		return true
	}
	return moved
}

// retry makes an ended task live again, with those of its children that it needs.
func (k *kin) retry() {
	if k.parent != nil && k.status == task.None {
		return
	}
	k.status = task.None
	for _, c := range k.kids {
		_, done, _, policy, any := k.brood(c.step)
		lost := c.status == task.Failed || c.status == task.Cancelled
		if lost && !(any && done > 0) && !(policy == task.ChildIsGathered && c.status == task.Failed) {
			c.retry()
		}
	}
}

// familyModel does at random what workers and people do with families.
type familyModel struct {
	*testing.T
	rnd *rand.Rand
	log *eventlogtest.Memory
	b   *bench
	all []*kin
}

func (m *familyModel) held() (list []*kin) {
	for _, k := range m.all {
		if k.token != "" {
			list = append(list, k)
		}
	}
	return list
}

func (m *familyModel) act() {
	held := m.held()
	one := m.all[m.rnd.IntN(len(m.all))]
	kind := m.rnd.IntN(14)
	if kind < 8 && len(held) == 0 {
		kind = 8 + m.rnd.IntN(6)
	}
	switch {
	case kind < 3:
		m.bear(held[m.rnd.IntN(len(held))])
	case kind < 5:
		m.suspend(held[m.rnd.IntN(len(held))])
	case kind < 8:
		m.report(held[m.rnd.IntN(len(held))], m.rnd.IntN(3) > 0)
	case kind == 8:
		m.b.stop()
		m.b = open(m.T, m.log, Options{})
	case kind == 9 && len(m.all) < 30:
		m.all = append(m.all, &kin{id: m.b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1}).ID})
	case kind < 12:
		_, err := m.b.s.Do(m.Context(), "token:ada", one.id, task.Retry{})
		refused := one.status != task.Failed && one.status != task.Cancelled || one.parent != nil && (one.parent.ended() || one.parent.gone())
		if refused != (err != nil) {
			m.Fatalf("retry of %s: %v", one.id, err)
		}
		if !refused {
			one.retry()
		}
	default:
		_, err := m.b.s.Do(m.Context(), "token:ada", one.id, task.Cancel{})
		if one.ended() != (err != nil) {
			m.Fatalf("cancel of %s: %v", one.id, err)
		}
		if !one.ended() {
			one.cancel()
		}
	}
}

// bear makes children.
func (m *familyModel) bear(k *kin) {
	if k.depth > 3 || len(m.all) > 40 {
		return
	}
	c := &NewChildren{Step: fmt.Sprint("fan", len(k.steps)), OnFailure: task.OnChildFailure(m.rnd.IntN(3)), Any: m.rnd.IntN(4) == 0}
	detached := m.rnd.IntN(6) == 0
	for i := range 1 + m.rnd.IntN(3) {
		s := task.Submit{Type: "REMOTE", MaxAttempts: 1}
		if detached {
			s.Kin = &task.Kin{Detached: true}
		}
		c.Names, c.Submits = append(c.Names, fmt.Sprint(i)), append(c.Submits, s)
	}
	made, err := m.b.s.MakeChildren(m.Context(), "worker:w", k.token, c)
	if k.told != errors.Is(err, task.ErrStopping) || !k.told && err != nil {
		m.Fatalf("children of %s: %v", k.id, err)
	}
	if err != nil {
		return
	}
	k.steps = append(k.steps, c.Step)
	for i := range made {
		child := &kin{id: made[i].Task.ID, step: c.Step, policy: c.OnFailure, any: c.Any, depth: k.depth + 1}
		m.all = append(m.all, child)
		if !detached {
			child.parent = k
			k.kids = append(k.kids, child)
		}
	}
}

func (m *familyModel) suspend(k *kin) {
	c := task.Suspend{Step: fmt.Sprint("join", k.suspends), Kind: task.StepChildren}
	if len(k.steps) > 0 && m.rnd.IntN(2) == 0 {
		c.Of = k.steps[m.rnd.IntN(len(k.steps))]
	}
	_, err := m.b.s.Suspend(m.Context(), "worker:w", k.token, c)
	if k.told != (err != nil) {
		m.Fatalf("suspend of %s: %v", k.id, err)
	}
	if k.told {
		k.end(task.Cancelled)
		return
	}
	k.suspends++
	k.token, k.waits, k.of = "", true, c.Of
}

func (m *familyModel) report(k *kin, good bool) {
	var c task.Command = broken
	as := task.Failed
	if good {
		c, as = task.Succeed{Result: []byte("1")}, task.Success
	}
	_, err := m.b.report(k.token, c)
	if k.told != (err != nil) {
		m.Fatalf("report of %s: %v", k.id, err)
	}
	if k.told {
		as = task.Cancelled
	}
	k.end(as)
}

// check compares the tasks with the model, and leases all that is ready.
func (m *familyModel) check() {
	synctest.Wait()
	for moved := true; moved; {
		moved = false
		for _, k := range m.all {
			moved = k.follow() || moved
		}
	}
	leases, err := m.b.s.Lease(m.Context(), LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 1000, Length: time.Hour})
	if err != nil {
		m.Fatal(err)
	}
	tokens := make(map[ulid.ULID]string)
	for _, l := range leases {
		tokens[l.Task.ID] = l.Token
	}
	for _, k := range m.all {
		ready := !k.ended() && k.token == "" && !k.waits && k.ending == task.None
		if ready != (tokens[k.id] != "") {
			m.Fatalf("%s is leased: %v, and is to be: %v; %+v\n%s", k.id, tokens[k.id] != "", ready, *k, m.b.history(k.id))
		}
		if ready {
			k.token = tokens[k.id]
			k.leases++
		}
		now := m.b.get(k.id)
		want := k.status
		if k.token != "" {
			want = task.Running
		} else if !k.ended() {
			want = task.Pending
		}
		if now.Status != want || now.CancelRequested != k.told || now.Ending() != k.ending || (now.Waits() != nil) != k.waits {
			m.Fatalf("%s is %s, told %v, ending %s, waits %v; want %s, %+v\n%s", k.id, now.Status, now.CancelRequested, now.Ending(), now.Waits(), want, *k, m.b.history(k.id))
		}
		if n := m.b.s.o.Views.OpenChildren(k.id); !k.ended() && n != k.open() {
			m.Fatalf("%s has %d open children, want %d", k.id, n, k.open())
		}
	}
}

// finish lets all that runs succeed until nothing runs: then all have ended.
func (m *familyModel) finish() {
	for held := m.held(); len(held) > 0; held = m.held() {
		m.report(held[0], true)
		m.check()
	}
	for _, k := range m.all {
		if !k.ended() {
			m.Fatalf("%s waits for ever: %s", k.id, m.b.history(k.id))
		}
	}
}

func TestFamiliesAreThoseOfASimpleModel(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := eventlogtest.NewMemory()
				m := &familyModel{T: t, rnd: rand.New(rand.NewPCG(seed, 3)), log: log, b: open(t, log, Options{})}
				defer func() { m.b.stop() }()
				m.all = append(m.all, &kin{id: m.b.submit(task.Submit{Type: "REMOTE", MaxAttempts: 1}).ID})
				m.check()
				for range 60 {
					m.act()
					m.check()
				}
				m.finish()
			})
		})
	}
}
