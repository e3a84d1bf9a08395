package handler

import (
	"context"
	"image"
	"math"
	"slices"

	"golang.org/x/image/draw"
)

// resample brings the part of src to the size with the kernel, which is widened when the part
// shrinks, so that every pixel counts. It holds one row of sums and a few rows of src beside
// the result, whatever the sizes. Sums are made in premultiplied sRGB.
func resample(ctx context.Context, src image.Image, part image.Rectangle, size image.Point, kernel *draw.Kernel) (*image.RGBA, error) {
	dst := image.NewRGBA(image.Rectangle{Max: size})
	across := newTaps(size.X, part.Dx(), kernel)
	down := newTaps(size.Y, part.Dy(), kernel)
	rows := newRows(src, part, down.widest)
	sums := make([]float32, 4*part.Dx())
	for y := range size.Y {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		first, weights := down.of(y)
		clear(sums)
		for i, weight := range weights {
			addRow(sums, rows.at(first+i), weight)
		}
		for x := range size.X {
			first, weights := across.of(x)
			putPixel(dst.Pix[y*dst.Stride+4*x:], sums[4*first:], weights)
		}
	}
	return dst, nil
}

// addRow adds the weighted row to the sums.
func addRow(sums []float32, row []uint8, weight float32) {
	for len(sums) >= 4 && len(row) >= 4 {
		s, p := sums[:4:4], row[:4:4]
		s[0] += weight * float32(p[0])
		s[1] += weight * float32(p[1])
		s[2] += weight * float32(p[2])
		s[3] += weight * float32(p[3])
		sums, row = sums[4:], row[4:]
	}
}

// putPixel writes one weighted sum of pixels. What the kernel shoots over is cut, colour at alpha,
// so that the result is premultiplied still.
func putPixel(dst []uint8, sums, weights []float32) {
	var r, g, b, a float32
	for _, weight := range weights {
		s := sums[:4:4]
		r += weight * s[0]
		g += weight * s[1]
		b += weight * s[2]
		a += weight * s[3]
		sums = sums[4:]
	}
	a = min(max(a, 0), 255)
	dst = dst[:4:4]
	dst[0] = uint8(min(max(r, 0), a) + 0.5)
	dst[1] = uint8(min(max(g, 0), a) + 0.5)
	dst[2] = uint8(min(max(b, 0), a) + 0.5)
	dst[3] = uint8(a + 0.5)
}

// taps are the weights with which pixels of one line make those of a longer or shorter one.
type taps struct {
	first   []int     // by result: the first pixel that counts
	start   []int     // by result: where its weights begin; one more at the end
	weights []float32 // the sum of one result's is 1
	widest  int
}

// newTaps weighs a line of length from for one of length to.
func newTaps(to, from int, kernel *draw.Kernel) *taps {
	t := &taps{first: make([]int, to), start: make([]int, to+1)}
	step := float64(from) / float64(to)
	widen := math.Max(step, 1)
	for i := range to {
		centre := (float64(i)+0.5)*step - 0.5
		reach := kernel.Support * widen
		low := max(int(math.Ceil(centre-reach)), 0)
		high := min(int(math.Floor(centre+reach)), from-1)
		sum := 0.0
		for j := low; j <= high; j++ {
			weight := kernel.At(math.Abs(float64(j)-centre) / widen)
			t.weights = append(t.weights, float32(weight))
			sum += weight
		}
		for j := t.start[i]; j < len(t.weights); j++ {
			t.weights[j] /= float32(sum)
		}
		t.first[i], t.start[i+1] = low, len(t.weights)
		t.widest = max(t.widest, high-low+1)
	}
	return t
}

// of gives the first pixel that counts for result i and the weights from there.
func (t *taps) of(i int) (first int, weights []float32) {
	return t.first[i], t.weights[t.start[i]:t.start[i+1]]
}

// rows reads the rows of a part of a picture as premultiplied RGBA and keeps the last ones.
type rows struct {
	src  image.Image
	part image.Rectangle
	kept []*image.RGBA // one row each; row y is in y modulo their number
	y    []int         // which one it is
}

// keptRowBytes bounds what rows keeps; a row that comes up again later is read again.
const keptRowBytes = 16 << 20

func newRows(src image.Image, part image.Rectangle, widest int) *rows {
	n := min(widest, max(4, keptRowBytes/(4*part.Dx())))
	r := &rows{src: src, part: part, kept: make([]*image.RGBA, n), y: slices.Repeat([]int{-1}, n)}
	for i := range r.kept {
		r.kept[i] = image.NewRGBA(image.Rect(0, 0, part.Dx(), 1))
	}
	return r
}

// at is row y of the part, valid until the next call.
func (r *rows) at(y int) []uint8 {
	i := y % len(r.kept)
	if r.y[i] != y {
		readPixels(r.kept[i], r.kept[i].Rect, r.src, r.part.Min.Add(image.Pt(0, y)))
		r.y[i] = y
	}
	return r.kept[i].Pix
}

// readPixels copies from src, from the point on, to the rectangle of dst.
func readPixels(dst *image.RGBA, to image.Rectangle, src image.Image, from image.Point) {
	paletted, ok := src.(*image.Paletted)
	if !ok {
		draw.Draw(dst, to, src, from, draw.Src)
		return
	}
	colours := make([][4]uint8, 256) // an index beyond the palette is transparent
	for i, c := range paletted.Palette {
		r, g, b, a := c.RGBA()
		colours[i] = [4]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), uint8(a >> 8)}
	}
	for y := range to.Dy() {
		indices := paletted.Pix[paletted.PixOffset(from.X, from.Y+y):][:to.Dx()]
		row := dst.Pix[dst.PixOffset(to.Min.X, to.Min.Y+y):]
		for x, index := range indices {
			copy(row[4*x:], colours[index][:])
		}
	}
}

// toRGBA copies a picture, some rows at a time.
func toRGBA(ctx context.Context, src image.Image) (*image.RGBA, error) {
	const some = 64
	size := src.Bounds().Size()
	dst := image.NewRGBA(image.Rectangle{Max: size})
	for y := 0; y < size.Y; y += some {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		strip := image.Rect(0, y, size.X, min(y+some, size.Y))
		readPixels(dst, strip, src, src.Bounds().Min.Add(strip.Min))
	}
	return dst, nil
}
