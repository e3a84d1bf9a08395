package projection

import (
	"slices"

	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

// keyQueue is a queue that has rules for concurrency keys. Its keys and their ready tasks, see lanes.go, are
// known only while it has. See docs/adr/0037.
type keyQueue struct {
	name    string
	rules   KeyRules
	virtual task.Micros // the virtual time: where the start that came last began, or later
	at      task.Micros // up to when virtual has moved on by itself
	keys    map[string]*key
	groups  []*lanes
	turn    turn
	open    int // lanes with tasks that may start

	numbers uint64 // of keys, ever
	idle    []*key // those that were idle when they were put here: to be forgotten
}

// key is what is known of a concurrency key in one queue. Tasks without a key share the key "", to which no
// limit applies.
type key struct {
	name    string
	number  uint64
	queue   *keyQueue
	running []*record
	due     task.Micros // as QueueState.Due, for the rate of the key
	finish  task.Micros // the virtual time at which what it was charged with ends
	opens   task.Micros // when its rate lets a task start; 0 = now. It is in keyQueues.parked meanwhile
	lanes   []*lane
	listed  bool // in keyQueue.idle
	noted   bool // in keyQueues.dirty
	gone    bool // it is forgotten: another one may have its name
}

// keyQueues are the queues that have rules for keys.
type keyQueues struct {
	byName map[string]*keyQueue
	parked *btree.BTreeG[parkedKey] // keys that their rates hold
	saved  bool                     // there is a view file
	dirty  []*key                   // those that it does not have as they are
}

// parkedKey is a key that its rate holds until a moment.
type parkedKey struct {
	opens task.Micros
	key   *key
}

func (a parkedKey) less(b parkedKey) bool {
	switch {
	case a.opens != b.opens:
		return a.opens < b.opens
	case a.key.queue != b.key.queue:
		return a.key.queue.name < b.key.queue.name
	}
	return a.key.number < b.key.number
}

func newKeyQueues() keyQueues {
	return keyQueues{byName: make(map[string]*keyQueue), parked: btree.NewBTreeGOptions(parkedKey.less, noLocks)}
}

// of returns the key of the queue with that name, a new one if nothing is known of it.
func (q *keyQueue) of(name string) *key {
	k := q.keys[name]
	if k == nil {
		q.numbers++
		k = &key{name: name, number: q.numbers, queue: q}
		q.keys[name] = k
		q.list(k)
	}
	return k
}

// list notes that the key may be idle.
func (q *keyQueue) list(k *key) {
	if !k.listed && len(k.lanes) == 0 && len(k.running) == 0 {
		k.listed = true
		q.idle = append(q.idle, k)
	}
}

// limited reports whether limits apply to the key.
func (k *key) limited() bool { return k.name != "" }

// full reports whether as many tasks of the key run as may.
func (k *key) full(running int) bool {
	most := k.queue.rules.Concurrency
	return most > 0 && k.limited() && running >= most
}

// isOpen reports whether tasks of the key may start.
func (k *key) isOpen() bool { return k.opens == 0 && !k.full(len(k.running)) }

// blank reports whether nothing need be remembered of an idle key: it would come back as it is.
func (k *key) blank(at task.Micros) bool {
	return len(k.lanes) == 0 && len(k.running) == 0 && k.due <= at && k.finish <= k.queue.virtual
}

// forgetIdle forgets some keys that are idle and of which nothing need be remembered. It is called with each
// start, and so keeps up with the keys that come.
func (s *keyQueues) forgetIdle(q *keyQueue, at task.Micros) {
	for range min(2, len(q.idle)) {
		k := q.idle[0]
		q.idle = q.idle[1:]
		k.listed = false
		if k.blank(at) {
			s.forget(k)
			delete(q.keys, k.name)
			continue
		}
		q.list(k)
	}
}

// forget lets a key go.
func (s *keyQueues) forget(k *key) {
	s.unpark(k)
	k.gone = true
	s.note(k)
}

// note notes that the view file does not have the key as it is.
func (s *keyQueues) note(k *key) {
	if s.saved && !k.noted {
		k.noted = true
		s.dirty = append(s.dirty, k)
	}
}

// park holds the key until its rate lets a task start, as of that moment.
func (s *keyQueues) park(k *key, at task.Micros) {
	s.unpark(k)
	if opens := k.queue.rules.pace().StartsAt(k.due); opens > at && k.limited() {
		k.opens = opens
		s.parked.Set(parkedKey{opens, k})
	}
}

func (s *keyQueues) unpark(k *key) {
	if k.opens != 0 {
		s.parked.Delete(parkedKey{k.opens, k})
		k.opens = 0
	}
}

// started charges the key of a task, and the virtual time of its queue, with a start.
func (o *order) started(t *task.Task, at task.Micros) {
	q := o.keyed.byName[t.Queue]
	if q == nil {
		return
	}
	k := q.of(t.ConcurrencyKey)
	if q.rules.Rate > 0 && k.limited() {
		k.due = q.rules.pace().Start(k.due, at)
		o.keyed.park(k, at)
		o.keyed.note(k)
	}
	if q.rules.Fair && t.Held().Charge > 0 {
		q.drift(at)
		start := max(k.finish, q.virtual)
		k.finish = start + t.Held().Charge
		o.keyed.note(k)
		q.advance(start)
	}
	o.arrange(k)
	o.keyed.forgetIdle(q, at)
}

// driftShare: the virtual time moves on by this part of the time that passes. While each task has a key that was never
// seen, nothing else moves it, and what a key is ahead would be remembered for ever.
const driftShare = 1024

// drift moves the virtual time on by itself.
func (q *keyQueue) drift(at task.Micros) {
	by := max(at-q.at, 0) / driftShare
	q.at += by * driftShare
	q.advance(q.virtual + by)
}

// stopped corrects what the key of a task was charged with, now that it is known how long it ran.
func (o *order) stopped(t *task.Task, correction task.Micros) {
	q := o.keyed.byName[t.Queue]
	if q == nil || !q.rules.Fair {
		return
	}
	k := q.of(t.ConcurrencyKey)
	k.finish = max(k.finish, q.virtual) + correction // as for a key that was forgotten meanwhile
	o.keyed.note(k)
	o.arrange(k)
}

// OpenKeys opens the keys whose rate lets a task start by now. It is for the goroutine that writes.
func (v *Views) OpenKeys(now task.Micros) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := &v.order.keyed
	for {
		first, ok := s.parked.Min()
		if !ok || first.opens > now {
			return
		}
		s.unpark(first.key)
		v.order.arrange(first.key)
	}
}

// NextKeyOpens is when the next key opens that its rate holds; 0 = none does. It is for the goroutine that writes.
func (v *Views) NextKeyOpens() task.Micros {
	first, _ := v.order.keyed.parked.Min()
	return first.opens
}

// AnyKeyRules reports whether a queue has rules for concurrency keys. It is for the goroutine that writes.
func (v *Views) AnyKeyRules() bool { return len(v.order.keyed.byName) > 0 }

// HasKeyRules reports whether the queue has rules for concurrency keys. It is for the goroutine that writes.
func (v *Views) HasKeyRules(queue string) bool { return v.order.keyed.byName[queue] != nil }

// mostHolders is how many tasks that hold a key are named.
const mostHolders = 10

// KeyHold is what holds the ready tasks of a concurrency key. The zero value holds nothing.
type KeyHold struct {
	Limit   int         // how many tasks of the key may run, if as many do; 0 = its limit does not hold it
	Running int         // how many do
	HeldBy  []ulid.ULID // the ids of some of them
	Until   task.Micros // when its rate lets a task start; 0 = its rate does not hold it
}

// KeyHold returns what holds the ready tasks that have the key of a task in its queue.
func (v *Views) KeyHold(t *task.Task) (h KeyHold) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	q := v.order.keyed.byName[t.Queue]
	if q == nil {
		return h
	}
	k := q.keys[t.ConcurrencyKey]
	if k == nil {
		return h
	}
	h.Until = k.opens
	if !k.full(len(k.running)) {
		return h
	}
	h.Limit, h.Running = q.rules.Concurrency, len(k.running)
	for _, rec := range k.running[:min(mostHolders, len(k.running))] {
		h.HeldBy = append(h.HeldBy, rec.task.ID)
	}
	slices.SortFunc(h.HeldBy, ulid.ULID.Compare)
	return h
}

// keyHolds reports whether its key holds a ready task.
func (o *order) keyHolds(rec *record) bool {
	if len(o.keyed.byName) == 0 {
		return false
	}
	q := o.keyed.byName[rec.task.Queue]
	return q != nil && !q.keys[rec.task.ConcurrencyKey].isOpen()
}

// heldIn is how many ready tasks of a group their keys hold.
func (r *readyTrees) heldIn(group uint32) int64 {
	if int(group) >= len(r.trees) || r.trees[group] == nil || r.trees[group].lanes == nil {
		return 0
	}
	return r.trees[group].lanes.held
}
