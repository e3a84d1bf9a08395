package viewfile

import (
	"context"
)

// room is what a reader uses again for every query.
type room struct {
	found, other set
	heads        []head
	entries      []entry
	facets, runs bool // whether the walk looks at these columns: they are most of a block
}

// head is the newest block of a term that has not been walked yet.
type head struct {
	term, chunk int64
	columns
}

// walk calls fn for every chunk that has matches, from the newest one, with its first
// seq and the matches in it, until fn returns false.
func (r *Reader) walk(ctx context.Context, q *Query, fn func(base int64, found *set) bool) error {
	m, err := r.newMatch(q)
	if err != nil || m.nothing {
		return err
	}
	low, high, err := r.chunks(m)
	if err != nil || low > high {
		return err
	}
	p := r.plan(m, high-low+1)
	r.room.facets, r.room.runs = m.facets != nil && !p.byFacet, m.byRun
	if err := r.seekAll(&p, low, high); err != nil {
		return err
	}
	for len(r.room.heads) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := int64(-1)
		for i := range r.room.heads {
			chunk = max(chunk, r.room.heads[i].chunk)
		}
		found := &r.room.found
		newest, err := r.gather(m, &p, chunk)
		if err == nil {
			err = r.narrow(m, q, &p, chunk, newest)
		}
		if err != nil {
			return err
		}
		if !fn(chunk<<chunkBits, found) {
			return nil
		}
		if err := r.advance(low, chunk); err != nil {
			return err
		}
	}
	return nil
}

// chunks returns the first and the last chunk that may have matches; if there are none
// the first comes after the last.
func (r *Reader) chunks(m *match) (low, high int64, err error) {
	if m.byID {
		_, err = r.zones.row(r.dest[:2], m.least[:], m.most[:])
	} else {
		_, err = r.ends.row(r.dest[:2])
	}
	if err != nil {
		return 0, 0, err
	}
	low, some := r.dest[0].(int64)
	high = intOf(r.dest[1])
	if !some {
		return 0, -1, nil
	}
	return max(low, chunkOf(m.from)), min(high, chunkOf(m.to)), nil
}

// seekAll finds the first head of every term of the plan.
func (r *Reader) seekAll(p *plan, low, high int64) error {
	r.room.heads = r.room.heads[:0]
	for _, term := range p.terms {
		h := head{term: term}
		found, err := r.seek(&h, low, high)
		if err != nil {
			return err
		}
		if found {
			r.room.heads = append(r.room.heads, h)
		}
	}
	return nil
}

// seek makes h the newest block of its term in the chunks low … high.
func (r *Reader) seek(h *head, low, high int64) (bool, error) {
	if low > high {
		return false, nil
	}
	found, err := r.below.row(r.dest[:5], keyOf(h.term, low), keyOf(h.term, high), r.room.facets, r.room.runs)
	if err != nil || !found {
		return false, err
	}
	key := intOf(r.dest[0])
	_, h.chunk = split(key)
	h.newest = intOf(r.dest[1])
	h.seqs, h.facets, h.runs = bytesOf(r.dest[2]), bytesOf(r.dest[3]), bytesOf(r.dest[4])
	return true, nil
}

// advance moves the heads of the chunk to the blocks before it.
func (r *Reader) advance(low, chunk int64) error {
	heads := r.room.heads
	for i := 0; i < len(heads); {
		if heads[i].chunk != chunk {
			i++
			continue
		}
		found, err := r.seek(&heads[i], low, chunk-1)
		if err != nil {
			return err
		}
		if found {
			i++
			continue
		}
		heads[i] = heads[len(heads)-1]
		heads = heads[:len(heads)-1]
	}
	r.room.heads = heads
	return nil
}

// gather puts into room.found the entries of the heads in the chunk that match as far as
// entries tell. No task there has an event after newest.
func (r *Reader) gather(m *match, p *plan, chunk int64) (newest int64, err error) {
	r.room.found = set{}
	for i := range r.room.heads {
		h := &r.room.heads[i]
		if h.chunk != chunk {
			continue
		}
		newest = max(newest, h.newest)
		if err := fill(&r.room.found, &h.columns, m, p.byFacet); err != nil {
			return 0, err
		}
	}
	return newest, nil
}

// narrow takes out of room.found what does not match by what entries do not tell.
func (r *Reader) narrow(m *match, q *Query, p *plan, chunk, newest int64) error {
	found, base := &r.room.found, chunk<<chunkBits
	if base < m.from || base+chunkSize-1 > m.to {
		found.keep(max(m.from-base, 0), min(m.to-base, chunkSize-1))
	}
	if m.tags != nil && !p.withTags {
		if err := r.narrowByTags(m, chunk); err != nil {
			return err
		}
	}
	if newest > q.LastSeq {
		if err := r.narrowByLast(q.LastSeq, chunk); err != nil {
			return err
		}
	}
	if m.byID {
		if err := r.narrowByID(m, chunk); err != nil {
			return err
		}
	}
	if q.Without != nil {
		found.down(func(at uint16) bool {
			if q.Without(base + int64(at)) {
				found.remove(at)
			}
			return true
		})
	}
	return nil
}

func (r *Reader) narrowByTags(m *match, chunk int64) error {
	tagged := &r.room.other
	*tagged = set{}
	for _, term := range m.tags {
		found, err := r.block.row(r.dest[:5], keyOf(term, chunk))
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		c := columnsOf(r.dest[:5])
		if err := fill(tagged, &c, &match{}, true); err != nil {
			return err
		}
	}
	r.room.found.and(tagged)
	return nil
}

func (r *Reader) narrowByLast(last, chunk int64) error {
	found, err := r.block.row(r.dest[:5], keyOf(termAll, chunk))
	if err != nil {
		return err
	}
	if !found {
		return damaged("a chunk is missing")
	}
	c := columnsOf(r.dest[:5])
	if r.room.entries, err = c.decode(r.room.entries[:0], termAll, chunk); err != nil {
		return err
	}
	for i := range r.room.entries {
		if e := &r.room.entries[i]; e.last > last {
			r.room.found.remove(e.at)
		}
	}
	return nil
}
