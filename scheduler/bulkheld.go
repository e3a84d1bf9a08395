package scheduler

import (
	"slices"
	"sync"
	"time"

	"daybook/projection"
	"daybook/task"
)

// bulkRetryMost is the longest wait after a bulk could not go on. The first is bulkRetry; each is twice as long as the one before.
const bulkRetryMost = time.Minute

// HeldBulk says why a bulk does not go on.
type HeldBulk struct {
	Err     error
	Since   task.Micros // when it could not go on first
	RetryAt task.Micros // when it is tried again
}

// heldBulks are the bulks that cannot go on for now, by id.
type heldBulks struct {
	mu    sync.Mutex
	byID  map[string]HeldBulk      // guarded by mu
	waits map[string]time.Duration // guarded by mu; the latest wait of each
}

// HeldBulk returns why a bulk does not go on, and whether that is so. Only the node that leads knows.
func (s *Scheduler) HeldBulk(id string) (HeldBulk, bool) {
	s.heldBulks.mu.Lock()
	defer s.heldBulks.mu.Unlock()
	held, is := s.heldBulks.byID[id]
	return held, is
}

// hold notes that a bulk could not go on, and returns how long it waits. again: it was so before.
func (h *heldBulks) hold(id string, err error, now task.Micros) (wait time.Duration, again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held, again := h.byID[id]
	if !again {
		held.Since = now
	}
	wait = min(max(2*h.waits[id], bulkRetry), bulkRetryMost)
	held.Err, held.RetryAt = err, now+task.SpanOf(wait)
	if h.byID == nil {
		h.byID, h.waits = make(map[string]HeldBulk), make(map[string]time.Duration)
	}
	h.byID[id], h.waits[id] = held, wait
	return wait, again
}

// goesOn notes that a bulk could go on.
func (h *heldBulks) goesOn(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byID, id)
	delete(h.waits, id)
}

// prune forgets the bulks that do not run any more.
func (h *heldBulks) prune(running []*projection.Bulk) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.byID {
		if !slices.ContainsFunc(running, func(b *projection.Bulk) bool { return b.ID == id }) {
			delete(h.byID, id)
			delete(h.waits, id)
		}
	}
}

// until returns when a bulk is tried again; 0 = at once.
func (h *heldBulks) until(id string) task.Micros {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byID[id].RetryAt
}
