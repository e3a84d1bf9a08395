package viewfile

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// entry is one task in a block.
type entry struct {
	at    uint16 // its submit seq, within the chunk
	gone  bool   // as a change: it leaves the block
	facet uint32
	run   uint64 // code of its run time
	last  int64  // seq of its latest event
}

// A block is kept as columns of uvarints: seqs as distances from the one before (the
// first from −1), less one; facets, unless all are the same by the term; codes of run
// times; and, for the term of all, the distance from submit seq to latest event.

// columns of a block, as in the table of lists.
type columns struct {
	newest                    int64
	seqs, facets, runs, lasts []byte
}

// decode appends the entries of a block to dst.
func (c *columns) decode(dst []entry, term, chunk int64) ([]entry, error) {
	kind, base := kindOf(term), chunk<<chunkBits
	seqs, facets := input{c.seqs, true}, input{c.facets, true}
	runs, lasts := input{c.runs, true}, input{c.lasts, true}
	at := int64(-1)
	for len(seqs.rest) > 0 {
		step := seqs.uvarint()
		if at += 1 + int64(step); step >= chunkSize || at >= chunkSize {
			return dst, damaged("a block holds a seq of another chunk")
		}
		e := entry{at: uint16(at), run: runs.uvarint()}
		if kind != kindFacet {
			e.facet = uint32(facets.uvarint())
		}
		if kind == termAll {
			e.last = base + at + int64(lasts.uvarint())
		}
		dst = append(dst, e)
	}
	if !seqs.ok || !facets.ok || !runs.ok || !lasts.ok || len(facets.rest)+len(runs.rest)+len(lasts.rest) > 0 {
		return dst, damaged("a block cannot be read")
	}
	return dst, nil
}

// encode makes the columns of entries, which are in order. It uses what room c has.
func (c *columns) encode(entries []entry, term, chunk int64) {
	kind, base := kindOf(term), chunk<<chunkBits
	c.seqs, c.facets, c.runs, c.lasts = c.seqs[:0], c.facets[:0], c.runs[:0], c.lasts[:0]
	before := int64(-1)
	for i := range entries {
		e := &entries[i]
		c.seqs = binary.AppendUvarint(c.seqs, uint64(int64(e.at)-before-1))
		before = int64(e.at)
		c.runs = binary.AppendUvarint(c.runs, e.run)
		if kind != kindFacet {
			c.facets = binary.AppendUvarint(c.facets, uint64(e.facet))
		}
		if kind == termAll {
			c.lasts = binary.AppendUvarint(c.lasts, uint64(e.last-base-before))
		}
	}
}

// inOrder sorts changes by seq and keeps the latest one of each.
func inOrder(changes []entry) []entry {
	sorted := true
	for i := 1; i < len(changes) && sorted; i++ {
		sorted = changes[i-1].at < changes[i].at
	}
	if sorted {
		return changes
	}
	slices.SortStableFunc(changes, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	kept := changes[:0]
	for i := range changes {
		if i+1 == len(changes) || changes[i+1].at != changes[i].at {
			kept = append(kept, changes[i])
		}
	}
	return kept
}

// merge appends to dst what old entries become by changes; both are in order.
func merge(dst, old, changes []entry) []entry {
	for len(old) > 0 || len(changes) > 0 {
		switch {
		case len(changes) == 0:
			return append(dst, old...)
		case len(old) > 0 && old[0].at < changes[0].at:
			dst, old = append(dst, old[0]), old[1:]
		default:
			if len(old) > 0 && old[0].at == changes[0].at {
				old = old[1:]
			}
			if !changes[0].gone {
				dst = append(dst, changes[0])
			}
			changes = changes[1:]
		}
	}
	return dst
}
