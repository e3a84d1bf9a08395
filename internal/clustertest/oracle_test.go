//go:build linux

package clustertest

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// oracle knows what was acknowledged to the clients, and what they were told that did not happen.
type oracle struct {
	mu      sync.Mutex
	tasks   map[string]*story          // by id
	order   []string                   // ids, in the order of their acknowledgement
	keys    map[string]string          // idempotency key → id; "" = not acknowledged
	not     map[string]bool            // keys of submits that did not happen
	results map[string]map[string]bool // id → results whose complete was acknowledged
	leases  map[string]string          // SHA-256 of the token of each lease → id of its task
	wrong   []string                   // what was seen that cannot be
	count   map[outcome]int
	waiting map[chan time.Duration]time.Time // who waits for a write that began after that moment
}

// story is what was acknowledged about one task.
type story struct{ cancels, retries, fails, erasures int }

func newOracle() *oracle {
	return &oracle{tasks: map[string]*story{}, keys: map[string]string{}, not: map[string]bool{}, leases: map[string]string{}, results: map[string]map[string]bool{}, count: map[outcome]int{},
		waiting: map[chan time.Duration]time.Time{}}
}

func (o *oracle) object(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrong = append(o.wrong, fmt.Sprintf(format, args...))
}

// counts notes a write that began at that moment, and wakes those who wait for one.
func (o *oracle) counts(what outcome, began time.Time) outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count[what]++
	if what == done {
		for ch, after := range o.waiting {
			if began.After(after) {
				ch <- time.Since(after)
				delete(o.waiting, ch)
			}
		}
	}
	return what
}

// writesAgain gives how long it takes from now on until a write that is begun later is acknowledged.
func (o *oracle) writesAgain() <-chan time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	ch := make(chan time.Duration, 1)
	o.waiting[ch] = time.Now()
	return ch
}

// tried notes a key before it is sent.
func (o *oracle) tried(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.keys[key]; !ok {
		o.keys[key] = ""
	}
}

// submitted notes that a submit was acknowledged.
func (o *oracle) submitted(key, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if before := o.keys[key]; before != "" && before != id {
		o.wrong = append(o.wrong, fmt.Sprintf("key %s gave task %s and then %s", key, before, id))
	}
	o.keys[key] = id
	if o.tasks[id] == nil {
		o.tasks[id] = &story{}
		o.order = append(o.order, id)
	}
}

// made notes that a workflow was made: it is a task that nobody else changes.
func (o *oracle) made(key, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if before := o.keys[key]; before != "" && before != id {
		o.wrong = append(o.wrong, fmt.Sprintf("key %s gave workflow %s and then %s", key, before, id))
	}
	o.keys[key] = id
}

// never notes that all submits with the key were refused: nothing has happened.
func (o *oracle) never(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.not[key] = true
}

// about changes what is known about a task.
func (o *oracle) about(id string, change func(*story)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tasks[id] == nil {
		o.tasks[id] = &story{}
	}
	change(o.tasks[id])
}

// leased notes a lease: what was given must be in the log.
func (o *oracle) leased(l lease) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leases[fmt.Sprintf("%x", sha256.Sum256([]byte(l.Token)))] = l.Task.ID
}

func (o *oracle) completed(id, result string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.results[id] == nil {
		o.results[id] = map[string]bool{}
	}
	o.results[id][result] = true
}

// anyone is a recent task, "" when there is none.
func (o *oracle) anyone(random *rand.Rand) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.order) == 0 {
		return ""
	}
	recent := o.order[max(0, len(o.order)-40):]
	return recent[random.IntN(len(recent))]
}

// compare looks in the log for everything that was acknowledged, and for what must not be there.
func (o *oracle) compare(t *testing.T, log *wholeLog) {
	t.Helper()
	for _, wrong := range o.wrong {
		t.Error(wrong)
	}
	lost := 0
	for id, s := range o.tasks {
		r := log.tasks[id]
		if r == nil {
			lost++
			t.Errorf("task %s was acknowledged and is not in the log", id)
			continue
		}
		for what, n := range map[string]int{"task.retried": s.retries, "task.cancelled": min(s.cancels, 1), "task.attempt_failed|task.failed": s.fails, "task.erased": min(s.erasures, 1)} {
			if got := r.count(what); got < n {
				lost++
				t.Errorf("task %s: %d × %s was acknowledged, the log has %d: %v", id, n, what, got, r.types)
			}
		}
		if !r.ended {
			t.Errorf("task %s has not ended: %v", id, r.types)
		}
	}
	for key, id := range o.keys {
		ids := log.keys[key]
		switch {
		case len(ids) > 1 || id != "" && (len(ids) != 1 || ids[0] != id):
			lost++
			t.Errorf("key %s was acknowledged as task %q and is in the log as %v", key, id, ids)
		case o.not[key] && len(ids) > 0:
			t.Errorf("key %s is task %v, though every answer said that nothing had happened", key, ids)
		}
	}
	for hash, id := range o.leases {
		if log.leases[hash] != id {
			lost++
			t.Errorf("task %s was leased, and the log does not say so", id)
		}
	}
	for id, results := range o.results {
		r := log.tasks[id]
		if r == nil || r.count("task.succeeded") < 1 {
			lost++
			t.Errorf("task %s: results %v were acknowledged, the log says %v", id, results, r)
		}
		if len(results) > 1 {
			t.Errorf("task %s was completed %d times: %v", id, len(results), results)
		}
	}
	t.Logf("%d writes were acknowledged, %d refused, of %d the outcome was unknown; %d tasks, %d events, %d terms; lost: %d",
		o.count[done], o.count[refused], o.count[unknown], len(o.tasks), len(log.hashes), log.terms, lost)
}
