package handler

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheBudgetIsNeverExceededAndAlwaysReturned(t *testing.T) {
	b := NewPixelBudget(0)
	whole := b.free
	var used atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 500 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
				n := 1 + rand.Int64N(whole)
				release, err := b.take(ctx, n)
				if err == nil {
					if used.Add(n) > whole {
						t.Error("more than the budget is in use")
					}
					used.Add(-n)
					release()
				}
				cancel()
			}
		})
	}
	workers.Wait()
	if b.free != whole || b.waiting.Len() != 0 {
		t.Errorf("%d of %d free, %d waiting", b.free, whole, b.waiting.Len())
	}
}

func TestWhoWaitsForPixelsIsServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewPixelBudget(0)
		release, err := b.take(t.Context(), b.free)
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 3)
		wait := func(ctx context.Context, name string, n int64) {
			go func() {
				done, err := b.take(ctx, n)
				if err != nil {
					order <- name + " gave up"
					return
				}
				order <- name
				done()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait(ctx, "first", 2*maxPicturePixels)
		wait(t.Context(), "second", 2*maxPicturePixels)
		wait(t.Context(), "third", 1)
		cancel()
		synctest.Wait()
		release()
		synctest.Wait()
		if a, b, c := <-order, <-order, <-order; a != "first gave up" || b != "second" || c != "third" {
			t.Errorf("served %s, %s, %s", a, b, c)
		}
	})
}

func TestAPictureWaitsForItsPixels(t *testing.T) {
	s := newStudio(t)
	budget := NewPixelBudget(0)
	if _, err := budget.take(t.Context(), budget.free); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	h := NewImage(budget)
	_, err := h.Run(ctx, Call{Parameters: withDefaults(t, h, map[string]any{"image_count": 1}), Files: s.files})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
