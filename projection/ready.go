package projection

import (
	"container/heap"

	"daybook/task"

	"github.com/tidwall/btree"
)

// readyTrees holds the ready tasks in a tree for each group, which is a task type and a queue,
// so that all tasks of a type that nobody runs are skipped in one step.
type readyTrees struct {
	trees []*readyTree // by group; nil where no task was ever ready
	busy  []*readyTree // those that are not empty, in no order
	count int          // tasks in all of them
}

type readyTree struct {
	tasks *btree.BTreeG[dueKey]
	group uint32
	at    int // in busy, while it is not empty
}

func (r *readyTrees) add(key dueKey) {
	group := key.rec.group
	for int(group) >= len(r.trees) {
		r.trees = append(r.trees, nil)
	}
	tree := r.trees[group]
	if tree == nil {
		tree = &readyTree{tasks: btree.NewBTreeGOptions(dueKey.less, noLocks), group: group}
		r.trees[group] = tree
	}
	if tree.tasks.Len() == 0 {
		tree.at = len(r.busy)
		r.busy = append(r.busy, tree)
	}
	tree.tasks.Load(key) // quick when it comes last, as most do
	r.count++
}

func (r *readyTrees) remove(key dueKey) {
	tree := r.trees[key.rec.group]
	tree.tasks.Delete(key)
	r.count--
	if tree.tasks.Len() > 0 {
		return
	}
	last := len(r.busy) - 1
	moved := r.busy[last]
	r.busy[tree.at], moved.at = moved, tree.at
	r.busy[last] = nil
	r.busy = r.busy[:last]
}

// group is how many tasks of a group are ready, and since when the one is that comes next: of one
// priority it is the one that has been so for longest.
func (r *readyTrees) group(group uint32) (n int, since task.Micros) {
	if int(group) >= len(r.trees) || r.trees[group] == nil {
		return 0, 0
	}
	tree := r.trees[group].tasks
	if first, ok := tree.Min(); ok {
		since = first.rec.task.ReadyAt
	}
	return tree.Len(), since
}

// walk calls yield for the tasks of the groups that are wanted, in order, until it returns
// false. Nothing may be added or removed meanwhile.
func (r *readyTrees) walk(wanted func(group uint32) bool, yield func(*record) bool) {
	var heads readyHeads
	for _, tree := range r.busy {
		if wanted(tree.group) {
			head := readyHead{tasks: tree.tasks.Iter()}
			head.tasks.First()
			head.key = head.tasks.Item()
			heads = append(heads, head)
		}
	}
	heap.Init(&heads)
	for len(heads) > 0 {
		head := &heads[0]
		if !yield(head.key.rec) {
			return
		}
		if head.tasks.Next() {
			head.key = head.tasks.Item()
			heap.Fix(&heads, 0)
		} else {
			heap.Pop(&heads)
		}
	}
}

// readyHead is the position of a walk in one tree.
type readyHead struct {
	tasks btree.IterG[dueKey]
	key   dueKey
}

// readyHeads is a heap of positions, with the first task of all on top.
type readyHeads []readyHead

func (h readyHeads) Len() int           { return len(h) }
func (h readyHeads) Less(i, k int) bool { return h[i].key.less(h[k].key) }
func (h readyHeads) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *readyHeads) Push(x any)        { *h = append(*h, x.(readyHead)) }
func (h *readyHeads) Pop() any {
	last := len(*h) - 1
	head := (*h)[last]
	*h = (*h)[:last]
	return head
}
