package scheduler

import (
	"bufio"
	"crypto/rand"
	"io"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// idSource makes ULIDs that grow as long as the time it is given does not go down.
// Not for use by several goroutines.
type idSource struct {
	entropy *ulid.MonotonicEntropy
}

func newIDSource() *idSource {
	var random io.Reader = bufio.NewReaderSize(rand.Reader, 4096)
	return &idSource{entropy: ulid.Monotonic(random, 0)}
}

// next returns a new id of the moment now.
func (s *idSource) next(now task.Micros) ulid.ULID {
	for ms := uint64(now / 1000); ; ms++ {
		// The only error is that the millisecond's random part is used up.
		if id, err := ulid.New(ms, s.entropy); err == nil {
			return id
		}
	}
}
