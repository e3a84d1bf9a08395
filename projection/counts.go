package projection

import (
	"cmp"
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
	return g
}

// facetOf returns the facet that the task is in now.
func facetOf(rec *record) uint32 { return rec.group*statusSpan + uint32(rec.task.Status) }

// enter counts a new task and returns its facet.
func (c *counts) enter(rec *record) uint32 {
	f := facetOf(rec)
	c.n[f]++
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
	list, seq := v.countsNow()
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Queue, b.Queue))
	})
	return list, seq
}

func (v *Views) countsNow() ([]Count, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var list []Count
	for f, n := range v.counts.n {
		if n != 0 {
			name := v.counts.names[uint32(f)/statusSpan]
			list = append(list, Count{task.Status(uint32(f) % statusSpan), name.taskType, name.queue, n})
		}
	}
	return list, v.Seq()
}
