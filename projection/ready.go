package projection

import (
	"sync/atomic"

	"daybook/task"

	"github.com/tidwall/btree"
)

// readyTrees holds the ready tasks in a tree for each group, which is a task type and a queue,
// so that all tasks of a type that nobody runs are skipped in one step. A group of a queue with rules for
// keys has lanes instead of one tree.
type readyTrees struct {
	trees []*readyTree // by group; nil where no task was ever ready
	turns turns        // those of groups and queues from which a task may start
	count int          // tasks in all of them

	parked map[string]bool // queues that are in no turn: see Views.Park
}

type readyTree struct {
	group uint32
	tasks *btree.BTreeG[dueKey] // nil while there are lanes
	lanes *lanes                // nil unless the queue has rules for keys
	turn  turn
	asked atomic.Int64 // how many tasks came before the one that Ahead was asked for last
}

// readyTree returns the tree of the record's group.
func (o *order) readyTree(rec *record) *readyTree {
	r := &o.ready
	for int(rec.group) >= len(r.trees) {
		r.trees = append(r.trees, nil)
	}
	tree := r.trees[rec.group]
	if tree == nil {
		tree = &readyTree{group: rec.group}
		tree.turn.tree = tree
		r.trees[rec.group] = tree
		if q := o.keyed.byName[rec.task.Queue]; q != nil {
			tree.makeLanes(q)
		} else {
			tree.tasks = newDueTree()
		}
	}
	return tree
}

func newDueTree() *btree.BTreeG[dueKey] { return btree.NewBTreeGOptions(dueKey.less, noLocks) }

func (tree *readyTree) makeLanes(q *keyQueue) {
	tree.lanes = newLanes(q, tree.group)
	q.groups = append(q.groups, tree.lanes)
}

func (o *order) addReady(key dueKey) {
	tree := o.readyTree(key.rec)
	o.ready.count++
	if tree.lanes != nil {
		o.addToLane(tree.lanes, key)
		return
	}
	tree.tasks.Load(key) // quick when it comes last, as most do
	if (tree.turn.place == 0 || key.Less(tree.turn.first)) && !o.ready.isParked(key.rec.task.Queue) {
		o.ready.turns.set(&tree.turn, key.ReadyKey)
	}
}

func (o *order) removeReady(key dueKey) {
	tree := o.ready.trees[key.rec.group]
	o.ready.count--
	if tree.lanes != nil {
		o.removeFromLane(tree.lanes, key)
		return
	}
	tree.tasks.Delete(key)
	if tree.turn.place == 0 || key.ReadyKey != tree.turn.first {
		return
	}
	if first, ok := tree.tasks.Min(); ok {
		o.ready.turns.set(&tree.turn, first.ReadyKey)
	} else {
		o.ready.turns.Remove(&tree.turn)
	}
}

func (r *readyTrees) isParked(queue string) bool { return len(r.parked) > 0 && r.parked[queue] }

// Park takes the ready tasks of a queue out of every Line that is opened, or back into it, so that a queue that
// has reached a limit costs nothing. It says nothing of the queue: it is for the goroutine that writes, which
// knows the limits. No Line may be in use.
func (v *Views) Park(queue string, parked bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := &v.order.ready
	switch {
	case !parked:
		delete(r.parked, queue)
	case r.parked == nil:
		r.parked = map[string]bool{queue: true}
	default:
		r.parked[queue] = true
	}
	v.setTurns(queue)
}

// setTurns gives the groups of a queue their turns, or takes them away.
func (v *Views) setTurns(queue string) {
	r := &v.order.ready
	if q := v.order.keyed.byName[queue]; q != nil {
		v.order.setTurn(q)
		return
	}
	use := v.counts.queues.byName[queue]
	if use == nil {
		return
	}
	for _, g := range use.groups {
		if int(g) >= len(r.trees) || r.trees[g] == nil {
			continue
		}
		tree := r.trees[g]
		if first, ok := tree.tasks.Min(); ok && !r.isParked(queue) {
			r.turns.set(&tree.turn, first.ReadyKey)
		} else {
			r.turns.Remove(&tree.turn)
		}
	}
}

// group is how many tasks of a group are ready, and since when the one is that comes next: of one
// priority it is the one that has been so for longest.
func (r *readyTrees) group(group uint32) (n int, since task.Micros) {
	if int(group) >= len(r.trees) || r.trees[group] == nil {
		return 0, 0
	}
	tree := r.trees[group]
	if of := tree.lanes; of != nil {
		if head, ok := of.all.Min(); ok {
			since = head.lane.head.rec.task.ReadyAt
		}
		return of.tasks.Len(), since
	}
	if first, ok := tree.tasks.Min(); ok {
		since = first.rec.task.ReadyAt
	}
	return tree.tasks.Len(), since
}
