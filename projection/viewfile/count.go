package viewfile

import (
	"cmp"
	"slices"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// mostCounts is the maximum number of facets that are counted one by one.
const mostCounts = 256

// counters count entries of an index between two submit seqs, up to a limit. SQLite does it alone, without the rows: several times
// faster than a walk, and an index takes far fewer pages than its table.
type counters struct {
	facet, tag, all *sqlite.Query
}

// isPlain reports whether the match has no condition but facets, tags and bounds of the submit seq.
func (m *match) isPlain(s *summary) bool {
	return m.Exclude == nil && m.Parent == (ulid.ULID{}) && m.LastSeq >= s.latest && m.ids[0] == "" && !m.byRun
}

// isOneTag reports whether the tasks of its only tag, with some statuses, are the matches of a plain match.
func (m *match) isOneTag() bool {
	if len(m.tags) != 1 {
		return false
	}
	groups := len(m.facets) / int(FacetSpan)
	for facet, listed := range m.facets {
		status := uint32(facet) % FacetSpan
		for group := range groups {
			if !listed && m.facets[uint32(group)*FacetSpan+status] {
				return false // only some groups of the status
			}
		}
	}
	return true
}

// countPlain counts the matches up to most if their indexes have all conditions; else ok is false.
func (r *Reader) countPlain(m *match, most int64) (n int64, ok bool, err error) {
	switch {
	case !m.isPlain(r.summary) || m.tags != nil && !m.isOneTag():
		return 0, false, nil
	case m.tags != nil:
		for _, status := range m.statuses() {
			r.read, err = r.counters.tag.AppendText(r.read[:0], m.tags[0], int64(status), m.from, m.before, most-n)
			if n, err = r.addCount(n, err); err != nil || n == most {
				break
			}
		}
		return n, true, err
	}
	facets := m.listed
	if m.facets == nil {
		facets = r.endedFacets()
	}
	if len(facets) > mostCounts {
		if m.facets != nil {
			return 0, false, nil
		}
		r.read, err = r.counters.all.Append(r.read[:0], m.from, m.before, most)
		n, err = r.addCount(0, err)
		return n, true, err
	}
	for _, facet := range r.summary.largestFirst(facets) {
		r.read, err = r.counters.facet.Append(r.read[:0], int64(facet/FacetSpan), int64(facet%FacetSpan), m.from, m.before, most-n)
		if n, err = r.addCount(n, err); err != nil || n == most {
			break
		}
	}
	return n, true, err
}

// addCount adds the count that was read.
func (r *Reader) addCount(n int64, err error) (int64, error) {
	values := sqlite.ValuesOf(r.read)
	if n += values.Number(); err == nil && !values.Whole() {
		err = damaged("an index cannot be counted")
	}
	return n, err
}

// endedFacets lists the facets that ended tasks can have.
func (r *Reader) endedFacets() (facets []uint32) {
	for group := range r.groups {
		for _, status := range task.Statuses() {
			if status.Ended() {
				facets = append(facets, uint32(group)*FacetSpan+uint32(status))
			}
		}
	}
	return facets
}

// largestFirst sorts facets by their number of tasks, so that a count reaches its limit soon.
func (s *summary) largestFirst(facets []uint32) []uint32 {
	size := func(facet uint32) int64 {
		if int(facet) < len(s.counts) {
			return s.counts[facet]
		}
		return 0
	}
	return slices.SortedFunc(slices.Values(facets), func(a, b uint32) int { return cmp.Compare(size(b), size(a)) })
}

// statuses lists the statuses of ended tasks that can match.
func (m *match) statuses() (statuses []task.Status) {
	for _, status := range task.Statuses() {
		if status.Ended() && (m.listed == nil || slices.ContainsFunc(m.listed, func(facet uint32) bool { return statusOf(facet) == status })) {
			statuses = append(statuses, status)
		}
	}
	return statuses
}
