package scheduler

import (
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// overlay is the tasks as a round leaves them so far, over those of the round below and those of
// the views.
type overlay struct {
	views    *source
	below    *overlay // of the round that is being appended, until that is done
	tasks    map[ulid.ULID]*node
	largest  int                           // the most that tasks has held since it was made
	keys     map[string]*node              // by idempotency key
	claims   map[task.Claim][]*node        // tasks that have come to hold a unique key
	mates    map[mateKey][]*node           // tasks that are live anew, by concurrency key
	steps    map[stepName]*task.Event      // that were recorded, nil for those that were forgotten
	signals  map[string]*projection.Signal // that were sent
	families map[ulid.ULID]*familyChange   // by parent
	retried  bool                          // a task that had ended is live again
	ready    line                          // pending tasks, for dispatch
	nodes    slab[node]                    // memory of tasks
}

// node is a task as a round leaves it.
type node struct {
	task       task.Task
	stream     string
	submitted  *task.Event // its submission, when the round has decided that
	parameters []byte      // of its submission, if that was not on disk when the round looked
	// ordinary: an entry touched it that may not use the reserve. What builds on it may not
	// use it either, so that it cannot outlive it.
	ordinary bool
	// entry is the latest entry of the round that touched it, counted from 1.
	entry int
}

// find returns the task as the round, or else the one below, has left it; nil if neither has
// touched it.
func (o *overlay) find(id ulid.ULID) *node {
	for ; o != nil; o = o.below {
		if n := o.tasks[id]; n != nil {
			return n
		}
	}
	return nil
}

// get returns the task as it stands so far, nil if there is none. It is not to be changed.
func (o *overlay) get(id ulid.ULID) *task.Task {
	if n := o.find(id); n != nil {
		return &n.task
	}
	return o.views.get(id)
}

// byKey returns the task submitted with the key, nil if there is none.
func (o *overlay) byKey(key string) *task.Task {
	for at := o; at != nil; at = at.below {
		if n := at.keys[key]; n != nil {
			return o.get(n.task.ID)
		}
	}
	state := o.views.byKey(key)
	if state == nil {
		return nil
	}
	if n := o.find(state.ID); n != nil {
		return &n.task
	}
	return state
}

// own returns the round's own copy of the task, which stands as get says.
func (o *overlay) own(id ulid.ULID, state *task.Task) *node {
	n := o.find(id)
	if n != nil && n == o.tasks[id] {
		return n
	}
	mine := o.nodes.one()
	mine.task = *state
	if n != nil {
		mine.stream, mine.parameters = n.stream, n.parameters
	}
	o.tasks[id] = mine
	return mine
}

// ownNew returns the round's own copy of a task that does not exist yet.
func (o *overlay) ownNew(id ulid.ULID) *node {
	n := o.nodes.one()
	o.tasks[id] = n
	return n
}

// mayUseReserve reports whether what builds on the task in this round may use the reserve.
func (o *overlay) mayUseReserve(id ulid.ULID) bool {
	n := o.tasks[id]
	return n == nil || !n.ordinary
}

// noteKey notes the idempotency key of a task that is new, if it has one.
func (o *overlay) noteKey(n *node) {
	key := n.task.IdempotencyKey()
	if key == "" {
		return
	}
	if o.keys == nil {
		o.keys = make(map[string]*node)
	}
	o.keys[key] = n
}

// noteClaim notes that the task has come to hold its unique key, if it has one.
func (o *overlay) noteClaim(n *node) {
	claim, ok := n.task.Claims()
	if !ok {
		return
	}
	if o.claims == nil {
		o.claims = make(map[task.Claim][]*node)
	}
	o.claims[claim] = append(o.claims[claim], n)
}

// reset empties the overlay and keeps its memory.
func (o *overlay) reset() {
	o.below = nil
	o.largest = max(o.largest, len(o.tasks))
	if len(o.tasks)*8 < o.largest { // clearing a large map takes long
		o.tasks, o.largest = make(map[ulid.ULID]*node), 0
	} else {
		clear(o.tasks)
	}
	clear(o.keys)
	clear(o.claims)
	clear(o.mates)
	clear(o.steps)
	clear(o.signals)
	o.retried = false
	clear(o.families)
	o.ready = emptied(o.ready)
	o.nodes.reset(keptChunks)
}
