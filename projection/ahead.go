package projection

import (
	"sort"

	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

// Ahead is how many ready tasks come before one.
type Ahead struct {
	N    int
	More bool // N is the least that it is: the rest depends on how long others run, or is too much to count
}

// mostCounted is how many groups are counted one by one.
const mostCounted = 16

// Ahead returns how many tasks come before the task in the order in which ready tasks start: tasks of the types that
// share what runs it, in its queue and in those that no pause or limit holds. False if it is not ready. It costs the
// logarithm of the number of ready tasks, for each of up to 16 types and queues.
func (v *Views) Ahead(id ulid.ULID, wall task.Micros, shares func(taskType string) bool) (Ahead, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rec := v.table.find(id)
	if rec == nil || rec.place != inReady {
		return Ahead{}, false
	}
	c := aheadCount{v: v, rec: rec, key: rec.key(), shares: shares}
	own := v.counts.queues.byGroup[rec.group]
	for _, g := range own.groups {
		if int(g) < len(v.order.ready.trees) && v.order.ready.trees[g] != nil && c.room(g) {
			c.inOwnQueue(v.order.ready.trees[g])
		}
	}
	c.More = c.More || c.others && (c.closed || c.N > 0)
	if v.ByWeight() {
		c.More = c.More || c.othersTakeTurns(own, wall)
	} else {
		c.inTurns(own, wall, 0)
	}
	return c.Ahead, true
}

// aheadCount counts what comes before a task.
type aheadCount struct {
	Ahead
	v       *Views
	rec     *record
	key     dueKey
	shares  func(taskType string) bool
	counted int
	others  bool // there are tasks of other keys, in a queue with rules for them
	closed  bool // its key is
}

// room reports whether the group is to be counted.
func (c *aheadCount) room(group uint32) bool {
	if !c.shares(c.v.counts.names[group].taskType) {
		return false
	}
	if c.counted == mostCounted {
		c.More = true
		return false
	}
	c.counted++
	return true
}

// inOwnQueue counts in a group of the task's queue. With rules for keys it counts the tasks of its key, and of other
// keys whose turn is earlier one each.
func (c *aheadCount) inOwnQueue(tree *readyTree) {
	if tree.lanes == nil {
		c.inTree(tree)
		return
	}
	of := tree.lanes
	k := of.queue.keys[c.rec.task.ConcurrencyKey]
	inLane, same := 0, k.laneIn(of)
	if same != nil {
		first := before(of.tasks, laneTask{k.number, same.head})
		inLane = before(of.tasks, laneTask{k.number, c.key}) - first
	}
	own, lanes, others := k.laneIn(c.v.order.ready.trees[c.rec.group].lanes), 0, of.all.Len()
	if own.place != laneClosed {
		lanes = before(of.first, own.at) + before(of.later, own.at)
	}
	if same != nil {
		others--
		if own.place != laneClosed && same.at.less(own.at) {
			lanes-- // it is counted in inLane
		}
	}
	c.N += inLane + lanes
	c.others = c.others || others > 0
	c.closed = own.place == laneClosed
}

// inTurns counts in the groups of other queues, those at or below a place of the turns.
func (c *aheadCount) inTurns(own *queueUse, wall task.Micros, at int) {
	turns := c.v.order.ready.turns.Items()
	if at >= len(turns) || !turns[at].first.Less(c.key.ReadyKey) || c.counted == mostCounted && c.More {
		return
	}
	switch turn := turns[at]; {
	case !c.competes(turn, own, wall):
	case turn.queue != nil:
		c.More = true
	case c.room(turn.tree.group):
		c.inTree(turn.tree)
	}
	c.inTurns(own, wall, 2*at+1)
	c.inTurns(own, wall, 2*at+2)
}

// othersTakeTurns reports whether other queues may start such tasks, in turns that go by how long their tasks run.
func (c *aheadCount) othersTakeTurns(own *queueUse, wall task.Micros) bool {
	for i, turn := range c.v.order.ready.turns.Items() {
		if i == mostCounted || c.competes(turn, own, wall) {
			return true
		}
	}
	return false
}

// competes reports whether tasks of another queue may start that share what runs the task.
func (c *aheadCount) competes(turn *turn, own *queueUse, wall task.Micros) bool {
	if turn.queue == nil {
		u := c.v.counts.queues.byGroup[turn.tree.group]
		return u != own && c.shares(c.v.counts.names[turn.tree.group].taskType) && !c.v.holds(u, wall)
	}
	if u := c.v.counts.queues.byName[turn.queue.name]; u == nil || u == own || c.v.holds(u, wall) {
		return false
	}
	for _, of := range turn.queue.groups {
		if of.first.Len()+of.later.Len() > 0 && c.shares(c.v.counts.names[of.group].taskType) {
			return true
		}
	}
	return false
}

// inTree counts in a group without lanes. The task that was asked for last is mostly a neighbour.
func (c *aheadCount) inTree(tree *readyTree) {
	n := beforeFrom(tree.tasks, c.key, int(tree.asked.Load()))
	tree.asked.Store(int64(n))
	c.N += n
}

// before returns how many items of the tree are less than one.
func before[T interface{ less(T) bool }](tree *btree.BTreeG[T], item T) int {
	return beforeFrom(tree, item, tree.Len())
}

// beforeFrom is before. It is the quicker the nearer the number is to from.
func beforeFrom[T interface{ less(T) bool }](tree *btree.BTreeG[T], item T, from int) int {
	isBefore := func(i int) bool {
		other, _ := tree.GetAt(i)
		return other.less(item)
	}
	low, high, step := 0, tree.Len(), 1 // those below low are before it, those from high on are not
	if from = min(from, high); from < high && isBefore(from) {
		for low = from + 1; low+step < high; step *= 2 {
			if !isBefore(low + step) {
				high = low + step
				break
			}
			low += step + 1
		}
	} else {
		for high = from; high-step >= 0; step *= 2 {
			if isBefore(high - step) {
				low = high - step + 1
				break
			}
			high -= step
		}
	}
	return low + sort.Search(high-low, func(i int) bool { return !isBefore(low + i) })
}
