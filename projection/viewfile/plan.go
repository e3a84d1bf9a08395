package viewfile

import "slices"

// plan is which lists a query walks. It meets every match in them; what the lists do
// not tell by themselves is looked up chunk by chunk.
type plan struct {
	terms    []int64
	byFacet  bool // the terms are of facets: that condition holds
	withTags bool // the terms are the tags: so does that one
}

// blockCost is what it costs to get one more block, in entries looked at.
const blockCost = 800

// plan chooses the lists that are cheapest to walk to their end. Most walks stop before
// it, but which share of a list they walk is the same for all lists.
func (r *Reader) plan(m *match, chunks int64) plan {
	t := r.totals
	walk := func(terms int, n int64) int64 { return n + blockCost*min(n, int64(terms)*chunks) }

	tags := int64(0)
	if m.tags != nil {
		tags = walk(len(m.tags), m.tagged)
	}
	best := plan{terms: []int64{termAll}}
	least := walk(1, t.all) + tags
	if facets, n := m.facetTerms(t); facets != nil && walk(len(facets), n)+tags < least {
		best, least = plan{terms: facets, byFacet: true}, walk(len(facets), n)+tags
	}
	if runs, n := m.runTerms(t); runs != nil && walk(len(runs), n)+tags < least {
		best, least = plan{terms: runs}, walk(len(runs), n)+tags
	}
	if m.tags != nil && tags < least {
		best = plan{terms: m.tags, withTags: true}
	}
	return best
}

// facetTerms lists the terms that cover the facets that match and no others, and how
// many tasks they have. A status of which all facets match is one term.
func (m *match) facetTerms(t *totals) (terms []int64, n int64) {
	if m.facets == nil {
		return nil, 0
	}
	whole := make([]bool, FacetSpan)
	for status := range whole {
		whole[status] = true
	}
	for facet := range t.facets {
		if !m.facet(uint64(facet)) {
			whole[facet%FacetSpan] = false
		}
	}
	for facet, yes := range m.facets {
		if !yes {
			continue
		}
		term := facetTerm(uint32(facet))
		if whole[uint32(facet)%FacetSpan] {
			term = statusTerm(uint32(facet))
		}
		if !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
		n += t.facets[uint32(facet)]
	}
	return terms, n
}

// runTerms lists the terms of the buckets that may match, and how many tasks they have.
func (m *match) runTerms(t *totals) (terms []int64, n int64) {
	if !m.byRun {
		return nil, 0
	}
	terms = []int64{}
	first, last := bucketOf(m.minRun), bucketOf(m.maxRun)
	for bucket := first; bucket <= last; bucket++ {
		if !t.ran[bucket] {
			continue
		}
		n += t.runs[bucket]
		term := runTerm(bucket)
		if wide := bucket / wideSpan; wide*wideSpan >= first && (wide+1)*wideSpan-1 <= last {
			term = wideTerm(wide)
		}
		if len(terms) == 0 || terms[len(terms)-1] != term {
			terms = append(terms, term)
		}
	}
	return terms, n
}
