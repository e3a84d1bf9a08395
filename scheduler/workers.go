package scheduler

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"daybook/projection"

	"github.com/oklog/ulid/v2"
)

// Worker is what is known of a worker.
type Worker struct {
	Name, Build, Address string
	Types, Queues        []string // Queues: nil = all
	Since, LastSeen      time.Time
	Quiet                bool // it gets no more work
	Holds                []Held
}

// Held is a task that a worker holds.
type Held struct {
	Task  ulid.ULID
	Until time.Time
}

// Workers lists the workers that are alive or were lately, by name.
func (s *Scheduler) Workers() []Worker {
	t := s.leases
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list(-1)
}

// WorkerChanges are the workers that have changed.
type WorkerChanges struct {
	Workers []Worker // by name, as they are now
	Gone    []string // that are not listed any more
	Known   bool     // else more than these may have changed: it was too long ago
	Upto    int64    // to ask for what changes later
}

// WorkersSince says which workers have changed since an earlier answer with that Upto of the same scheduler, by a call or by
// what they hold. After 0 all have.
func (s *Scheduler) WorkersSince(after int64) WorkerChanges {
	t := s.leases
	t.mu.Lock()
	defer t.mu.Unlock()
	c := WorkerChanges{Workers: t.list(after), Known: after >= t.lost, Upto: t.moves}
	for _, g := range t.gone {
		if g.moved > after && t.workers[g.name] == nil {
			c.Gone = append(c.Gone, g.name)
		}
	}
	return c
}

// goneWorker is a worker that was forgotten.
type goneWorker struct {
	name  string
	moved int64 // leaseTable.moves when it was
}

// mostGone is how many of the workers that were forgotten are remembered for those who follow the list.
const mostGone = 100

// move notes that a worker has changed. mu must be held.
func (t *leaseTable) move(w *worker) {
	t.moves++
	w.moved = t.moves
}

// noteGone notes that a worker was forgotten. mu must be held.
func (t *leaseTable) noteGone(name string) {
	if len(t.gone) == mostGone {
		t.lost = t.gone[0].moved
		t.gone = t.gone[1:]
	}
	t.moves++
	t.gone = append(t.gone, goneWorker{name, t.moves})
}

// list lists the workers that have changed after a number of moves. mu must be held.
func (t *leaseTable) list(after int64) []Worker {
	t.forget(time.Now())
	list := make([]Worker, 0, len(t.workers))
	for _, w := range t.workers {
		if w.moved <= after {
			continue
		}
		one := w.Worker
		one.Quiet = t.quiet(w.Name)
		for l := range w.leases {
			one.Holds = append(one.Holds, Held{l.id, l.deadline})
		}
		slices.SortFunc(one.Holds, func(a, b Held) int { return a.Task.Compare(b.Task) })
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Worker) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// CountWorkers counts the workers by state, busy, idle, quiet or silent, and the tasks that they hold.
func (s *Scheduler) CountWorkers() (byState map[string]int, leases int) {
	t := s.leases
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	byState = map[string]int{"busy": 0, "idle": 0, "quiet": 0, "silent": 0}
	for _, w := range t.workers {
		state := "idle"
		switch {
		case t.quiet(w.Name):
			state = "quiet"
		case len(w.leases) > 0:
			state = "busy"
		case now.Sub(w.LastSeen) > aliveFor:
			state = "silent"
		}
		byState[state]++
	}
	return byState, len(t.byTask)
}

// ErrNoWorker: no worker of the name has called lately, and none is quiet.
var ErrNoWorker = errors.New("there is no worker of this name")

// SetQuiet appends that a worker gets no more work, or that it does again; it is told by its next answer. What is so
// already writes nothing. Errors: ErrNoWorker, and those of commands.
func (s *Scheduler) SetQuiet(ctx context.Context, actor, name string, quiet bool) error {
	err := s.Record(ctx, actor, func() ([]Other, error) {
		is := s.IsQuiet(name)
		event := Other{Stream: "worker:" + name, Type: projection.WorkerResumed, V: 1, Data: []byte("{}")}
		switch {
		case !is && !s.leases.knows(name):
			return nil, ErrNoWorker
		case is == quiet:
			return nil, nil
		case quiet:
			event.Type = projection.WorkerQuieted
		}
		return []Other{event}, nil
	})
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if w := s.leases.workers[name]; w != nil {
		s.leases.move(w)
	}
	return err
}

// IsQuiet reports whether a worker is to get no more work.
func (s *Scheduler) IsQuiet(name string) bool { return s.leases.quiet(name) }

// knows reports whether the worker is listed.
func (t *leaseTable) knows(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.workers[name] != nil
}

// TaskOf is the task that the token holds. Error: ErrNoLease.
func (s *Scheduler) TaskOf(token string) (ulid.ULID, error) {
	if l := s.leases.find(token); l != nil {
		return l.id, nil
	}
	return ulid.ULID{}, ErrNoLease
}

// WorkerOf is the name of the worker that holds a task by the token; "unknown" if the token holds none.
func (s *Scheduler) WorkerOf(token string) string {
	if l := s.leases.find(token); l != nil {
		return l.worker
	}
	return "unknown"
}
