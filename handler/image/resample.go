package image

import (
	"context"
	"image"
	"math"
	"slices"

	"golang.org/x/image/draw"
)

// resample brings an area of src to the size with the kernel, which is widened when the area
// shrinks, so that every pixel counts. Pixels around the area count where the kernel reaches over
// its edge. It holds one row of sums and a few rows of src beside the result, whatever the sizes.
// Sums are made in premultiplied sRGB.
func resample(ctx context.Context, src image.Image, from area, size image.Point, kernel *draw.Kernel) (*image.RGBA, error) {
	dst := image.NewRGBA(image.Rectangle{Max: size})
	whole := src.Bounds().Size()
	across := newTaps(size.X, from.x, from.w, whole.X, kernel)
	down := newTaps(size.Y, from.y, from.h, whole.Y, kernel)
	left, right := across.reach()
	rows := newRows(src, left, right, down.widest)
	sums := make([]float32, 4*(right-left))
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
			putPixel(dst.Pix[y*dst.Stride+4*x:], sums[4*(first-left):], weights)
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

// newTaps weighs the part of a line of length whole that begins at from and has length part, for
// one of length to.
func newTaps(to int, from, part float64, whole int, kernel *draw.Kernel) *taps {
	t := &taps{first: make([]int, to), start: make([]int, to+1)}
	step := part / float64(to)
	widen := math.Max(step, 1)
	for i := range to {
		centre := from + (float64(i)+0.5)*step - 0.5
		reach := kernel.Support * widen
		low := max(int(math.Ceil(centre-reach)), 0)
		high := min(int(math.Floor(centre+reach)), whole-1)
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

// reach is the range of pixels that count for any result.
func (t *taps) reach() (low, high int) {
	last := len(t.first) - 1
	return t.first[0], t.first[last] + t.start[last+1] - t.start[last]
}

// rows reads columns of a picture row by row as premultiplied RGBA and keeps the last ones.
type rows struct {
	read func(dst *image.RGBA, y int)
	kept []*image.RGBA // one row each; row y is in y modulo their number
	y    []int         // which one it is
}

// keptRowBytes bounds what rows keeps; a row that comes up again later is read again.
const keptRowBytes = 16 << 20

func newRows(src image.Image, left, right, widest int) *rows {
	width := right - left
	n := min(widest, max(4, keptRowBytes/(4*width)))
	r := &rows{read: rowReader(src, left), kept: make([]*image.RGBA, n), y: slices.Repeat([]int{-1}, n)}
	for i := range r.kept {
		r.kept[i] = image.NewRGBA(image.Rect(0, 0, width, 1))
	}
	return r
}

// at is row y, valid until the next call.
func (r *rows) at(y int) []uint8 {
	i := y % len(r.kept)
	if r.y[i] != y {
		r.read(r.kept[i], y)
		r.y[i] = y
	}
	return r.kept[i].Pix
}

// rowReader returns what copies a row of src, from a column on, to a picture of one row.
func rowReader(src image.Image, left int) func(dst *image.RGBA, y int) {
	if src, ok := src.(*image.Paletted); ok {
		return palettedReader(src, left)
	}
	corner := src.Bounds().Min.Add(image.Pt(left, 0))
	return func(dst *image.RGBA, y int) {
		draw.Draw(dst, dst.Rect, src, corner.Add(image.Pt(0, y)), draw.Src)
	}
}

// palettedReader is rowReader of a picture with a palette. An index beyond it is transparent.
func palettedReader(src *image.Paletted, left int) func(dst *image.RGBA, y int) {
	colours := make([][4]uint8, 256)
	for i, c := range src.Palette {
		r, g, b, a := c.RGBA()
		colours[i] = [4]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), uint8(a >> 8)}
	}
	return func(dst *image.RGBA, y int) {
		indices := src.Pix[y*src.Stride+left:]
		for x := range dst.Rect.Dx() {
			copy(dst.Pix[4*x:], colours[indices[x]][:])
		}
	}
}

// copyOf copies the part of a picture that begins at a corner; src itself if it is that already.
func copyOf(ctx context.Context, src image.Image, corner, size image.Point) (*image.RGBA, error) {
	if m, ok := src.(*image.RGBA); ok && m.Rect.Size() == size && m.Stride == 4*size.X {
		return m, nil
	}
	dst := image.NewRGBA(image.Rectangle{Max: size})
	read := rowReader(src, corner.X)
	for y := range size.Y {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row := dst.Pix[y*dst.Stride:][:dst.Stride]
		read(&image.RGBA{Pix: row, Stride: dst.Stride, Rect: image.Rect(0, 0, size.X, 1)}, corner.Y+y)
	}
	return dst, nil
}
