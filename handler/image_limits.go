package handler

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

// What a picture may measure, before and after.
const (
	maxPicturePixels = 40_000_000
	maxPictureSide   = 16_384
	maxPictureBytes  = 512 << 20 // of a file
)

// checkMeasures refuses what would take too much memory.
func checkMeasures(width, height int) error {
	switch {
	case width < 1 || height < 1:
		return fmt.Errorf("%dx%d has no pixels", width, height)
	case width > maxPictureSide || height > maxPictureSide:
		return fmt.Errorf("%dx%d is over %d pixels a side", width, height, maxPictureSide)
	case int64(width)*int64(height) > maxPicturePixels:
		return fmt.Errorf("%dx%d is over %d megapixels", width, height, maxPicturePixels/1_000_000)
	}
	return nil
}

// PixelBudget bounds the pixels that are in memory at the same time, over all attempts that
// share it. First come, first served.
type PixelBudget struct {
	mu      sync.Mutex
	free    int64
	waiting list.List // of *pixelClaim
}

type pixelClaim struct {
	pixels  int64
	granted chan struct{} // closed under mu
}

// NewPixelBudget returns a budget of that many pixels, raised to what the largest picture and its
// result need together (80 million). A pixel takes 4 to 12 bytes.
func NewPixelBudget(pixels int64) *PixelBudget {
	return &PixelBudget{free: max(pixels, 2*maxPicturePixels)}
}

// take waits until that many pixels are free. release gives them back; call it once.
func (b *PixelBudget) take(ctx context.Context, pixels int64) (release func(), err error) {
	b.mu.Lock()
	claim := &pixelClaim{pixels: pixels, granted: make(chan struct{})}
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
			b.free += pixels
		default:
			b.waiting.Remove(place)
		}
		b.grant()
		return nil, ctx.Err()
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.free += pixels
		b.grant()
	}, nil
}

// grant serves who waits, in order. mu is held.
func (b *PixelBudget) grant() {
	for first := b.waiting.Front(); first != nil; first = b.waiting.Front() {
		claim := first.Value.(*pixelClaim)
		if claim.pixels > b.free {
			return
		}
		b.free -= claim.pixels
		b.waiting.Remove(first)
		close(claim.granted)
	}
}
