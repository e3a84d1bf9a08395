package scheduler

// slabSize is how many values a slab makes at once.
const slabSize = 128

// slab hands out values that live as long as a turn and are then used again. The zero
// value is empty. A value does not move while it is out.
type slab[T any] struct {
	chunks [][]T // each of slabSize, or larger for one long run
	at     int   // the chunk that values are taken from
	used   int   // of that chunk
}

// run returns an empty slice with room for n values.
func (s *slab[T]) run(n int) []T {
	for ; s.at < len(s.chunks); s.at, s.used = s.at+1, 0 {
		if chunk := s.chunks[s.at]; len(chunk)-s.used >= n {
			taken := chunk[s.used : s.used : s.used+n]
			s.used += n
			return taken
		}
	}
	s.chunks = append(s.chunks, make([]T, max(n, slabSize)))
	s.used = n
	return s.chunks[s.at][:0:n]
}

// one returns one value at zero.
func (s *slab[T]) one() *T { return &s.run(1)[:1][0] }

// reset takes all back and forgets what they pointed to. It keeps at most most chunks.
func (s *slab[T]) reset(most int) {
	for i := range s.chunks[:min(s.at, len(s.chunks))] {
		clear(s.chunks[i])
	}
	if s.at < len(s.chunks) {
		clear(s.chunks[s.at][:s.used])
	}
	if len(s.chunks) > most {
		clear(s.chunks[most:])
		s.chunks = s.chunks[:most]
	}
	s.at, s.used = 0, 0
}
