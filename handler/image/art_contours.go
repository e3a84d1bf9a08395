package image

import (
	"math"
	"math/rand/v2"
)

// field is a smooth random height over the canvas, 0 … 1, known at every fieldStep pixels.
type field struct {
	across  int
	heights []float32
}

const fieldStep = 4

// flatField is 0 all over.
func flatField(c canvas) field {
	across, down := c.width()/fieldStep+3, c.height()/fieldStep+3
	return field{across: across, heights: make([]float32, across*down)}
}

// place is where on the canvas the i-th height is.
func (f field) place(i int) (x, y float64) {
	return float64(i % f.across * fieldStep), float64(i / f.across * fieldStep)
}

// newField makes the sum of four layers of value noise, each turned so that their grids do not
// show; the largest hills are size pixels wide.
func newField(c canvas, size float64, r *rand.Rand) field {
	f := flatField(c)
	share := float32(0.55)
	for range 4 {
		n := newNoise(r)
		sin, cos := math.Sincos(r.Float64() * 2 * math.Pi)
		for i := range f.heights {
			x, y := f.place(i)
			x, y = x/size, y/size
			f.heights[i] += share * n.at(x*cos-y*sin+512, x*sin+y*cos+512)
		}
		size, share = size/2.1, share*0.45
	}
	return f
}

// at is the height at a pixel.
func (f field) at(x, y float64) float64 {
	x, y = x/fieldStep, y/fieldStep
	i, j := int(x), int(y)
	u, v := float32(x)-float32(i), float32(y)-float32(j)
	h := f.heights[j*f.across+i:]
	top, below := h[0]+(h[1]-h[0])*u, h[f.across]+(h[f.across+1]-h[f.across])*u
	return float64(top + (below-top)*v)
}

// noise is random numbers on the points of a grid, smooth between them.
type noise [64 * 64]float32

func newNoise(r *rand.Rand) *noise {
	n := new(noise)
	for i := range n {
		n[i] = r.Float32()
	}
	return n
}

func (n *noise) at(x, y float64) float32 {
	i, j := int(x), int(y)
	u, v := smooth(float32(x)-float32(i)), smooth(float32(y)-float32(j))
	point := func(i, j int) float32 { return n[(j&63)<<6|i&63] }
	top := point(i, j) + (point(i+1, j)-point(i, j))*u
	below := point(i, j+1) + (point(i+1, j+1)-point(i, j+1))*u
	return top + (below-top)*v
}

// smooth eases t from 0 to 1.
func smooth(t float32) float32 { return t * t * (3 - 2*t) }

// paintContours draws a map of hills with lines of equal height.
func paintContours(c canvas, p *palette, r *rand.Rand) {
	const levels = 13
	f := newField(c, c.short()*(0.4+0.25*r.Float64()), r)
	low, high := float32(math.Inf(1)), float32(math.Inf(-1))
	for _, h := range f.heights {
		low, high = min(low, h), max(high, h)
	}
	scale := levels / float64(high-low)
	row, next := make([]float64, c.width()+1), make([]float64, c.width()+1)
	survey := func(row []float64, y int) {
		for x := range row {
			row[x] = (f.at(float64(x), float64(y)) - float64(low)) * scale
		}
	}
	survey(row, 0)
	for y := range c.height() {
		survey(next, y+1)
		for x := range c.width() {
			c.set(x, y, contour(p, levels, row[x], row[x+1], next[x]))
		}
		row, next = next, row
	}
}

// contour colours a pixel of a map by its height in levels and those to the right and below.
func contour(p *palette, levels int, here, right, below float64) rgb {
	level := math.Floor(here)
	k := p.at(0.12 + 0.86*level/float64(levels))
	light := float32(1 + 2.2*min(max(below-here+right-here, -0.08), 0.08))
	for i := range k {
		k[i] = min(k[i]*light, 255)
	}
	width := 1.1
	if int(level)%4 == 0 {
		width = 2
	}
	slope := math.Abs(right-here) + math.Abs(below-here) + 1e-4
	line := width - (here-level)/slope // pixels from the line at the foot of the level
	return mix(k, p.at(0.02), 0.75*float32(min(max(line, 0), 1)))
}
