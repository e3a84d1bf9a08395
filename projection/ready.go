package projection

import (
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
}

type readyTree struct {
	group uint32
	tasks *btree.BTreeG[dueKey] // nil while there are lanes
	lanes *lanes                // nil unless the queue has rules for keys
	turn  turn
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
	if tree.turn.at == 0 || key.Less(tree.turn.first) {
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
	if key.ReadyKey != tree.turn.first {
		return
	}
	if first, ok := tree.tasks.Min(); ok {
		o.ready.turns.set(&tree.turn, first.ReadyKey)
	} else {
		o.ready.turns.drop(&tree.turn)
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
