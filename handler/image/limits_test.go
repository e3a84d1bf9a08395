package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/handler"
	"daybook/handler/handlertest"

	"golang.org/x/image/bmp"
)

func TestTheBudgetIsNeverExceededAndAlwaysReturned(t *testing.T) {
	b := newMemoryBudget(0)
	whole := b.free
	var used atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 500 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
				n := 1 + rand.Int64N(whole)
				release, err := b.acquire(ctx, n)
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

func TestWhoWaitsForMemoryIsServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMemoryBudget(0)
		release, err := b.acquire(t.Context(), b.free)
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 3)
		wait := func(ctx context.Context, name string, n int64) {
			go func() {
				done, err := b.acquire(ctx, n)
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
		wait(ctx, "first", b.whole)
		wait(t.Context(), "second", b.whole)
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

func TestAPictureWaitsForItsMemory(t *testing.T) {
	s := newStudio(t)
	budget := newMemoryBudget(0)
	if _, err := budget.acquire(t.Context(), budget.free); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	h := &Processing{budget: budget}
	_, err := h.Run(ctx, handler.Call{Parameters: handlertest.Prepare(t, h, map[string]any{"image_count": 1}), Files: s.files})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// claiming is a JPEG or PNG that says it is larger than it is.
func claiming(data []byte, at int, width, height uint16, widthFirst bool) []byte {
	data = slices.Clone(data)
	if widthFirst {
		binary.BigEndian.PutUint32(data[at:], uint32(width))
		binary.BigEndian.PutUint32(data[at+4:], uint32(height))
		return data
	}
	binary.BigEndian.PutUint16(data[at:], height)
	binary.BigEndian.PutUint16(data[at+2:], width)
	return data
}

// A picture that takes more than there is for all is never tried, whatever its file's length.
func TestAPictureThatTakesMoreThanAllMemoryIsRefused(t *testing.T) {
	progressive := fixture(t, "arithmetic-progressive.jpg")
	frame := bytes.Index(progressive, []byte{0xff, 0xca}) + 5
	interlaced := pngOf(t, image.NewNRGBA64(image.Rect(0, 0, 1, 1)))
	interlaced[28] = 1
	interlaced = claiming(interlaced, 16, 9000, 9000, true)
	binary.BigEndian.PutUint32(interlaced[29:], crc32.ChecksumIEEE(interlaced[12:29]))
	for name, data := range map[string][]byte{
		"progressive": claiming(progressive, frame, 9990, 9990, false), "interlaced": interlaced,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStudio(t)
			h := &Processing{budget: newMemoryBudget(300 << 20)}
			params := handlertest.Prepare(t, h, map[string]any{"files": []string{s.put(name, data)}, "operation": "thumbnail"})
			_, err := h.Run(t.Context(), handler.Call{Parameters: params, Files: s.files, Report: func(float64, string) {}})
			if !handler.IsPermanent(err) || !strings.Contains(err.Error(), "MB of memory, and all pictures together may take 314;") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What is reserved is what decoding allocates, and a little more.
func TestDecodingTakesNoMoreThanWasReserved(t *testing.T) {
	noisy := image.NewNRGBA64(image.Rect(0, 0, 700, 700))
	for i := range noisy.Pix {
		noisy.Pix[i] = uint8(i * i >> 3)
	}
	for name, data := range map[string][]byte{
		"png": pngOf(t, quarters(1500, 1500, [4]color.NRGBA{red, green, blue, gold})), "png of 16 bits": pngOf(t, noisy),
		"gif": encoded(t, func(w io.Writer) error {
			return gif.Encode(w, quarters(1500, 1500, [4]color.NRGBA{red, green, blue, gold}), nil)
		}),
		"jpeg": jpegOf(t, quarters(1500, 1500, [4]color.NRGBA{red, green, blue, gold})),
		"bmp":  encoded(t, func(w io.Writer) error { return bmp.Encode(w, noisy) }),
		"tiff": fixture(t, "jpeg.tif"), "webp": fixture(t, "animated.webp"), "heic": fixture(t, "phone-icc.heic"), "avif": fixture(t, "grid.avif"),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readHeader(t.Context(), bytes.NewReader(data), int64(len(data)), newMemoryBudget(0))
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := s.decode(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			const buffers = 1 << 20
			if took, reserved := int64(after.TotalAlloc-before.TotalAlloc), s.memoryFor(1); took > reserved+buffers {
				t.Errorf("it took %d bytes, %d were reserved", took, reserved)
			}
		})
	}
}

func TestTheBudgetIsHalfOfTheMemoryLimit(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(600 << 20))
	if b := newMemoryBudget(0); b.whole != 300<<20 {
		t.Errorf("%d bytes", b.whole)
	}
}
