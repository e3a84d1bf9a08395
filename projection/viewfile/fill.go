package viewfile

import (
	"encoding/binary"
	"math/bits"
)

// fill adds to s the entries of a block that match. byFacet tells that all facets of
// the block match, so that the column need not be there. It is where long walks spend
// their time: hence no pointers to what changes in the loop.
func fill(s *set, c *columns, m *match, byFacet bool) error {
	checkFacet, checkRun := m.facets != nil && !byFacet, m.byRun
	seqs, facets, runs := c.seqs, c.facets, c.runs
	at, i, inFacets, inRuns := -1, 0, 0, 0
	for i >= 0 && i < len(seqs) {
		step, after := quick(seqs, i)
		if after == i {
			step, after = slow(seqs, i)
		}
		i = after
		if at += 1 + int(min(step, chunkSize)); at >= chunkSize {
			return damaged("a block holds a seq of another chunk")
		}
		yes := true
		if checkFacet {
			facet, after := quick(facets, inFacets)
			if after == inFacets {
				facet, after = slow(facets, inFacets)
			}
			inFacets, yes = after, m.facet(facet)
		}
		if checkRun {
			run, after := quick(runs, inRuns)
			if after == inRuns {
				run, after = slow(runs, inRuns)
			}
			inRuns, yes = after, yes && m.run(run)
		}
		if i|inFacets|inRuns < 0 {
			break
		}
		if yes {
			s.add(uint16(at))
		}
	}
	if i|inFacets|inRuns < 0 {
		return damaged("a block cannot be read")
	}
	return nil
}

// quick reads the uvarint at b[at:] if it is of at most 4 bytes and not near the end, and
// returns where the next one begins; at when it did not. It has no branch on the
// length, and is small enough to be inlined.
func quick(b []byte, at int) (n uint64, after int) {
	if uint(at)+4 > uint(len(b)) {
		return 0, at
	}
	w := binary.LittleEndian.Uint32(b[at:])
	end := bits.TrailingZeros32(^w & 0x80808080) // of the last bit of the last byte; 32 = there is none
	w &= 1<<end - 1
	return uint64(w&0x7F | w>>1&0x3F80 | w>>2&0x1FC000 | w>>3&0xFE00000), at + (end&31+1)>>3
}

// slow reads any uvarint; after is −1 when there is none.
func slow(b []byte, at int) (n uint64, after int) {
	if at < 0 {
		return 0, -1
	}
	n, size := binary.Uvarint(b[at:])
	if size <= 0 {
		return 0, -1
	}
	return n, at + size
}
