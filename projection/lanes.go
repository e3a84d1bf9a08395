package projection

import (
	"slices"

	"daybook/task"

	"github.com/tidwall/btree"
)

// lanes holds the ready tasks of a group of a queue with rules for keys: a lane for each key. Those whose key
// is closed are in none of the trees that a Line goes through, however many they are.
type lanes struct {
	group uint32
	queue *keyQueue
	held  int64                   // tasks that their keys hold
	tasks *btree.BTreeG[laneTask] // of all lanes, one lane after the other
	all   *btree.BTreeG[laneKey]  // lanes by their first task
	first *btree.BTreeG[laneKey]  // open ones whose key is not ahead of the virtual time, by their first task
	later *btree.BTreeG[laneKey]  // the other open ones, by how far their key is ahead, then by their first task
}

// lane is the ready tasks of one key in one group.
type lane struct {
	key   *key
	of    *lanes
	n     int // tasks
	head  dueKey
	place lanePlace
	at    laneKey // under which it lies in of.first or of.later
	held  int     // tasks of it that of.held counts
}

type lanePlace uint8

const (
	laneClosed lanePlace = iota
	laneFirst
	laneLater
)

// laneTask is a ready task in the order of its lane.
type laneTask struct {
	number uint64 // of the key
	dueKey
}

func (a laneTask) less(b laneTask) bool {
	if a.number != b.number {
		return a.number < b.number
	}
	return a.dueKey.less(b.dueKey)
}

// laneKey is the place of a lane among others.
type laneKey struct {
	finish task.Micros // of the key, where it is ahead of the virtual time; else 0
	head   task.ReadyKey
	lane   *lane
}

func (a laneKey) less(b laneKey) bool {
	if a.finish != b.finish {
		return a.finish < b.finish
	}
	return a.head.Less(b.head)
}

func newLanes(q *keyQueue, group uint32) *lanes {
	tree := func() *btree.BTreeG[laneKey] { return btree.NewBTreeGOptions(laneKey.less, noLocks) }
	return &lanes{group, q, 0, btree.NewBTreeGOptions(laneTask.less, noLocks), tree(), tree(), tree()}
}

// laneIn returns the lane of the key in the group, nil if it has no ready tasks there.
func (k *key) laneIn(of *lanes) *lane {
	for _, l := range k.lanes {
		if l.of == of {
			return l
		}
	}
	return nil
}

// addToLane takes in a ready task.
func (o *order) addToLane(of *lanes, key dueKey) {
	t := &key.rec.task
	k := of.queue.of(t.ConcurrencyKey)
	t.ConcurrencyKey = k.name // one string for all of the key
	l := k.laneIn(of)
	if l == nil {
		l = &lane{key: k, of: of}
		k.lanes = append(k.lanes, l)
	}
	of.tasks.Set(laneTask{k.number, key})
	l.n++
	if l.n == 1 || key.less(l.head) {
		l.setHead(key)
	}
	o.arrangeLane(l)
	o.setTurn(of.queue)
}

// removeFromLane takes out a task that is no more ready.
func (o *order) removeFromLane(of *lanes, key dueKey) {
	k := of.queue.keys[key.rec.task.ConcurrencyKey]
	l := k.laneIn(of)
	of.tasks.Delete(laneTask{k.number, key})
	l.n--
	if key == l.head {
		next, _ := of.after(k, key)
		l.setHead(next)
	}
	if l.n == 0 {
		k.lanes = slices.DeleteFunc(k.lanes, func(other *lane) bool { return other == l })
		of.queue.list(k)
	}
	o.arrangeLane(l)
	o.setTurn(of.queue)
}

// setHead notes that the first task of the lane is another one, or none.
func (l *lane) setHead(key dueKey) {
	if l.head.rec != nil {
		l.of.all.Delete(laneKey{head: l.head.ReadyKey})
	}
	if l.head = key; key.rec != nil {
		l.of.all.Set(laneKey{head: key.ReadyKey, lane: l})
	}
}

// after returns the task of the key that comes after one; false if there is none.
func (of *lanes) after(k *key, than dueKey) (next dueKey, ok bool) {
	of.tasks.Ascend(laneTask{k.number, than}, func(t laneTask) bool {
		switch {
		case t.number != k.number:
			return false
		case t.ReadyKey == than.ReadyKey:
			return true
		}
		next, ok = t.dueKey, true
		return false
	})
	return next, ok
}

// arrange puts the lanes of a key where they belong.
func (o *order) arrange(k *key) {
	for _, l := range k.lanes {
		o.arrangeLane(l)
	}
	if len(k.lanes) > 0 {
		o.setTurn(k.queue)
	}
}

// arrangeLane puts a lane where it belongs.
func (o *order) arrangeLane(l *lane) {
	q := l.of.queue
	place, at, held := laneClosed, laneKey{head: l.head.ReadyKey, lane: l}, l.n
	if l.n > 0 && l.key.isOpen() {
		place, held = laneFirst, 0
		if at.finish = q.ahead(l.key.finish); at.finish > 0 {
			place = laneLater
		}
	}
	l.of.held += int64(held - l.held)
	l.held = held
	if place == l.place && (place == laneClosed || at == l.at) {
		return
	}
	if tree := l.tree(); tree != nil {
		tree.Delete(l.at)
		q.open--
	}
	l.place, l.at = place, at
	if tree := l.tree(); tree != nil {
		tree.Set(at)
		q.open++
	}
}

// tree is where the lane lies, nil while it is closed.
func (l *lane) tree() *btree.BTreeG[laneKey] {
	switch l.place {
	case laneFirst:
		return l.of.first
	case laneLater:
		return l.of.later
	}
	return nil
}

// ahead returns the virtual finish time of a key where it is ahead of the virtual time of the queue, else 0:
// all that are not ahead come in the order of their tasks.
func (q *keyQueue) ahead(finish task.Micros) task.Micros {
	if !q.rules.Fair || finish <= q.virtual {
		return 0
	}
	return finish
}

// advance moves the virtual time on, and the lanes that it reaches.
func (q *keyQueue) advance(to task.Micros) {
	if to <= q.virtual {
		return
	}
	q.virtual = to
	for _, of := range q.groups {
		for {
			next, ok := of.later.Min()
			if !ok || next.finish > to {
				break
			}
			l := next.lane
			of.later.Delete(next)
			l.place, l.at = laneFirst, laneKey{head: l.head.ReadyKey, lane: l}
			of.first.Set(l.at)
		}
	}
}

// setTurn notes which task of the queue comes first at the earliest.
func (o *order) setTurn(q *keyQueue) {
	if q.open == 0 || o.ready.isParked(q.name) {
		o.ready.turns.Remove(&q.turn)
		return
	}
	var first laneKey
	for _, of := range q.groups {
		if head, ok := of.all.Min(); ok && (first.lane == nil || head.less(first)) {
			first = head
		}
	}
	o.ready.turns.set(&q.turn, first.head)
}
