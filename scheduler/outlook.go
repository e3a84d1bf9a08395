package scheduler

import (
	"slices"
	"strings"
	"time"
)

// Outlook is what only the memory of the scheduler that leads knows of why tasks wait. Other nodes of the cluster answer by it.
type Outlook struct {
	Takers   []Taker `json:"takers,omitempty"`
	Draining bool    `json:"draining,omitempty"`
	Full     bool    `json:"full,omitempty"`
}

// Taker is the workers that are alive and take tasks of the same types and queues.
type Taker struct {
	Types  []string `json:"types"`
	Queues []string `json:"queues,omitempty"` // nil = all
	Held   int      `json:"held,omitempty"`   // tasks that they hold
	Idle   bool     `json:"idle,omitempty"`   // one of them holds none: it has room
}

// takes reports whether these workers run tasks of the type and queue.
func (t *Taker) takes(taskType, queue string) bool {
	return slices.Contains(t.Types, taskType) && (t.Queues == nil || slices.Contains(t.Queues, queue))
}

// Outlook is that of this scheduler, which leads.
func (s *Scheduler) Outlook() Outlook {
	return Outlook{Takers: s.leases.takers(time.Now()), Draining: s.draining.Load(), Full: s.full.Load()}
}

// See gives a scheduler that does not lead the outlook of the one that does.
func (s *Scheduler) See(o Outlook) { s.seen.Store(&o) }

// outlook is what WaitingFor goes by: that of the scheduler that leads, if another one does.
func (s *Scheduler) outlook() *Outlook {
	if seen := s.seen.Load(); seen != nil && !s.once.Load() {
		return seen
	}
	return nil
}

// runsHere reports whether this process itself runs tasks of a type. In a cluster all nodes do, as workers.
func (s *Scheduler) runsHere(taskType string) bool {
	return s.o.Node == "" && s.o.Runner.Runs(taskType)
}

// offers is that of the lease table, or of the scheduler that leads.
func (s *Scheduler) offers(taskType, queue string) (held int, some bool) {
	seen := s.outlook()
	if seen == nil {
		return s.leases.offers(taskType, queue, time.Now())
	}
	idle := false
	for i := range seen.Takers {
		if t := &seen.Takers[i]; t.takes(taskType, queue) {
			held, some, idle = held+t.Held, true, idle || t.Idle
		}
	}
	if idle {
		held = 0
	}
	return held, some
}

// takers groups the workers that are alive by what they take.
func (t *leaseTable) takers(now time.Time) (all []Taker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := map[string]int{}
	for _, w := range t.workers {
		if now.Sub(w.LastSeen) > aliveFor || t.quiet(w.Name) {
			continue
		}
		key := strings.Join(w.Types, ",") + " "
		if w.Queues != nil {
			key += "in " + strings.Join(w.Queues, ",")
		}
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, Taker{Types: w.Types, Queues: w.Queues})
		}
		all[i].Held += len(w.leases)
		all[i].Idle = all[i].Idle || len(w.leases) == 0
	}
	return all
}
