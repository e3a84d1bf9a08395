package client

import "runtime"

// Gathered is how many submits gather. It lets others run first.
func (s *Submitter) Gathered() int {
	runtime.Gosched()
	return s.gathered()
}

// Indexes is indexes.
var Indexes = indexes
