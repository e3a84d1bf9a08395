package projection

import (
	"bytes"
	"slices"
	"strings"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// filter is a Query prepared for a scan.
type filter struct {
	facets   []bool   // which ones match, by facet; nil = all
	statuses []bool   // those of the facets, by status
	total    int64    // tasks in those facets, of those that wait for what is asked
	waiting  *waiting // nil = all

	tags       []string
	parent     ulid.ULID // zero = all
	minRun     task.Micros
	maxRun     task.Micros
	byID       bool // first … last bounds the id
	first      ulid.ULID
	last       ulid.ULID
	impossible bool // no id has that prefix
}

// newFilter makes a filter on the groups there are. A task that is submitted later may
// be of a new one: it lies outside the scan. mu is held.
func (v *Views) newFilter(q Query) filter {
	c := &v.counts
	if len(q.Waiting) > 0 {
		if !anyOf(q.Statuses, task.Pending) {
			return filter{facets: make([]bool, len(c.n)), statuses: make([]bool, statusSpan)} // nothing
		}
		q.Statuses = []task.Status{task.Pending}
	}
	f := filter{tags: q.Tags, parent: q.Parent, minRun: q.MinRun, maxRun: q.MaxRun, statuses: make([]bool, statusSpan)}
	if len(q.Statuses)+len(q.Types)+len(q.Queues) > 0 {
		f.facets = make([]bool, len(c.n))
	}
	for i, n := range c.n {
		name, status := c.names[uint32(i)/statusSpan], task.Status(uint32(i)%statusSpan)
		if anyOf(q.Statuses, status) && anyOf(q.Types, name.taskType) && anyOf(q.Queues, name.queue) {
			f.total += n
			f.statuses[status] = true
			if f.facets != nil {
				f.facets[i] = true
			}
		}
	}
	if len(q.Waiting) > 0 {
		v.filterWaiting(&f, q)
	}
	if q.IDPrefix != "" {
		var ok bool
		f.byID = true
		f.first, f.last, ok = prefixBounds(q.IDPrefix)
		f.impossible = !ok
	}
	return f
}

func anyOf[T comparable](list []T, x T) bool { return len(list) == 0 || slices.Contains(list, x) }

// prefixBounds returns the first and the last id whose name begins with prefix; false
// if none does.
func prefixBounds(prefix string) (first, last ulid.ULID, ok bool) {
	open := ulid.EncodedSize - len(prefix)
	if open < 0 {
		return first, last, false
	}
	first, ok = task.ParseID(prefix + strings.Repeat("0", open))
	if !ok {
		return first, last, false
	}
	last, ok = task.ParseID(prefix + strings.Repeat("Z", open))
	return first, last, ok
}

// plain reports whether total is the number of matches.
func (f *filter) plain() bool {
	return len(f.tags) == 0 && f.parent == (ulid.ULID{}) && !f.byID && f.minRun == 0 && f.maxRun == 0
}

// matchesNothing reports whether no task can match.
func (f *filter) matchesNothing() bool { return f.total == 0 || f.impossible }

// matchesFacet reports whether tasks of the facet can match.
func (f *filter) matchesFacet(facet uint32) bool { return f.facets == nil || f.facets[facet] }

// matchesRest reports whether the task matches in all that is not in its facet.
func (f *filter) matchesRest(t *task.Task) bool {
	if f.byID && (bytes.Compare(t.ID[:], f.first[:]) < 0 || bytes.Compare(t.ID[:], f.last[:]) > 0) {
		return false
	}
	if f.parent != (ulid.ULID{}) && t.Parent() != f.parent {
		return false
	}
	if !f.ran(t) {
		return false
	}
	if len(f.tags) == 0 {
		return true
	}
	for _, tag := range t.Tags() {
		if slices.Contains(f.tags, tag) {
			return true
		}
	}
	return false
}

// ran reports whether the task ran for a time within the bounds.
func (f *filter) ran(t *task.Task) bool {
	if f.minRun == 0 && f.maxRun == 0 {
		return true
	}
	run := t.CompletedAt - t.StartedAt
	return t.StartedAt != 0 && t.CompletedAt != 0 && run >= f.minRun && (f.maxRun == 0 || run <= f.maxRun)
}

// endedFacets lists the wanted facets that a task in the archive can have.
func (f *filter) endedFacets() []uint32 {
	var list []uint32
	for i, wanted := range f.facets {
		if wanted && task.Status(uint32(i)%statusSpan).Ended() {
			list = append(list, uint32(i))
		}
	}
	return list
}

// matches reports whether a task of the group matches.
func (f *filter) matches(group uint32, t *task.Task) bool {
	return f.matchesFacet(group*statusSpan+uint32(t.Status)) && f.matchesRest(t)
}
