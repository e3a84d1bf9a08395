package scheduler

import (
	"context"
	"sync"
	"sync/atomic"

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
