package scheduler

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// State is how the scheduler is.
type State struct {
	Running  int  // attempts that hold a slot
	Slots    int  // how many there are
	Draining bool // it is stopping: nothing is dispatched
	Full     bool // the log has no room: nothing is dispatched or taken
	Damaged  bool // the log is damaged: nothing is dispatched or taken, until it is mended
	Failed   bool // the log must be reopened: nothing works any more
	Commands int  // that wait to be decided
}

// State returns how the scheduler is now.
func (s *Scheduler) State() State {
	return State{
		Running:  int(s.running.Load()),
		Slots:    s.o.Concurrency,
		Draining: s.draining.Load(),
		Full:     s.full.Load(),
		Damaged:  s.damage() != nil,
		Failed:   s.failed.Load(),
		Commands: len(s.commands),
	}
}

// Boot returns the id of this start of the server: its stream and its attempts have it.
func (s *Scheduler) Boot() ulid.ULID { return s.boot }

// Waiting says why a pending task is not running.
type Waiting struct {
	// Reason is run_at, backoff, worker (nobody runs its type), capacity, draining, log_full, log_damaged, previous_attempt (its
	// handler has not returned, though it was told to), queue_paused, queue_limit, rate_limit (of its queue or its key),
	// concurrency_key (as many tasks of its key run as may), unique (a task with the same unique key ran
	// when it was submitted, and ends first) or crash_check (the process died while
	// tasks ran, which are tried one at a time now).
	Reason  string
	Task    ulid.ULID   // unique: the task that ends first
	Until   task.Micros // run_at, backoff, rate_limit: when that ends; else 0
	Attempt int         // backoff: attempts so far
	Running int         // capacity: attempts that hold a slot, or are held by the workers of the type; queue_limit, concurrency_key: of the queue or the key
	Slots   int         // capacity: how many there are; 0 = of workers, which is not known
	Limit   int         // queue_limit, concurrency_key: how many attempts of the queue or the key may run
	Key     string      // concurrency_key
	HeldBy  []ulid.ULID // concurrency_key: tasks of the key that run, at most 10
	By      string      // queue_paused: the actor
	Since   task.Micros // queue_paused
}

// WaitingFor returns why the task waits, nil unless it is pending and also when nothing
// holds it: it is about to start. It is derived from the task, the state and the clock,
// and never stored.
func (s *Scheduler) WaitingFor(t *task.Task) *Waiting {
	if t.Status != task.Pending {
		return nil
	}
	if !t.Due(s.o.Wall()) {
		if t.Retrying {
			return &Waiting{Reason: "backoff", Until: t.DueAt, Attempt: t.Attempt}
		}
		return &Waiting{Reason: "run_at", Until: t.DueAt}
	}
	switch {
	case s.draining.Load():
		return &Waiting{Reason: "draining"}
	case s.damage() != nil:
		return &Waiting{Reason: "log_damaged"}
	case s.full.Load():
		return &Waiting{Reason: "log_full"}
	}
	if s.lingering.has(t.ID) {
		return &Waiting{Reason: "previous_attempt"}
	}
	if behind := t.Behind(); behind != (ulid.ULID{}) && s.o.Views.Live(behind) {
		return &Waiting{Reason: "unique", Task: behind}
	}
	if w := s.heldByQueue(t); w != nil {
		return w
	}
	if s.trying.Load() && s.o.Runner.Runs(t.Type) {
		return &Waiting{Reason: "crash_check"}
	}
	if !s.o.Runner.Runs(t.Type) {
		held, some := s.leases.offers(t.Type, t.Queue, time.Now())
		switch {
		case !some:
			return &Waiting{Reason: "worker"}
		case held > 0:
			return &Waiting{Reason: "capacity", Running: held}
		}
		return nil // the next worker that has room for it gets it
	}
	if running := int(s.running.Load()); running >= s.o.Concurrency {
		return &Waiting{Reason: "capacity", Running: running, Slots: s.o.Concurrency}
	}
	return nil
}

// heldByQueue returns which pause or limit of its queue holds a task that is due, nil if none does.
func (s *Scheduler) heldByQueue(t *task.Task) *Waiting {
	q := s.o.Views.QueueState(t.Queue)
	if q.Paused {
		return &Waiting{Reason: "queue_paused", By: q.PausedBy, Since: q.PausedAt}
	}
	if limit := q.Limits.Concurrency; limit > 0 {
		if _, running := s.o.Views.QueueDepth(t.Queue); running >= int64(limit) {
			return &Waiting{Reason: "queue_limit", Running: int(running), Limit: limit}
		}
	}
	if until := q.Limits.Pace().StartsAt(q.Due); q.Limits.Rate > 0 && until > s.o.Wall() {
		return &Waiting{Reason: "rate_limit", Until: until}
	}
	return s.heldByKey(t)
}

// heldByKey returns which limit of its concurrency key holds a task that is due, nil if none does.
func (s *Scheduler) heldByKey(t *task.Task) *Waiting {
	h := s.o.Views.KeyHold(t)
	switch {
	case h.Limit > 0:
		return &Waiting{Reason: "concurrency_key", Key: t.ConcurrencyKey, Limit: h.Limit, Running: h.Running, HeldBy: h.HeldBy}
	case h.Until > s.o.Wall():
		return &Waiting{Reason: "rate_limit", Until: h.Until}
	}
	return nil
}

// WaitEnded returns when the task has ended or ctx has, with the task as it then stands.
// Errors: projection.ErrNotFound, ErrStopped.
func (s *Scheduler) WaitEnded(ctx context.Context, id ulid.ULID) (task.Task, error) {
	ended := s.waiters.add(id)
	defer s.waiters.remove(id, ended)
	t, _, err := s.o.Views.Get(ctx, id)
	if err != nil || t.Status.Ended() {
		return t, err
	}
	select {
	case <-ended:
	case <-ctx.Done():
		ctx = context.WithoutCancel(ctx)
	case <-s.stopped:
		return t, s.stopError()
	}
	t, _, err = s.o.Views.Get(ctx, id)
	return t, err
}

// waiters are those who wait for a task to end.
type waiters struct {
	mu   sync.Mutex
	byID map[ulid.ULID][]chan struct{} // guarded by mu
}

func (w *waiters) add(id ulid.ULID) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID == nil {
		w.byID = make(map[ulid.ULID][]chan struct{})
	}
	ch := make(chan struct{})
	w.byID[id] = append(w.byID[id], ch)
	return ch
}

func (w *waiters) remove(id ulid.ULID, ch chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.byID[id]
	for i, c := range list {
		if c == ch {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(w.byID, id)
		return
	}
	w.byID[id] = list
}

// wake tells those who wait for one of the ids, which have ended.
func (w *waiters) wake(ids []ulid.ULID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.byID) == 0 {
		return
	}
	for _, id := range ids {
		for _, ch := range w.byID[id] {
			close(ch)
		}
		delete(w.byID, id)
	}
}

// taskSet is a set of tasks that any goroutine may look into.
type taskSet struct {
	n   atomic.Int64 // how many there are: mostly none
	mu  sync.RWMutex
	ids map[ulid.ULID]bool // guarded by mu
}

func (s *taskSet) has(id ulid.ULID) bool {
	if s.n.Load() == 0 {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ids[id]
}

func (s *taskSet) add(id ulid.ULID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = make(map[ulid.ULID]bool)
	}
	s.ids[id] = true
	s.n.Store(int64(len(s.ids)))
}

func (s *taskSet) remove(id ulid.ULID) {
	if s.n.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
	s.n.Store(int64(len(s.ids)))
}
