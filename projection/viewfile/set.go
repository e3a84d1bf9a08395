package viewfile

import "math/bits"

// set is a set of the submit seqs of one chunk.
type set [chunkSize / 64]uint64

func (s *set) add(at uint16)    { s[at/64] |= 1 << (at % 64) }
func (s *set) remove(at uint16) { s[at/64] &^= 1 << (at % 64) }
func (s *set) and(o *set) {
	for i := range s {
		s[i] &= o[i]
	}
}

// keep takes out what is not in first … last, which lie in the chunk.
func (s *set) keep(first, last int64) {
	clear(s[:first/64])
	s[first/64] &= ^uint64(0) << (first % 64)
	clear(s[last/64+1:])
	s[last/64] &= ^uint64(0) >> (63 - last%64)
}

// size is how many are in it.
func (s *set) size() int64 {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return int64(n)
}

// appendDown appends base plus each, from the greatest to the least, until there are limit.
func (s *set) appendDown(seqs []int64, base int64, limit int) []int64 {
	s.down(func(at uint16) bool {
		seqs = append(seqs, base+int64(at))
		return len(seqs) < limit
	})
	return seqs
}

// down calls fn from the greatest to the least, until it returns false.
func (s *set) down(fn func(at uint16) bool) {
	for i := len(s) - 1; i >= 0; i-- {
		for word := s[i]; word != 0; {
			bit := 63 - bits.LeadingZeros64(word)
			word &^= 1 << bit
			if !fn(uint16(i*64 + bit)) {
				return
			}
		}
	}
}
