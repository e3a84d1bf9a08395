package client

import "runtime"

// Gathered is how many submits gather. It lets others run first.
func (s *Submitter) Gathered() (n int) {
	runtime.Gosched()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.gather {
		n += p.waiting
	}
	return n
}

// Indexes is indexes.
var Indexes = indexes
