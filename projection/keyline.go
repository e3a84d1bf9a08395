package projection

import (
	"daybook/internal/priority"
	"daybook/task"

	"github.com/tidwall/btree"
)

// keyLine is the position of a Line in a queue with rules for keys. It goes through the lanes of the views as they
// are, and keeps apart those that are no more as they were there: tasks of them were passed over, or start.
type keyLine struct {
	q         *keyQueue
	groups    []laneCursors // of the groups that are wanted
	started   map[*key]*keyCharge
	moved     map[*lane]*movedLane
	startable priority.Queue[*movedLane] // those of moved that have a task that may start, with the next first
	virtual   task.Micros
	best      *lane // that of the task that is next
}

// laneCursors are the positions in the open lanes of a group.
type laneCursors struct {
	of           *lanes
	first, later laneCursor
}

type laneCursor struct {
	btree.IterG[laneKey]
	key laneKey // lane = nil: there are no more
}

// keyCharge is a key with the starts that are decided.
type keyCharge struct {
	running     int
	due, finish task.Micros
	closed      bool
}

// movedLane is a lane that is not as in the views.
type movedLane struct {
	task  dueKey // that is next in it
	at    laneKey
	place int32 // in keyLine.startable; 0 = it is not there
}

func newKeyLine(q *keyQueue, wants func(group uint32) bool) *keyLine {
	k := &keyLine{q: q, virtual: q.virtual}
	if q.open == 0 {
		return k
	}
	for _, of := range q.groups {
		if of.first.Len()+of.later.Len() > 0 && wants(of.group) {
			k.groups = append(k.groups, laneCursors{of, cursorIn(of.first), cursorIn(of.later)})
		}
	}
	return k
}

func cursorIn(tree *btree.BTreeG[laneKey]) laneCursor {
	if tree.Len() == 0 {
		return laneCursor{}
	}
	c := laneCursor{IterG: tree.Iter()}
	c.First()
	c.key = c.Item()
	return c
}

// next returns the task that is next, false if there is none.
func (k *keyLine) next() (dueKey, bool) {
	var best laneKey
	for i := range k.groups {
		g := &k.groups[i]
		for _, c := range [...]*laneCursor{&g.first, &g.later} {
			for c.key.lane != nil && k.moved[c.key.lane] != nil {
				c.key = laneKey{}
				if c.Next() {
					c.key = c.Item()
				}
			}
			if c.key.lane != nil && (best.lane == nil || c.key.less(best)) {
				best = c.key
			}
		}
	}
	if k.startable.Len() > 0 {
		if m := k.startable.First(); best.lane == nil || m.at.less(best) {
			k.best = m.at.lane
			return m.task, true
		}
	}
	if k.best = best.lane; k.best == nil {
		return dueKey{}, false
	}
	return k.best.head, true
}

// skip passes over the task that is next.
func (k *keyLine) skip() {
	m := k.move(k.best)
	next, ok := k.best.of.after(k.best.key, m.task)
	m.task = next
	k.place(k.best, m, ok)
}

// start notes that a task starts at that moment.
func (k *keyLine) start(t *task.Task, at task.Micros) {
	of := k.q.keys[t.ConcurrencyKey]
	if of == nil {
		return // it has no ready task in the views
	}
	c := k.charge(of)
	c.running++
	rules := k.q.rules
	c.closed = c.closed || of.full(c.running)
	if rules.Rate > 0 && of.limited() {
		c.due = rules.pace().Start(c.due, at)
		c.closed = c.closed || rules.pace().StartsAt(c.due) > at
	}
	if rules.Fair && t.Held().Charge > 0 {
		k.virtual = max(c.finish, k.virtual)
		c.finish = k.virtual + t.Held().Charge
	}
	for _, l := range of.lanes {
		m := k.move(l)
		k.place(l, m, m.task.rec != nil)
	}
}

// charge returns the key with the starts that are decided.
func (k *keyLine) charge(of *key) *keyCharge {
	c := k.started[of]
	if c == nil {
		if k.started == nil {
			k.started = make(map[*key]*keyCharge)
		}
		c = &keyCharge{running: len(of.running), due: of.due, finish: of.finish, closed: !of.isOpen()}
		k.started[of] = c
	}
	return c
}

// move returns the lane as one that is not as in the views.
func (k *keyLine) move(l *lane) *movedLane {
	m := k.moved[l]
	if m == nil {
		if k.moved == nil {
			k.moved = make(map[*lane]*movedLane)
		}
		m = &movedLane{task: l.head, at: l.at}
		k.moved[l] = m
	}
	return m
}

// place puts a lane that was moved where it belongs. more says that there is a task in it.
func (k *keyLine) place(l *lane, m *movedLane, more bool) {
	finish, closed := l.key.finish, l.place == laneClosed
	if c := k.started[l.key]; c != nil {
		finish, closed = c.finish, closed || c.closed
	}
	m.at = laneKey{k.q.ahead(finish), m.task.ReadyKey, l}
	if more && !closed && k.wants(l.of) {
		k.startable.Put(m)
	} else {
		k.startable.Remove(m)
	}
}

func (m *movedLane) Before(other *movedLane) bool { return m.at.less(other.at) }
func (m *movedLane) Place() *int32                { return &m.place }

// wants reports whether tasks of the group are wanted.
func (k *keyLine) wants(of *lanes) bool {
	for i := range k.groups {
		if k.groups[i].of == of {
			return true
		}
	}
	return false
}
