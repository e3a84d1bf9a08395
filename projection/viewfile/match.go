package viewfile

import (
	"bytes"
	"math"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// match is a Query made ready for looking at entries.
type match struct {
	nothing bool
	facets  []bool // nil = all; by facet
	byRun   bool
	minRun  task.Micros // inclusive
	maxRun  task.Micros
	minCode uint64 // the same for run times that are not negative
	maxCode uint64
	from    int64 // submit seqs, both inclusive
	to      int64
	byID    bool
	least   ulid.ULID
	most    ulid.ULID
	tags    []int64 // terms, any of; nil = all tasks
	tagged  int64   // how many tasks these have
}

func (r *Reader) newMatch(q *Query) (*match, error) {
	m := &match{from: max(q.From, 0), to: maxSeq - 1, minRun: math.MinInt64, maxRun: math.MaxInt64}
	if q.Before != 0 {
		m.to = min(m.to, q.Before-1)
	}
	if q.Facets != nil {
		m.facets = []bool{}
		for _, facet := range q.Facets {
			if _, ever := r.totals.facets[facet]; !ever {
				continue
			}
			for len(m.facets) <= int(facet) {
				m.facets = append(m.facets, false)
			}
			m.facets[facet] = true
		}
		m.nothing = len(m.facets) == 0
	}
	if m.byRun = q.MinRun != 0 || q.MaxRun != 0; m.byRun {
		if q.MinRun != 0 {
			m.minRun = q.MinRun
		}
		if q.MaxRun != 0 {
			m.maxRun = q.MaxRun
		}
		m.minCode, m.maxCode = 1, 0
		if m.maxRun >= 0 {
			m.minCode, m.maxCode = codeOf(max(m.minRun, 0)), codeOf(m.maxRun)
		}
	}
	if m.byID = q.LeastID != (ulid.ULID{}) || q.MostID != (ulid.ULID{}); m.byID {
		m.least, m.most = q.LeastID, q.MostID
		if bytes.Compare(m.least[:], m.most[:]) > 0 {
			m.nothing = true
		}
	}
	return m, r.findTags(m, q.Tags)
}

func (r *Reader) findTags(m *match, tags []string) error {
	for _, name := range tags {
		found, err := r.tag.row(r.dest[:2], name)
		if err != nil {
			return err
		}
		if found {
			m.tags = append(m.tags, intOf(r.dest[0]))
			m.tagged += intOf(r.dest[1])
		}
	}
	if len(tags) > 0 && len(m.tags) == 0 || m.from > m.to || m.minRun > m.maxRun {
		m.nothing = true
	}
	return nil
}

// facet tells whether tasks of the facet match.
func (m *match) facet(facet uint64) bool {
	return m.facets == nil || facet < uint64(len(m.facets)) && m.facets[facet]
}

// run tells whether tasks with that code of a run time match.
func (m *match) run(code uint64) bool {
	if code&1 != 0 { // not negative
		return code >= m.minCode && code <= m.maxCode
	}
	return code != 0 && runOf(code) >= m.minRun && runOf(code) <= m.maxRun
}
