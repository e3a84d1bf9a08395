package image

import (
	"container/list"
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// What a picture may measure, before and after, beside the megapixels that a task allows.
const (
	maxPictureSide  = 65_535
	maxPictureBytes = 512 << 20 // of a file
)

// checkMeasures refuses what is larger than the task allows.
func checkMeasures(width, height, megapixels int) error {
	switch {
	case width < 1 || height < 1:
		return fmt.Errorf("%dx%d has no pixels", width, height)
	case width > maxPictureSide || height > maxPictureSide:
		return fmt.Errorf("%dx%d is over %d pixels a side; cut it into parts", width, height, maxPictureSide)
	case int64(width)*int64(height) > int64(megapixels)*1_000_000:
		return fmt.Errorf("%dx%d is over %d megapixels; make it smaller, or raise max_megapixels", width, height, megapixels)
	}
	return nil
}

// memoryBudget bounds the memory that pictures take at the same time, over all attempts that
// share it. First come, first served.
type memoryBudget struct {
	whole   int64
	mu      sync.Mutex
	free    int64
	waiting list.List // of *memoryClaim
}

type memoryClaim struct {
	bytes   int64
	granted chan struct{} // closed under mu
}

// usualBudget is the budget of a process whose memory is not limited.
const usualBudget = 1 << 30

// newMemoryBudget returns a budget of that many bytes. 0 = half of the memory limit of the Go
// runtime (GOMEMLIMIT), the other half being for everything else and for what is not collected
// yet; 1 GiB if there is no limit.
func newMemoryBudget(bytes int64) *memoryBudget {
	if bytes <= 0 {
		bytes = usualBudget
		if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
			bytes = limit / 2
		}
	}
	return &memoryBudget{whole: bytes, free: bytes}
}

// tooMuchMemory: a picture needs more than the whole budget. It would never be granted.
type tooMuchMemory struct{ need, whole int64 }

func (e tooMuchMemory) Error() string {
	return message.NewPrinter(language.English).Sprintf("it takes %d MB of memory, and all pictures together may take %d; make it smaller, save it without interlacing or progressive scans, or give the server more memory",
		megabytes(e.need), e.whole/1_000_000)
}

func megabytes(bytes int64) int64 { return (bytes + 999_999) / 1_000_000 }

// acquire waits until that many bytes are free. release gives them back; call it once. Errors:
// tooMuchMemory at once, ctx's.
func (b *memoryBudget) acquire(ctx context.Context, bytes int64) (release func(), err error) {
	if bytes > b.whole {
		return nil, tooMuchMemory{bytes, b.whole}
	}
	b.mu.Lock()
	claim := &memoryClaim{bytes: bytes, granted: make(chan struct{})}
	place := b.waiting.PushBack(claim)
	b.grant()
	b.mu.Unlock()
	select {
	case <-claim.granted:
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case <-claim.granted: // in the same moment
			b.free += bytes
		default:
			b.waiting.Remove(place)
		}
		b.grant()
		return nil, ctx.Err()
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.free += bytes
		b.grant()
	}, nil
}

// grant serves those that wait, in order. mu is held.
func (b *memoryBudget) grant() {
	for first := b.waiting.Front(); first != nil; first = b.waiting.Front() {
		claim := first.Value.(*memoryClaim)
		if claim.bytes > b.free {
			return
		}
		b.free -= claim.bytes
		b.waiting.Remove(first)
		close(claim.granted)
	}
}
