package projection

import (
	"cmp"
	"maps"
	"slices"

	"daybook/projection/viewfile"
	"daybook/task"
)

// statusSpan is how many facets a group has: one for each status, None among them.
var statusSpan = viewfile.FacetSpan

// groupName is what a group of tasks has in common for life.
type groupName struct{ taskType, queue string }

// counts holds how many tasks there are of each facet. A facet is a group and a
// status in one number.
type counts struct {
	groups map[groupName]uint32
	names  []groupName // by group
	n      []int64     // by facet
	moved  []int64     // by facet; seq of the event that last changed n, 0 for one before the start
}

// group returns the group of that type and queue.
func (c *counts) group(taskType, queue string) uint32 {
	name := groupName{taskType, queue}
	if g, ok := c.groups[name]; ok {
		return g
	}
	g := uint32(len(c.names))
	c.groups[name] = g
	c.names = append(c.names, name)
	c.n = append(c.n, make([]int64, statusSpan)...)
	c.moved = append(c.moved, make([]int64, statusSpan)...)
	return g
}

// facetOf returns the facet that the task is in now.
func facetOf(rec *record) uint32 { return rec.group*statusSpan + uint32(rec.task.Status) }

// enter counts a new task and returns its facet.
func (c *counts) enter(rec *record) uint32 {
	f := facetOf(rec)
	c.n[f]++
	c.moved[f] = rec.task.LastSeq
	return f
}

// move counts the task where it is now, and tells whether that is another place.
func (c *counts) move(rec *record) bool {
	f := facetOf(rec)
	if f == rec.facet {
		return false
	}
	c.n[rec.facet]--
	c.n[f]++
	c.moved[rec.facet], c.moved[f] = rec.task.LastSeq, rec.task.LastSeq
	rec.facet = f
	return true
}

// live is how many tasks there are that have not ended.
func (c *counts) live() (n int64) {
	for f := range c.n {
		if !task.Status(uint32(f) % statusSpan).Ended() {
			n += c.n[f]
		}
	}
	return n
}

// Count is how many tasks there are of one status, type and queue.
type Count struct {
	Status      task.Status
	Type, Queue string
	N           int64
}

// Counts lists all counts that are not zero, by status, type and queue, and the seq
// they show.
func (v *Views) Counts() ([]Count, int64) {
	list, seq := v.countsNow(func(_, n int64) bool { return n != 0 })
	inOrder(list)
	return list, seq
}

// CountsSince lists the counts that events after a seq have changed, those that are zero now
// too, as Counts does.
func (v *Views) CountsSince(after int64) ([]Count, int64) {
	list, seq := v.countsNow(func(moved, _ int64) bool { return moved > after })
	inOrder(list)
	return list, seq
}

func inOrder(list []Count) {
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Queue, b.Queue))
	})
}

// QueueNames lists the queues that ever had a task, in no order.
func (v *Views) QueueNames() []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	names := make(map[string]struct{})
	for _, g := range v.counts.names {
		names[g.queue] = struct{}{}
	}
	return slices.Collect(maps.Keys(names))
}

func (v *Views) countsNow(wanted func(moved, n int64) bool) ([]Count, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var list []Count
	for f, n := range v.counts.n {
		if wanted(v.counts.moved[f], n) {
			name := v.counts.names[uint32(f)/statusSpan]
			list = append(list, Count{task.Status(uint32(f) % statusSpan), name.taskType, name.queue, n})
		}
	}
	return list, v.Seq()
}
