package viewfile

import (
	"context"
	"math"
	"slices"

	"github.com/oklog/ulid/v2"
)

// Part is a range of the matches from which a page takes its rows. Other matches are only counted.
type Part struct {
	From   int64 // submit seq, inclusive
	Before int64 // submit seq, exclusive
	Limit  int   // maximum number of rows, the latest submitted first
}

// Page returns the rows of a part, and the number of all matches up to most, which is not 0.
func (r *Reader) Page(ctx context.Context, q *Query, part Part, most int64) ([]Row, int64, error) {
	rows, n, ok, err := r.pageCounted(ctx, q, part, most)
	if err == nil && !ok {
		rows, n, err = r.pageWalked(ctx, q, part, most)
	}
	if err != nil {
		return nil, 0, fail("list and count ended tasks", err)
	}
	return rows, n, nil
}

// pageCounted does it by a count and a walk of the part; ok is false if there is no such count.
func (r *Reader) pageCounted(ctx context.Context, q *Query, part Part, most int64) (rows []Row, n int64, ok bool, err error) {
	m, some, err := r.newMatch(q)
	if err != nil || !some {
		return []Row{}, 0, true, err
	}
	if n, ok, err = r.countPlain(m, most); err != nil || !ok || n == 0 {
		return []Row{}, n, ok, err
	}
	of := *q
	of.From, of.Before = max(m.from, part.From), min(m.before, part.Before)
	var seqs []int64
	if of.From < of.Before {
		if seqs, err = r.latest(ctx, &of, nil, part.Limit); err != nil {
			return nil, 0, true, err
		}
	}
	rows, err = r.rowsAt(seqs)
	return rows, n, true, err
}

// pageWalked does it by a walk of all matches.
func (r *Reader) pageWalked(ctx context.Context, q *Query, part Part, most int64) ([]Row, int64, error) {
	var seqs []int64
	n, at := int64(0), int64(math.MaxInt64)
	err := r.walk(ctx, q, func(seq int64) bool {
		n++
		at = seq
		if seq >= part.From && seq < part.Before && len(seqs) < part.Limit {
			seqs = append(seqs, seq)
		}
		return n < most
	})
	if err == nil && n == most { // the part may continue where the count ended
		rest := *q
		rest.From, rest.Before = max(q.From, part.From), min(at, part.Before)
		if rest.From < rest.Before {
			seqs, err = r.latest(ctx, &rest, seqs, part.Limit)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	rows, err := r.rowsAt(seqs)
	return rows, n, err
}

// Rows returns up to limit matches, the latest submitted first.
func (r *Reader) Rows(ctx context.Context, q *Query, limit int) ([]Row, error) {
	seqs, err := r.latest(ctx, q, nil, limit)
	var rows []Row
	if err == nil {
		rows, err = r.rowsAt(seqs)
	}
	if err != nil {
		return nil, fail("list ended tasks", err)
	}
	return rows, nil
}

// latest appends the submit seqs of matches, the latest first, up to limit.
func (r *Reader) latest(ctx context.Context, q *Query, seqs []int64, limit int) ([]int64, error) {
	if len(seqs) >= limit {
		return seqs, nil
	}
	err := r.walk(ctx, q, func(seq int64) bool {
		seqs = append(seqs, seq)
		return len(seqs) < limit
	})
	return seqs, err
}

// walk calls fn with the submit seq of every match, the latest first, until fn returns false.
func (r *Reader) walk(ctx context.Context, q *Query, fn func(seq int64) bool) error {
	m, ok, err := r.newMatch(q)
	if err != nil || !ok {
		return err
	}
	w, err := r.plan(m)
	if err != nil {
		return err
	}
	for last := int64(math.MaxInt64); ; {
		c, ok, err := w.next(ctx)
		if err != nil || !ok {
			return err
		}
		if c.seq == last { // the task has several of the tags
			continue
		}
		last = c.seq
		if yes, err := m.accepts(r, &c, w); err != nil {
			return err
		} else if yes && !fn(c.seq) {
			return nil
		}
	}
}

// candidate is what an index has of an ended task.
type candidate struct {
	seq   int64
	facet uint32
}

const candidateKinds = "iii"

// match is a prepared Query.
type match struct {
	*Query
	facets                []bool   // by facet; nil = all
	listed                []uint32 // the same as a list
	least, most           int64    // run times, both inclusive; tasks that never started have -1
	byRun                 bool
	firstClass, lastClass int64 // of the run times
	from, before          int64
	ids                   [2]string           // both inclusive; "" = all
	zones                 map[int64]zoneMatch // cache of zoneMatches
	tags                  []string
}

// newMatch prepares a query, and returns false if nothing can match.
func (r *Reader) newMatch(q *Query) (*match, bool, error) {
	m := &match{Query: q, from: max(q.From, 0), before: math.MaxInt64, least: -1, most: math.MaxInt64, zones: map[int64]zoneMatch{}}
	if q.Before != 0 {
		m.before = q.Before
	}
	if q.Facets != nil {
		m.facets = make([]bool, len(r.groups)*int(FacetSpan))
		for _, facet := range q.Facets {
			if int(facet) < len(m.facets) && statusOf(facet).Ended() && !m.facets[facet] {
				m.facets[facet] = true
				m.listed = append(m.listed, facet)
			}
		}
		if len(m.listed) == 0 {
			return nil, false, nil
		}
	}
	if q.MinRun != 0 || q.MaxRun != 0 {
		m.byRun, m.least = true, max(int64(q.MinRun), 0)
		if q.MaxRun != 0 {
			m.most = int64(q.MaxRun)
		}
		m.firstClass, m.lastClass = classOf(m.least), classOf(m.most)
	}
	for i, tag := range q.Tags {
		if !slices.Contains(q.Tags[:i], tag) {
			m.tags = append(m.tags, tag)
		}
	}
	if q.MinID != (ulid.ULID{}) || q.MaxID != (ulid.ULID{}) {
		if ok, err := r.boundByID(m); err != nil || !ok {
			return nil, false, err
		}
	}
	return m, m.from < m.before && m.least <= m.most, nil
}

// boundByID narrows the match to the zones that may have matching ids.
func (r *Reader) boundByID(m *match) (bool, error) {
	m.ids = [2]string{m.MinID.String(), m.MaxID.String()}
	if _, err := r.zones.row(r.dest[:2], m.ids[0], m.ids[1]); err != nil {
		return false, err
	}
	low, some := r.dest[0].(int64)
	m.from, m.before = max(m.from, low<<zoneBits), min(m.before, (intOf(r.dest[1])+1)<<zoneBits)
	return some, nil
}

// accepts reports whether a candidate meets the conditions that the walk has not checked.
func (m *match) accepts(r *Reader, c *candidate, w *walk) (bool, error) {
	if m.facets != nil && (int(c.facet) >= len(m.facets) || !m.facets[c.facet]) {
		return false, nil
	}
	if m.Exclude != nil && m.Exclude(c.seq) {
		return false, nil
	}
	if m.tags != nil && !w.byTags {
		if yes, err := r.isTagged(c, m.tags); err != nil || !yes {
			return false, err
		}
	}
	byID, bySeq := m.ids[0] != "" && !w.byIDs, m.LastSeq < r.summary.latest
	if !byID && !bySeq {
		return true, nil
	}
	zone, err := r.zoneMatches(m, zoneOf(c.seq))
	if err != nil || zone.none {
		return false, err
	}
	if (!byID || zone.ids) && (!bySeq || zone.seqs) {
		return true, nil
	}
	if found, err := r.endOf.row(r.dest[:2], c.seq); err != nil {
		return false, err
	} else if !found {
		return false, damaged("a task is in an index and not in its table")
	}
	id, _ := r.dest[1].(string)
	return intOf(r.dest[0]) <= m.LastSeq && (!byID || id >= m.ids[0] && id <= m.ids[1]), nil
}

func (r *Reader) isTagged(c *candidate, tags []string) (bool, error) {
	for _, tag := range tags {
		if found, err := r.hasTag.row(r.dest[:1], tag, int64(statusOf(c.facet)), c.seq); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// zoneMatch says whether the ids of all tasks of a zone match, whether their last seqs do, and whether
// no task can match.
type zoneMatch struct{ ids, seqs, none bool }

func (r *Reader) zoneMatches(m *match, zone int64) (zoneMatch, error) {
	s, known := m.zones[zone]
	if known {
		return s, nil
	}
	found, err := r.zone.row(r.dest[:4], zone)
	if err != nil {
		return s, err
	}
	if !found {
		return s, damaged("a zone is missing")
	}
	least, _ := r.dest[0].(string)
	most, _ := r.dest[1].(string)
	s = zoneMatch{
		ids:  least >= m.ids[0] && most <= m.ids[1],
		seqs: intOf(r.dest[3]) <= m.LastSeq,
		none: intOf(r.dest[2]) > m.LastSeq,
	}
	m.zones[zone] = s
	return s, nil
}
