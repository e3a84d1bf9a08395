package projection

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"daybook/task"
)

// MaxQueues is how many queues are counted one by one. When there are more, those are forgotten
// that are empty: that have no task that waits or runs. Their ended tasks stay in lists, and are
// counted together as those of the queue "".
const MaxQueues = 1000

// queueUse is what is known of a queue.
type queueUse struct {
	name   string
	groups []uint32
	live   int64 // tasks that have not ended
	used   int64 // seq of the event that last made one live
	shown  bool  // it is counted by itself
	unread bool  // it is in queues.unread
}

// queues says which queues are counted by themselves. It is a fold of the log, as all counts.
type queues struct {
	most    int // maximum length of shown; it is longer only while more queues are not empty
	byName  map[string]*queueUse
	inOrder []*queueUse // of their first tasks
	byGroup []*queueUse
	shown   []*queueUse
	unread  []*queueUse     // whose counts have changed since MovedQueues was last called
	rest    map[Count]int64 // counts of those that are not, together; by Count without N
	turned  int64           // seq of the event that last changed rest; 0 for one before the start
}

func newQueues() queues {
	return queues{most: MaxQueues, byName: make(map[string]*queueUse), rest: make(map[Count]int64)}
}

// add takes in a new group of the queue.
func (q *queues) add(name string, group uint32) {
	u := q.byName[name]
	if u == nil {
		u = &queueUse{name: name}
		q.byName[name] = u
		q.inOrder = append(q.inOrder, u)
	}
	u.groups = append(u.groups, group)
	q.byGroup = append(q.byGroup, u)
}

// changed takes in that a count of the group has changed.
func (q *queues) changed(group uint32) {
	if u := q.byGroup[group]; !u.unread {
		u.unread = true
		q.unread = append(q.unread, u)
	}
}

// allChanged takes in that any count may have changed.
func (q *queues) allChanged() {
	for g := range q.byGroup {
		q.changed(uint32(g))
	}
}

// MovedQueues calls fn for each queue whose counts have changed since it was last called, or since the views
// were opened. It is for the goroutine that writes.
func (v *Views) MovedQueues(fn func(name string)) {
	q := &v.counts.queues
	for _, u := range q.unread {
		u.unread = false
		fn(u.name)
	}
	q.unread = q.unread[:0]
}

// wentLive takes in that a task of the group is submitted, or goes on after its end; it is not
// counted yet.
func (c *counts) wentLive(group uint32, seq int64) {
	u := c.queues.byGroup[group]
	isNew := u.used == 0
	u.live++
	u.used = seq
	if u.shown {
		return
	}
	u.shown = true
	c.queues.shown = append(c.queues.shown, u)
	if !isNew {
		c.turn(u, seq)
	}
	c.forgetSome(seq)
}

// hasEnded takes in that a task of the group has.
func (c *counts) hasEnded(group uint32, seq int64) {
	c.queues.byGroup[group].live--
	c.forgetSome(seq)
}

// forgetSome forgets the empty queues that were used least recently, while there are too many.
func (c *counts) forgetSome(seq int64) {
	q := &c.queues
	for len(q.shown) > q.most {
		oldest := -1
		for i, u := range q.shown {
			if u.live == 0 && (oldest < 0 || u.used < q.shown[oldest].used) {
				oldest = i
			}
		}
		if oldest < 0 {
			return
		}
		u := q.shown[oldest]
		u.shown = false
		q.shown = slices.Delete(q.shown, oldest, oldest+1)
		c.turn(u, seq)
	}
}

// turn moves what is counted of a queue to the rest, or back, as of the event.
func (c *counts) turn(u *queueUse, seq int64) {
	c.queues.turned = seq
	c.eachEnded(u, func(facet uint32, n int64) {
		c.moved[facet] = seq
		if u.shown {
			n = -n
		}
		c.addToRest(facet, n)
	})
}

func (c *counts) addToRest(facet uint32, n int64) {
	of := c.count(facet, 0)
	of.Queue = ""
	c.queues.rest[of] += n
}

// eachEnded calls fn with the counts of an empty queue.
func (c *counts) eachEnded(u *queueUse, fn func(facet uint32, n int64)) {
	for _, g := range u.groups {
		for f := g * statusSpan; f < (g+1)*statusSpan; f++ {
			if c.n[f] != 0 {
				fn(f, c.n[f])
			}
		}
	}
}

// isLive reports whether the status is one of a task that has not ended.
func isLive(s task.Status) bool { return s != task.None && !s.Ended() }

// TaskTypes lists the types of all tasks that there ever were, in no order.
func (v *Views) TaskTypes() []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var types []string
	seen := make(map[string]bool)
	for _, g := range v.counts.names {
		if !seen[g.taskType] {
			seen[g.taskType] = true
			types = append(types, g.taskType)
		}
	}
	return types
}

// LiveQueues lists the queues that have tasks that have not ended, in no order.
func (v *Views) LiveQueues() []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var names []string
	for _, u := range v.counts.queues.shown {
		if u.live > 0 {
			names = append(names, u.name)
		}
	}
	return names
}

// CountedQueues lists the queues that are counted by themselves, and those about which something was decided, in
// alphabetical order.
func (v *Views) CountedQueues() []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var names []string
	for _, u := range v.counts.queues.shown {
		names = append(names, u.name)
	}
	names = slices.AppendSeq(names, maps.Keys(foldIn[*queueStates](v.streams).States))
	slices.Sort(names)
	return slices.Compact(names)
}

const (
	usesVersion = 2 // the first byte; files from before have that of the windows there
	shownBit    = 1
)

// append appends what cannot be worked out from counts.
func (q *queues) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, usesVersion), uint64(len(q.inOrder)))
	for _, u := range q.inOrder {
		use := uint64(u.used) << 1
		if u.shown {
			use |= shownBit
		}
		b = binary.AppendUvarint(b, use)
	}
	return b
}

var errUses = errors.New("what it says of queues cannot be read")

// readUses reads what append has written for the queues there are, and returns what follows
// it. The counts must be those of then. Error: errUses.
func (c *counts) readUses(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != usesVersion {
		return nil, errUses
	}
	q, r := &c.queues, varints{b: b[1:]}
	if r.next() != uint64(len(q.inOrder)) {
		return nil, errUses
	}
	for _, u := range q.inOrder {
		use := r.next()
		u.used, u.shown = int64(use>>1), use&shownBit != 0
		if u.shown {
			q.shown = append(q.shown, u)
		} else {
			c.eachEnded(u, c.addToRest)
		}
		for _, g := range u.groups {
			for s := range statusSpan {
				if isLive(task.Status(s)) {
					u.live += c.n[g*statusSpan+s]
				}
			}
		}
	}
	if r.bad {
		return nil, errUses
	}
	return r.b, nil
}
