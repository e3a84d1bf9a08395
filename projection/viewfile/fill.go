package viewfile

import "encoding/binary"

// fill adds to s the entries of a block that match. byFacet tells that all facets of
// the block match, so that the column need not be there.
func fill(s *set, c *columns, m *match, byFacet bool) error {
	checkFacet, checkRun := m.facets != nil && !byFacet, m.byRun
	at, inFacets, inRuns := -1, 0, 0
	for i := 0; i < len(c.seqs); {
		var step, facet, run uint64
		step, i = next(c.seqs, i)
		if step >= chunkSize || at+1+int(step) >= chunkSize {
			return damaged("a block holds a seq of another chunk")
		}
		at += 1 + int(step)
		if checkFacet {
			facet, inFacets = next(c.facets, inFacets)
		}
		if checkRun {
			run, inRuns = next(c.runs, inRuns)
		}
		if i|inFacets|inRuns < 0 {
			return damaged("a block cannot be read")
		}
		if checkFacet && !m.facet(facet) || checkRun && !m.run(run) {
			continue
		}
		s.add(uint16(at))
	}
	return nil
}

// next reads the uvarint at b[i] and returns where the one after it begins, −1 when
// there is none. Most are short.
func next(b []byte, i int) (v uint64, after int) {
	if uint(i) < uint(len(b)) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	return nextLong(b, i)
}

func nextLong(b []byte, i int) (v uint64, after int) {
	if i < 0 {
		return 0, -1
	}
	if i+3 < len(b) {
		b := b[i : i+4]
		v = uint64(b[0]&0x7F) | uint64(b[1]&0x7F)<<7
		if b[1] < 0x80 {
			return v, i + 2
		}
		if v |= uint64(b[2]&0x7F) << 14; b[2] < 0x80 {
			return v, i + 3
		}
		if v |= uint64(b[3]&0x7F) << 21; b[3] < 0x80 {
			return v, i + 4
		}
	}
	v, n := binary.Uvarint(b[i:])
	if n <= 0 {
		return 0, -1
	}
	return v, i + n
}
