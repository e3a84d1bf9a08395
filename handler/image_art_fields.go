package handler

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

// newField makes the sum of four layers of value noise; the largest hills are size pixels wide.
func newField(c canvas, size float64, r *rand.Rand) field {
	f := field{across: c.width()/fieldStep + 3}
	down := c.height()/fieldStep + 3
	f.heights = make([]float32, f.across*down)
	share := float32(0.5)
	for range 4 {
		n := newNoise(r)
		for i := range f.heights {
			x, y := float64(i%f.across*fieldStep), float64(i/f.across*fieldStep)
			f.heights[i] += share * n.at(x/size, y/size)
		}
		size, share = size/2, share/2
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
func paintContours(c canvas, p palette, r *rand.Rand) {
	const levels = 13
	f := newField(c, c.short()*(0.5+0.3*r.Float64()), r)
	low, high := float32(1), float32(0)
	for _, h := range f.heights {
		low, high = min(low, h), max(high, h)
	}
	scale := levels / float64(high-low)
	for y := range c.height() {
		for x := range c.width() {
			here := (f.at(float64(x), float64(y)) - float64(low)) * scale
			right := (f.at(float64(x)+1, float64(y)) - float64(low)) * scale
			below := (f.at(float64(x), float64(y)+1) - float64(low)) * scale
			level := math.Floor(here)
			k := p.at(0.12 + 0.86*level/levels)
			slope := math.Abs(right-here) + math.Abs(below-here) + 1e-4
			width := 1.1
			if int(level)%4 == 0 {
				width = 2
			}
			line := width - (here-level)/slope // pixels from the line at the foot of the level
			k = mix(k, p.at(0.02), 0.75*float32(min(max(line, 0), 1)))
			light := float32(1 + 2.2*min(max(below-here+right-here, -0.08), 0.08))
			for i := range k {
				k[i] = min(k[i]*light, 255)
			}
			c.set(x, y, k)
		}
	}
}

// paintFlow draws the paths of particles that a field carries.
func paintFlow(c canvas, p palette, r *rand.Rand) {
	w, h := float64(c.width()), float64(c.height())
	for y := range c.height() {
		k := p.at(0.10 * (1 - float64(y)/h))
		for x := range c.width() {
			c.set(x, y, k)
		}
	}
	f := newField(c, c.short()*0.7, r)
	turns := 2.2 + 1.6*r.Float64()
	for range int(w * h / 900) {
		x, y := r.Float64()*w, r.Float64()*h
		k := p.at(0.25 + 0.75*(0.6*x/w+0.4*r.Float64()))
		strength := 0.15 + 0.45*r.Float32()
		for life := 40 + r.IntN(70); life > 0 && x >= 0 && y >= 0 && x < w && y < h; life-- {
			c.spot(x, y, k, strength)
			sin, cos := math.Sincos(2 * math.Pi * turns * f.at(x, y))
			x, y = x+1.3*cos, y+1.3*sin
		}
	}
}

// spot lays a dot one pixel wide over the four pixels that it touches.
func (c canvas) spot(x, y float64, k rgb, cover float32) {
	i, j := int(x), int(y)
	u, v := float32(x-float64(i)), float32(y-float64(j))
	c.blend(i, j, k, cover*(1-u)*(1-v))
	c.blend(i+1, j, k, cover*u*(1-v))
	c.blend(i, j+1, k, cover*(1-u)*v)
	c.blend(i+1, j+1, k, cover*u*v)
}
