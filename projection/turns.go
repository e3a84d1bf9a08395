package projection

import (
	"daybook/internal/priority"
	"daybook/task"
)

// turn is the place of a group that has ready tasks, or of a queue with rules for keys that has some which may
// start, among all such.
type turn struct {
	first task.ReadyKey // none of its tasks comes before it
	place int32         // in turns; 0 = it is not there
	tree  *readyTree    // of a group
	queue *keyQueue     // of a queue with rules for keys
}

func (t *turn) Before(other *turn) bool { return t.first.Less(other.first) }
func (t *turn) Place() *int32           { return &t.place }

// turns has the least first task first. A walk looks at as much of it as it needs.
type turns struct{ priority.Queue[*turn] }

// set puts the turn where it belongs, with that first task.
func (q *turns) set(t *turn, first task.ReadyKey) {
	if t.place == 0 || t.first != first {
		t.first = first
		q.Put(t)
	}
}
