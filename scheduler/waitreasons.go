package scheduler

import (
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Waiting says why a pending task is not running.
type Waiting struct {
	// Reason is run_at, backoff, sleep, signal, approval (it is suspended), children (it is suspended until they have ended, or its own work is over and theirs is not), worker (nobody runs its type), capacity, draining, log_full, log_damaged, previous_attempt (its
	// handler has not returned, though it was told to), queue_paused, queue_limit, rate_limit (of its queue or its key),
	// concurrency_key (as many tasks of its key run as may), dependencies (tasks that it depends on have not ended), workflow (that it belongs to, which has not started), unique (a task with the same unique key ran
	// when it was submitted, and ends first), crash_check (the process died while
	// tasks ran, which are tried one at a time now), turn (ready tasks come before it) or, of the past, unrecorded (which workers and slots
	// had room is not in the log).
	Reason    string
	Step      string      // sleep, signal, approval, children: the step in which the task is suspended
	Names     []string    // signal: what it waits for; dependencies: what the task calls those in WaitingOn
	Role      string      // approval: who may answer; Until is when they wait no more
	Task      ulid.ULID   // unique: the task that ends first
	Until     task.Micros // run_at, backoff, rate_limit: when that ends; else 0
	Attempt   int         // backoff: attempts so far
	Running   int         // capacity: attempts that hold a slot, or are held by the workers of the type; queue_limit, concurrency_key: of the queue or the key
	Slots     int         // capacity: how many there are; 0 = of workers, which is not known
	Limit     int         // queue_limit, concurrency_key: how many attempts of the queue or the key may run
	Key       string      // concurrency_key; rate_limit of a key
	WaitingOn []ulid.ULID // dependencies: the tasks that must end first, at most 10
	Open      int         // dependencies: how many there are; children: how many have not ended
	HeldBy    []ulid.ULID // concurrency_key: tasks of the key that run, at most 10
	By        string      // queue_paused: the actor
	Since     task.Micros // queue_paused
	Ahead     int         // turn: how many tasks come before it,
	AheadMore bool        // or at least so many
	Also      []Waiting   // the other reasons that hold it
}

// WaitingFor returns why the task waits, nil unless it is pending and also when nothing
// holds it: it is about to start. It is derived from the task, the state and the clock,
// and never stored. For a task that is not due, Also has only a pause and a missing worker: what else holds
// tasks now says nothing of the time when it is due.
func (s *Scheduler) WaitingFor(t *task.Task) *Waiting {
	return reasons{s, s.o.Views, s.o.Wall(), false}.of(t)
}

// WaitedFor returns why the task, as views of the past show it, waited when the clock showed wall; as WaitingFor, but what
// only the memory of the scheduler knew then is "unrecorded".
func (s *Scheduler) WaitedFor(t *task.Task, views *projection.Views, wall task.Micros) *Waiting {
	return reasons{s, views, wall, true}.of(t)
}

// reasons finds why tasks wait, or waited.
type reasons struct {
	s     *Scheduler
	views *projection.Views
	wall  task.Micros
	past  bool // the views are not those of now
}

func (r reasons) of(t *task.Task) *Waiting {
	if t.Status != task.Pending {
		return nil
	}
	var all []Waiting
	if t.Due(r.wall) {
		all = r.ofDue(t)
	} else {
		all = r.ofPlanned(t)
	}
	if len(all) == 0 {
		return nil
	}
	first := &all[0]
	first.Also = all[1:]
	return first
}

// ofPlanned is why a task waits that is not due.
func (r reasons) ofPlanned(t *task.Task) []Waiting {
	all := make([]Waiting, 1, 3)
	if t.Ending() != task.None {
		all[0] = Waiting{Reason: task.StepChildren.String(), Open: r.views.OpenChildren(t.ID)}
		return all
	}
	if w := t.Waits(); w != nil {
		all[0] = Waiting{Reason: w.Kind.String(), Step: w.Step, Names: w.Signals, Until: w.Until}
		switch w.Kind {
		case task.StepChildren:
			all[0].Open = r.views.OpenChildren(t.ID)
		case task.StepApproval:
			all[0].Role = w.From
		}
		return all // what else would hold it is not known before it goes on
	}
	if all[0] = (Waiting{Reason: "run_at", Until: t.DueAt}); t.Retrying {
		all[0] = Waiting{Reason: "backoff", Until: t.DueAt, Attempt: t.Attempt}
	}
	all = r.addDependencies(all, t)
	if q := r.views.QueueState(t.Queue); q.Paused {
		all = append(all, Waiting{Reason: "queue_paused", By: q.PausedBy, Since: q.PausedAt})
	}
	if !r.past && !r.s.runsHere(t.Type) && !t.IsWorkflow() {
		if _, some := r.s.offers(t.Type, t.Queue); !some {
			all = append(all, Waiting{Reason: "worker"})
		}
	}
	return all
}

// ofDue is why a task waits that is due; none if it is about to start.
func (r reasons) ofDue(t *task.Task) (all []Waiting) {
	all = r.addStateOfServer(all, t)
	if behind := t.Behind(); behind != (ulid.ULID{}) && r.views.Live(behind) {
		all = append(all, Waiting{Reason: "unique", Task: behind})
	}
	all = r.addDependencies(all, t)
	all = r.addHoldsOfQueue(all, t)
	all = r.addHoldsOfKey(all, t)
	all = r.addTakers(all, t)
	all = r.addTurn(all, t)
	if r.past && len(all) == 0 && !t.IsWorkflow() {
		all = append(all, Waiting{Reason: "unrecorded"})
	}
	return all
}

// addStateOfServer adds that nothing starts now, or not this task.
func (r reasons) addStateOfServer(all []Waiting, t *task.Task) []Waiting {
	if r.past {
		return all
	}
	draining, full := r.s.draining.Load(), r.s.full.Load()
	if seen := r.s.outlook(); seen != nil {
		draining, full = seen.Draining, seen.Full
	}
	switch {
	case draining:
		all = append(all, Waiting{Reason: "draining"})
	case r.s.damage() != nil:
		all = append(all, Waiting{Reason: "log_damaged"})
	case full:
		all = append(all, Waiting{Reason: "log_full"})
	}
	if r.s.lingering.has(t.ID) {
		all = append(all, Waiting{Reason: "previous_attempt"})
	}
	return all
}

// mostShown is how many of the tasks that hold one are named.
const mostShown = 10

// addDependencies adds the tasks that the task depends on and that do not let it start, then that its workflow has not started: when
// that starts, no event says so of its tasks.
func (r reasons) addDependencies(all []Waiting, t *task.Task) []Waiting {
	if len(t.DependsOn()) > 0 {
		if first, open := r.views.OpenDependencies(t.ID, mostShown); open > 0 {
			one := Waiting{Reason: "dependencies", Open: open, WaitingOn: make([]ulid.ULID, len(first)), Names: make([]string, len(first))}
			for i := range first {
				one.WaitingOn[i], one.Names[i] = first[i].Task, first[i].Key()
			}
			all = append(all, one)
		}
	}
	if whole := t.InWorkflow(); whole != (ulid.ULID{}) && r.views.IsPending(whole) {
		all = append(all, Waiting{Reason: "workflow", Task: whole})
	}
	return all
}

// addHoldsOfQueue adds the pause and the limits of its queue that hold a task that is due.
func (r reasons) addHoldsOfQueue(all []Waiting, t *task.Task) []Waiting {
	q := r.views.QueueState(t.Queue)
	if q.Paused {
		all = append(all, Waiting{Reason: "queue_paused", By: q.PausedBy, Since: q.PausedAt})
	}
	if limit := q.Limits.Concurrency; limit > 0 {
		if _, running := r.views.QueueDepth(t.Queue); running >= int64(limit) {
			all = append(all, Waiting{Reason: "queue_limit", Running: int(running), Limit: limit})
		}
	}
	if until := q.Limits.Pace().StartsAt(q.Due); q.Limits.Rate > 0 && until > r.wall {
		all = append(all, Waiting{Reason: "rate_limit", Until: until})
	}
	return all
}

// addHoldsOfKey adds the limits of its concurrency key that hold a task that is due.
func (r reasons) addHoldsOfKey(all []Waiting, t *task.Task) []Waiting {
	h := r.views.KeyHold(t)
	if h.Limit > 0 {
		all = append(all, Waiting{Reason: "concurrency_key", Key: t.ConcurrencyKey, Limit: h.Limit, Running: h.Running, HeldBy: h.HeldBy})
	}
	if h.Until > r.wall {
		all = append(all, Waiting{Reason: "rate_limit", Key: t.ConcurrencyKey, Until: h.Until})
	}
	return all
}

// addTakers adds why nobody has room for a task that is due.
func (r reasons) addTakers(all []Waiting, t *task.Task) []Waiting {
	if t.IsWorkflow() || r.past {
		return all // nobody takes it, or it is not known who could
	}
	delivers := t.Type == projection.DeliveryType && r.s.delivering.Load() < int64(r.s.deliverySlots)
	if !r.s.runsHere(t.Type) {
		if delivers {
			return all
		}
		held, some := r.s.offers(t.Type, t.Queue)
		switch {
		case !some:
			return append(all, Waiting{Reason: "worker"})
		case held > 0:
			return append(all, Waiting{Reason: "capacity", Running: held})
		}
		return all // the next worker that has room for it gets it
	}
	if r.s.trying.Load() {
		all = append(all, Waiting{Reason: "crash_check"})
	}
	if running := int(r.s.running.Load()); running >= r.s.o.Concurrency && !delivers {
		all = append(all, Waiting{Reason: "capacity", Running: running, Slots: r.s.o.Concurrency})
	}
	return all
}

// addTurn adds that other tasks come first. Tasks that the server runs share its slots; of a type that workers run, only
// those of the type are counted: what else a worker takes is its own choice.
func (r reasons) addTurn(all []Waiting, t *task.Task) []Waiting {
	shares := r.s.o.Runner.Runs
	if !shares(t.Type) {
		shares = func(taskType string) bool { return taskType == t.Type }
	}
	ahead, ready := r.views.Ahead(t.ID, r.wall, shares)
	if ready && ahead.N > 0 {
		all = append(all, Waiting{Reason: "turn", Ahead: ahead.N, AheadMore: ahead.More})
	}
	return all
}
