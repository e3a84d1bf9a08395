package projection

import (
	"daybook/internal/priority"
	"daybook/task"

	"github.com/tidwall/btree"
)

// Line gives the ready tasks in the order in which they are to start: by task.ReadyKey between queues and in a
// queue, and in a queue with rules for keys as those say. Tasks that their keys hold are not in it. Nothing may
// be applied while it is in use. It is for the goroutine that writes.
type Line struct {
	v      *Views
	wanted func(taskType, queue string) bool
	heads  priority.Queue[*lineHead] // with the one whose task is next first
	near   []int                     // places in turns from which on nothing was looked at: a heap by their first tasks
	queues map[*keyQueue]*lineHead
	turns  *queueTurns // nil unless queues take turns by weight
}

// lineHead is the position in a group, or in a queue with rules for keys.
type lineHead struct {
	key   dueKey // the task that is next
	queue string
	ahead task.Micros // of the queue, while queues take turns
	place int32       // in Line.heads; 0 = it is not there
	tasks btree.IterG[dueKey]
	keys  *keyLine // nil for a group
}

// OpenLine returns a line of the tasks of the types and queues that are wanted. Others cost nothing, however
// many there are.
func (v *Views) OpenLine(wanted func(taskType, queue string) bool) *Line {
	l := &Line{v: v, wanted: wanted}
	if v.order.ready.turns.Len() > 0 {
		l.near = append(l.near, 0)
	}
	if v.ByWeight() {
		l.turns = &queueTurns{states: foldIn[*queueStates](v.streams)}
		for len(l.near) > 0 { // the turn of a queue is not that of its first task
			l.lookOn()
		}
	}
	return l
}

// First returns the task that is next, nil if there is none.
func (l *Line) First() *task.Task {
	for len(l.near) > 0 {
		if next := l.v.order.ready.turns.Items()[l.near[0]]; l.heads.Len() > 0 && !next.first.Less(l.heads.First().key.ReadyKey) {
			break
		}
		l.lookOn()
	}
	if l.heads.Len() == 0 {
		return nil
	}
	return &l.heads.First().key.rec.task
}

// Skip passes over the task that is next.
func (l *Line) Skip() {
	head := l.heads.First()
	if head.keys != nil {
		head.keys.skip()
		l.moved(head)
		return
	}
	if !head.tasks.Next() {
		l.heads.Remove(head)
		return
	}
	head.key = head.tasks.Item()
	l.heads.Put(head)
}

// Started notes that a task starts at that moment: it was decided, and is not in the views. It may be one that
// First returned, or another one. What the limits of its key then hold leaves the line.
func (l *Line) Started(t *task.Task, at task.Micros) {
	if q := l.v.order.keyed.byName[t.Queue]; q != nil {
		head := l.open(q)
		head.keys.start(t, at)
		l.moved(head)
	}
	if l.turns != nil {
		l.turns.start(t)
		for _, head := range l.heads.Items() {
			if head.queue == t.Queue {
				head.ahead = l.turns.ahead(t.Queue)
			}
		}
		l.heads.Reorder()
	}
}

// Holds reports whether its key holds a ready task, with the starts that are decided.
func (l *Line) Holds(t *task.Task) bool {
	q := l.v.order.keyed.byName[t.Queue]
	if q == nil || q.keys[t.ConcurrencyKey] == nil {
		return false
	}
	return l.open(q).keys.charge(q.keys[t.ConcurrencyKey]).closed
}

// lookOn looks at the turn that is nearest.
func (l *Line) lookOn() {
	turns := l.v.order.ready.turns.Items()
	i := l.near[0]
	l.popNear()
	for child := 2*i + 1; child <= 2*i+2 && child < len(turns); child++ {
		l.pushNear(child)
	}
	if q := turns[i].queue; q != nil {
		l.open(q)
		return
	}
	tree := turns[i].tree
	if !l.wants(tree.group) {
		return
	}
	head := &lineHead{tasks: tree.tasks.Iter(), queue: l.v.counts.names[tree.group].queue}
	head.tasks.First()
	head.key = head.tasks.Item()
	l.push(head)
}

func (l *Line) wants(group uint32) bool {
	name := l.v.counts.names[group]
	return l.wanted(name.taskType, name.queue)
}

// open returns the position in a queue with rules for keys.
func (l *Line) open(q *keyQueue) *lineHead {
	if head := l.queues[q]; head != nil {
		return head
	}
	head := &lineHead{queue: q.name, keys: newKeyLine(q, l.wants)}
	if l.queues == nil {
		l.queues = make(map[*keyQueue]*lineHead)
	}
	l.queues[q] = head
	l.moved(head)
	return head
}

// push adds a position.
func (l *Line) push(head *lineHead) {
	if l.turns != nil {
		head.ahead = l.turns.ahead(head.queue)
	}
	l.heads.Put(head)
}

// moved puts the position in a queue with rules for keys where it belongs now.
func (l *Line) moved(head *lineHead) {
	key, ok := head.keys.next()
	head.key = key
	switch {
	case ok && head.place == 0:
		l.push(head)
	case ok:
		l.heads.Put(head)
	default:
		l.heads.Remove(head)
	}
}

func (h *lineHead) Place() *int32 { return &h.place }

func (h *lineHead) Before(other *lineHead) bool {
	if h.ahead != other.ahead {
		return h.ahead < other.ahead
	}
	return h.key.less(other.key)
}

func (l *Line) isNearer(i, k int) bool {
	turns := l.v.order.ready.turns.Items()
	return turns[l.near[i]].first.Less(turns[l.near[k]].first)
}

func (l *Line) pushNear(place int) {
	l.near = append(l.near, place)
	for i := len(l.near) - 1; i > 0 && l.isNearer(i, (i-1)/2); i = (i - 1) / 2 {
		l.near[i], l.near[(i-1)/2] = l.near[(i-1)/2], l.near[i]
	}
}

func (l *Line) popNear() {
	last := len(l.near) - 1
	l.near[0] = l.near[last]
	l.near = l.near[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if l.isNearer(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		l.near[i], l.near[least] = l.near[least], l.near[i]
		i = least
	}
}
