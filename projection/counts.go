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
	moved  []int64     // by facet; seq of the event that last changed what is shown of n, 0 for one before the start
	queues queues
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
	c.queues.add(queue, g)
	return g
}

// facetOf returns the facet that the task is in now.
func facetOf(rec *record) uint32 { return rec.group*statusSpan + uint32(rec.task.Status) }

// enter counts a new task and returns its facet.
func (c *counts) enter(rec *record) uint32 {
	f := facetOf(rec)
	c.wentLive(rec.group, rec.task.LastSeq)
	c.n[f]++
	c.moved[f] = rec.task.LastSeq
	c.queues.changed(rec.group)
	return f
}

// move counts the task where it is now, and reports whether that is another place.
func (c *counts) move(rec *record) bool {
	f := facetOf(rec)
	if f == rec.facet {
		return false
	}
	was, is := isLive(task.Status(rec.facet%statusSpan)), isLive(rec.task.Status)
	if is && !was {
		c.wentLive(rec.group, rec.task.LastSeq)
	}
	c.n[rec.facet]--
	c.n[f]++
	c.moved[rec.facet], c.moved[f] = rec.task.LastSeq, rec.task.LastSeq
	c.queues.changed(rec.group)
	rec.facet = f
	if was && !is {
		c.hasEnded(rec.group, rec.task.LastSeq)
	}
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

// Count is how many tasks there are of one status, type and queue; the queue "" stands for
// those that are forgotten: see MaxQueues.
type Count struct {
	Status      task.Status
	Type, Queue string
	N           int64
}

// Counts lists all counts that are not zero, by status, type and queue, and the seq
// they show.
func (v *Views) Counts() ([]Count, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var list []Count
	for c, n := range v.counts.queues.rest {
		if c.N = n; n != 0 {
			list = append(list, c)
		}
	}
	for f, n := range v.counts.n {
		if n != 0 && v.counts.queues.byGroup[uint32(f)/statusSpan].shown {
			list = append(list, v.counts.count(uint32(f), n))
		}
	}
	inOrder(list)
	return list, v.Seq()
}

// CountsSince lists the counts that events after a seq have changed, those that are zero now
// too, as Counts does.
func (v *Views) CountsSince(after int64) ([]Count, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	c := &v.counts
	var list []Count
	if c.queues.turned > after {
		for rest, n := range c.queues.rest {
			rest.N = n
			list = append(list, rest)
		}
	}
	for f, moved := range c.moved {
		switch {
		case moved <= after:
		case c.queues.byGroup[uint32(f)/statusSpan].shown:
			list = append(list, c.count(uint32(f), c.n[f]))
		default:
			list = append(list, c.count(uint32(f), 0))
		}
	}
	inOrder(list)
	return list, v.Seq()
}

func inOrder(list []Count) {
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Queue, b.Queue))
	})
}

func (c *counts) count(facet uint32, n int64) Count {
	name := c.names[facet/statusSpan]
	return Count{task.Status(facet % statusSpan), name.taskType, name.queue, n}
}
